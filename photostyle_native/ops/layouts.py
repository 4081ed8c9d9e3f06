"""Memory layouts of features (..., C, H, W): contiguous, or with the channels last, as in torch.channels_last."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def has_channels_last(features: Tensor) -> bool:
    """Whether the channels are last in memory, and not also first."""
    return not features.is_contiguous() and features.movedim(-3, -1).is_contiguous()


def as_rows(features: Tensor) -> Tensor:
    """The features as (..., H, W, C), contiguous; a copy only if their channels are not last in memory."""
    return features.movedim(-3, -1).contiguous()


def empty_in_layout(like: Tensor, shape: Sequence[int], dtype: torch.dtype | None = None) -> Tensor:
    """Memory for (..., C, H, W) in the layout of `like`: channels last if they are last there, else contiguous."""
    if not has_channels_last(like):
        return like.new_empty(shape, dtype=dtype)
    *lead, channels, height, width = shape
    return like.new_empty((*lead, height, width, channels), dtype=dtype).movedim(-1, -3)


def in_layout(like: Tensor, rows: Tensor) -> Tensor:
    """Rows (..., H, W, C) as features (..., C, H, W) in the layout of `like`."""
    features = rows.movedim(-1, -3)
    return features if has_channels_last(like) else features.contiguous()
