"""Matting Laplacian, window by window, with centred statistics."""

from __future__ import annotations

import torch
from torch import Tensor

from .windows import centre, fit_windows, flatten_batch, fold_windows, unfold_windows


def matting_laplacian(x: Tensor, image: Tensor, eps: float = 1e-7, radius: int = 1) -> Tensor:
    """L x of shape (..., C, H, W); each window adds the residual of its fit to its pixels (Levin et al. 2008)."""
    height, width = x.shape[-2:]
    if min(height, width) < 2 * radius + 1:
        return torch.zeros_like(x)
    flat, guide_image = flatten_batch(x, image)
    values = unfold_windows(flat, radius)
    inside = torch.ones_like(values[..., :1])
    ridge = torch.full_like(values[..., 0, 0], eps)  # n times eps / n: sums stand in for means throughout
    guide, slopes = fit_windows(unfold_windows(guide_image, radius), values, inside, ridge)
    residual = centre(values, inside) - guide @ slopes
    return fold_windows(residual, height, width, radius).reshape(x.shape)


def matting_energy(x: Tensor, image: Tensor, eps: float = 1e-7, radius: int = 1) -> Tensor:
    """Sum over channels of x^T L x, one per batch item."""
    return (x * matting_laplacian(x, image, eps, radius)).sum((-3, -2, -1))
