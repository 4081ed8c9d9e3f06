"""Matting Laplacian and guided filter, window by window, with centred statistics."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def _windows(image: Tensor, radius: int) -> Tensor:
    """All windows that lie inside: (B, C, H, W) -> (B, H-2r, W-2r, n, C)."""
    span = 2 * radius + 1
    unfolded = image.unfold(-2, span, 1).unfold(-2, span, 1)  # (B, C, h, w, span, span)
    return unfolded.flatten(-2).permute(0, 2, 3, 4, 1)


def _centre(windows: Tensor, inside: Tensor) -> Tensor:
    """Subtract the mean over the pixels that are inside the image; the others become zero."""
    mean = (windows * inside).sum(-2, keepdim=True) / inside.sum(-2, keepdim=True)
    return (windows - mean) * inside


def _fit(image: Tensor, x: Tensor, inside: Tensor, ridge: Tensor) -> tuple[Tensor, Tensor]:
    """Centred windows of guide and values, and the slopes a (B, h, w, 3, C) of the fit x ~ a . I + b."""
    guide, values = _centre(image, inside), _centre(x, inside)
    eye = torch.eye(3, dtype=x.dtype, device=x.device)
    covariance = guide.mT @ guide + ridge[..., None, None] * eye
    slopes = torch.cholesky_solve(guide.mT @ values, torch.linalg.cholesky(covariance))
    return guide, slopes


def _batched(x: Tensor, image: Tensor) -> tuple[Tensor, Tensor]:
    flat = x.reshape(-1, *x.shape[-3:])
    return flat, image.expand(*x.shape[:-3], *image.shape[-3:]).reshape(-1, *image.shape[-3:])


def _gather(windows: Tensor, height: int, width: int, radius: int) -> Tensor:
    """Adjoint of `_windows`: sum each window's values onto its pixels, (B, h, w, n, C) -> (B, C, H, W)."""
    batch, h, w, n, channels = windows.shape
    columns = windows.permute(0, 4, 3, 1, 2).reshape(batch, channels * n, h * w)
    return F.fold(columns, (height, width), 2 * radius + 1)


def matting_laplacian(x: Tensor, image: Tensor, eps: float = 1e-7, radius: int = 1) -> Tensor:
    """L x of shape (..., C, H, W); each window adds the residual of its fit to its pixels (Levin et al. 2008)."""
    height, width = x.shape[-2:]
    if min(height, width) < 2 * radius + 1:
        return torch.zeros_like(x)
    flat, guide_image = _batched(x, image)
    values = _windows(flat, radius)
    inside = torch.ones_like(values[..., :1])
    ridge = torch.full_like(values[..., 0, 0], eps)  # n times eps / n: sums stand in for means throughout
    guide, slopes = _fit(_windows(guide_image, radius), values, inside, ridge)
    residual = _centre(values, inside) - guide @ slopes
    return _gather(residual, height, width, radius).reshape(x.shape)


def matting_energy(x: Tensor, image: Tensor, eps: float = 1e-7, radius: int = 1) -> Tensor:
    """Sum over channels of x^T L x, one per batch item."""
    return (x * matting_laplacian(x, image, eps, radius)).sum((-3, -2, -1))


def guided_filter(x: Tensor, image: Tensor, eps: float = 1e-2, radius: int = 8) -> Tensor:
    """Guided filter with windows cut at the border (He, Sun, Tang 2010)."""
    height, width = x.shape[-2:]
    flat, guide_image = _batched(x, image)
    pad = (radius,) * 4
    inside = _windows(F.pad(torch.ones_like(flat[:, :1]), pad), radius)
    padded_guide = _windows(F.pad(guide_image, pad), radius)
    values = _windows(F.pad(flat, pad), radius)
    ridge = eps * inside[..., 0].sum(-1)
    guide, slopes = _fit(padded_guide, values, inside, ridge)
    mean = (values * inside).sum(-2, keepdim=True) / inside.sum(-2, keepdim=True)
    fitted = (mean + guide @ slopes) * inside
    sums = _gather(fitted, height + 2 * radius, width + 2 * radius, radius)
    counts = _gather(inside, height + 2 * radius, width + 2 * radius, radius)
    crop = (..., slice(radius, radius + height), slice(radius, radius + width))
    return (sums[crop] / counts[crop]).reshape(x.shape)
