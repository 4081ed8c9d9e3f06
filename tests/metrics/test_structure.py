"""Structure: SSIM and edges."""

from __future__ import annotations

import math

import pytest
import torch

from photostyle_native import metrics


def test_ssim_of_a_flat_picture_is_its_factor_of_brightness() -> None:
    black, grey = torch.full((3, 16, 19), 0.2).double(), torch.full((3, 16, 19), 0.6).double()
    c1 = 0.01**2
    assert metrics.ssim(black, grey) == pytest.approx((2 * 0.2 * 0.6 + c1) / (0.2**2 + 0.6**2 + c1))


def test_edge_strength_of_a_step_by_hand() -> None:
    step = torch.zeros(3, 21, 40)
    step[:, :, 20:] = 0.5
    edges = metrics.edge_strength(step)
    # The filter is k g(k) for the Gaussian g. A pixel beside the step sees k >= 1, one 2 pixels on k >= 3. Two of 40
    # columns are 5 %, so the slope beside the step is the 99th percentile.
    tail = [sum(k * math.exp(-k * k / 2) for k in range(least, 5)) for least in (1, 3)]
    assert edges[10, 19:21] == pytest.approx([1, 1])
    assert edges[10, 22] == pytest.approx(tail[1] / tail[0])
    assert edges[10, :10].max() < 1e-6
