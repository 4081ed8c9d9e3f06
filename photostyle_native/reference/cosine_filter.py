"""A filter that is diagonal in the cosine transform, by products with the transform's matrices."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def cosines(n: int, like: Tensor) -> Tensor:
    """The matrix of the orthonormal cosine transform (DCT-II): row k has frequency k / (2 n).

    Args:
        n: the number of samples.
        like: a tensor with the dtype and the device of the result.

    Returns:
        Shape (n, n); rounded once, from float64.
    """
    k, i = (
        torch.arange(n, dtype=torch.float64, device="cpu")[:, None],
        torch.arange(n, dtype=torch.float64, device="cpu"),
    )
    rows = torch.cos(math.pi * (i + 0.5) * k / n) * math.sqrt(2 / n)
    rows[:1] /= math.sqrt(2)
    return rows.to(like.device, like.dtype)


def filtered(x: Tensor, gain: Tensor, down: Tensor, across: Tensor) -> Tensor:
    """The filter with given matrices of the transform.

    Args:
        x: shape (..., H, W).
        gain: shape (H, W).
        down, across: what `cosines` returns for H and for W.

    Returns:
        Shaped like `x`.
    """
    spectrum = down @ x @ across.T * gain
    return down.T @ spectrum @ across


def cosine_filter(x: Tensor, gain: Tensor) -> Tensor:
    """Multiply the cosine coefficients of pictures by a gain.

    Args:
        x: shape (..., H, W).
        gain: shape (H, W); row k and column l belong to the frequencies k / (2 H) and l / (2 W), in cycles per pixel.

    Returns:
        Shaped like `x`.
    """
    height, width = x.shape[-2:]
    return filtered(x, gain, cosines(height, x), cosines(width, x))
