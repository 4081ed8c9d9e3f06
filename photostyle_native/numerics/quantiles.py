"""Quantiles of weighted colours along a direction, for one-dimensional optimal transport."""

from __future__ import annotations

import torch
from torch import Tensor

QUANTILES = 256


def color_quantiles(colors: Tensor, weight: Tensor, directions: Tensor) -> Tensor:
    """The quantiles of weighted colours, projected onto each direction.

    Args:
        colors: (3, N).
        weight: (N,), non-negative, not all zero.
        directions: (D, 3).

    Returns:
        (D, `QUANTILES`), float64, ascending: the values in the middle of `QUANTILES` equal shares of the weight.
    """
    seen = weight > 0
    weight = weight[seen].double()
    values, order = (directions.double() @ colors[:, seen].double()).sort(1)
    ranks = (weight / weight.sum())[order].cumsum(1)
    middles = (torch.arange(QUANTILES, dtype=torch.float64, device=colors.device) + 0.5) / QUANTILES
    index = torch.searchsorted(ranks, middles.expand(len(directions), -1).contiguous())
    return values.gather(1, index.clamp(max=values.shape[1] - 1))
