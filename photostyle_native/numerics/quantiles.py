"""Quantiles of weighted colours along a direction, for one-dimensional optimal transport."""

from __future__ import annotations

import torch
from torch import Tensor

QUANTILES = 256
_UNIT = 2**52  # ranks are whole multiples of 1 / _UNIT, so that their sums are exact and equal on every device


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
    ranks = (weight / weight.sum() * _UNIT).round().long()[order].cumsum(1)
    middles = (2 * torch.arange(QUANTILES, device=colors.device) + 1) * (_UNIT // (2 * QUANTILES))
    index = torch.searchsorted(ranks, middles.expand(len(directions), -1).contiguous())
    return values.gather(1, index.clamp(max=values.shape[1] - 1))
