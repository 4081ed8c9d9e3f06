"""Artefacts: noise and halos."""

from __future__ import annotations

import math

import pytest
import torch
from metrics.scenes import HEIGHT, WIDTH, curved, scene, shifted
from scipy import ndimage
from torch import Tensor

from photostyle_native import metrics


def test_added_noise_is_gained() -> None:
    content = scene()
    noisy = content + 4 / 255 * torch.randn(HEIGHT, WIDTH)
    # 2/255 of grain, with 4/255 more: sqrt(4 + 16) / 2
    assert metrics.noise_gain(content, noisy) == pytest.approx(math.sqrt(5), rel=0.1)
    assert metrics.noise_gain(content, torch.from_numpy(ndimage.gaussian_filter(content.numpy(), (0, 1, 1)))) < 0.5
    spoilt = content.clone()
    spoilt[:, 5, 60] = 1  # one wild pixel
    assert metrics.noise_gain(content, spoilt) < 1.2
    assert metrics.noise_gain(noisy, noisy) == 1


def test_grain_elsewhere_is_no_gain() -> None:
    assert metrics.noise_gain(scene(), shifted(scene())) == pytest.approx(1, abs=0.1)


def test_noise_in_textured_places_does_not_count() -> None:
    content = scene()
    noisy = content.clone()
    noisy[:, 60:, 25:95] += 0.1 * torch.randn(HEIGHT - 60, 70)  # on the windows of the building
    assert metrics.noise_gain(content, noisy) == pytest.approx(1, abs=0.1)


def test_clean_and_clean_is_no_gain() -> None:
    flat = torch.full((3, 40, 50), 0.5)
    assert metrics.noise_gain(flat, flat * 0.3) == pytest.approx(1)
    # Against nothing but the rounding of an 8-bit file, s = 1 / (255 sqrt(12)): sqrt(sigma^2 + s^2) / s.
    noisy = flat + 3 / 255 * torch.randn(40, 50)
    assert metrics.noise_gain(flat, noisy) == pytest.approx(math.sqrt(1 + 9 * 12), rel=0.1)


def test_a_halo_reverses_gradients() -> None:
    content = scene()
    found = [metrics.gradient_reversal(content, sharpened(content, amount)) for amount in (0, 0.5, 1, 2)]
    assert found == sorted(found)
    assert found[0] == 0
    assert found[1] > 0.001
    assert found[3] > 5 * metrics.gradient_reversal(content, curved(content))
    assert found[3] <= 0.5


def sharpened(image: Tensor, amount: float) -> Tensor:
    """Unsharp masking with a wide radius: bright and dark rims along every edge."""
    return image + amount * (image - torch.from_numpy(ndimage.gaussian_filter(image.numpy(), (0, 4, 4))))


def test_reversal_of_a_ramp_by_hand() -> None:
    """A roof: the content rises all the way, the output rises on the left half and falls on the right."""
    x = torch.arange(64.0)
    content = x.expand(3, 64, 64)
    roof = torch.minimum(x, 63 - x).expand(3, 64, 64)
    assert metrics.gradient_reversal(content, 1 - content) == 0
    # Of the Gaussian agreement window (4 pixels), t pixels from the ridge, the share Phi(-t/4) has the other sign: in
    # all 2 * 4 / sqrt(2 pi) columns of 64.
    assert metrics.gradient_reversal(content, roof) == pytest.approx(8 / math.sqrt(2 * math.pi) / 64, rel=0.05)
