"""The picture that the optimisation starts from."""

from __future__ import annotations

import pytest
import torch

from photostyle_native.masks.pairs import MaskPair
from photostyle_native.pipeline.presets import PRESETS
from photostyle_native.pipeline.start import noise_start, starting_picture


def test_noise_is_tiny_around_the_mean_colour_and_follows_its_seed() -> None:
    noise = noise_start((60, 80), seed=3)
    assert noise.shape == (3, 60, 80)
    assert torch.equal(noise, noise_start((60, 80), seed=3))
    assert not torch.equal(noise, noise_start((60, 80), seed=4))
    mean = torch.tensor([123.68, 116.779, 103.939])  # of the images that the network was trained with, RGB, 0 to 255
    torch.testing.assert_close(255 * noise.mean((1, 2)), mean, rtol=0, atol=1e-3)
    assert float((255 * noise).std((1, 2)).max()) == pytest.approx(1e-3, rel=0.1)


def test_the_default_preset_starts_from_the_styles_colours_and_paper_from_noise() -> None:
    """Two flat halves: each takes the colour of the style's half with the same label."""
    content, style = torch.full((3, 32, 40), 0.5), torch.empty(3, 40, 32)
    style[:, :20], style[:, 20:] = torch.tensor([0.9, 0.2, 0.1])[:, None, None], 0.3
    masks = MaskPair(torch.zeros(2, 32, 40), torch.zeros(2, 40, 32), ("red", "grey"))
    masks.content[0, :, :20], masks.content[1, :, 20:] = 1, 1
    masks.style[0, :20], masks.style[1, 20:] = 1, 1
    start = starting_picture(PRESETS["default"], content, style, masks, seed=0)
    left, right = start[:, :, :10], start[:, :, 30:]  # in between, one colour passes softly into the other
    torch.testing.assert_close(left, torch.tensor([0.9, 0.2, 0.1])[:, None, None].expand_as(left), rtol=0, atol=2e-3)
    torch.testing.assert_close(right, torch.full_like(right, 0.3), rtol=0, atol=2e-3)
    noise = starting_picture(PRESETS["paper"], content, style, masks, seed=7)
    assert torch.equal(noise, noise_start((32, 40), 7))
