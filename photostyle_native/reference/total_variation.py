"""Squared total variation with the constants of the authors' released code."""

from __future__ import annotations

import torch
from torch import Tensor

_SCALE = 255.0**2


def _differences(x: Tensor) -> tuple[Tensor, Tensor]:
    """Forward differences across and down, of the first H - 1 rows and W - 1 columns."""
    corner = x[..., :-1, :-1]
    return x[..., :-1, 1:] - corner, x[..., 1:, :-1] - corner


def total_variation(x: Tensor) -> Tensor:
    """Half the sum of the squared forward differences of 255 x over the first H - 1 rows and W - 1 columns.

    Args:
        x: shape (..., C, H, W).

    Returns:
        Shape (...): one energy per batch item.

    Source: the released code of Luan, Paris, Shechtman, Bala: Deep Photo Style Transfer (2017).
    """
    across, down = _differences(x)
    return (across.square() + down.square()).sum((-3, -2, -1)) * (_SCALE / 2)


def gradient(x: Tensor) -> Tensor:
    """The gradient of `total_variation`, shaped like `x`; it is linear in `x`."""
    across, down = (_SCALE * d for d in _differences(x))
    result = torch.zeros_like(x)
    result[..., :-1, 1:] += across
    result[..., 1:, :-1] += down
    result[..., :-1, :-1] -= across + down
    return result
