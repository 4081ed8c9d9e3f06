"""The picture that the optimisation starts from."""

from __future__ import annotations

import pytest
import torch

from photostyle_native.pipeline.start import noise_start


def test_noise_is_tiny_around_the_mean_colour_and_follows_its_seed() -> None:
    noise = noise_start((60, 80), seed=3)
    assert noise.shape == (3, 60, 80)
    assert torch.equal(noise, noise_start((60, 80), seed=3))
    assert not torch.equal(noise, noise_start((60, 80), seed=4))
    mean = torch.tensor([123.68, 116.779, 103.939])  # of the images that the network was trained with, RGB, 0 to 255
    torch.testing.assert_close(255 * noise.mean((1, 2)), mean, rtol=0, atol=1e-3)
    assert float((255 * noise).std((1, 2)).max()) == pytest.approx(1e-3, rel=0.1)
