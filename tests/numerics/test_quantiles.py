"""Quantiles of weighted colours."""

from __future__ import annotations

import torch

from photostyle_native.numerics.quantiles import QUANTILES, color_quantiles


def test_quantiles_of_soft_weights() -> None:
    colors = torch.rand(3, 500)
    weight = torch.randint(0, 4, (500,)).float()
    repeated = colors.repeat_interleave(weight.long(), 1)  # a weight is a number of copies
    directions = torch.randn(4, 3, dtype=torch.float64)
    ours = color_quantiles(colors, weight, directions)
    torch.testing.assert_close(ours, color_quantiles(repeated, torch.ones(repeated.shape[1]), directions))
    assert ours.shape == (4, QUANTILES)
    assert bool((ours.diff(dim=1) >= 0).all())
    assert bool(torch.isin(ours, directions @ colors.double()).all())
