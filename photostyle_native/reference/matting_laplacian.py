"""The Matting Laplacian, computed window by window with centred statistics."""

from __future__ import annotations

import torch
from torch import Tensor

from .windows import centre, fit_windows, flatten_batch, fold_windows, unfold_windows


def matting_laplacian(x: Tensor, image: Tensor, eps: float = 1e-7, radius: int = 1) -> Tensor:
    """Product L x with the Matting Laplacian L of an image: each window adds the residual of its fit to its pixels.

    Args:
        x: values, shape (..., C, H, W).
        image: guide colours, shape (3, H, W), or with the batch dimensions of `x`.
        eps: the windows' mean covariance S becomes S + eps / n for n pixels; in squared units of `image`.
        radius: windows have n = (2 radius + 1)^2 pixels. Only those that lie wholly inside the image count.

    Returns:
        L x, shaped like `x`.

    Source: Levin, Lischinski, Weiss: A Closed-Form Solution to Natural Image Matting (PAMI 2008), eq. 5.
    """
    height, width = x.shape[-2:]
    if min(height, width) < 2 * radius + 1:
        return torch.zeros_like(x)
    flat, guide_image = flatten_batch(x, image)
    values = unfold_windows(flat, radius)
    inside = torch.ones_like(values[..., :1])
    ridge = torch.full_like(values[..., 0, 0], eps)  # eps, not eps / n, because the covariance is a sum, not a mean
    guide, slopes = fit_windows(unfold_windows(guide_image, radius), values, inside, ridge)
    residual = centre(values, inside) - guide @ slopes
    return fold_windows(residual, height, width, radius).reshape(x.shape)


def matting_energy(x: Tensor, image: Tensor, eps: float = 1e-7, radius: int = 1) -> Tensor:
    """The sum over channels of x^T L x, shape (...): one energy per batch item. Arguments as `matting_laplacian`.

    Source: Luan, Paris, Shechtman, Bala: Deep Photo Style Transfer (2017), eq. 2.
    """
    return (x * matting_laplacian(x, image, eps, radius)).sum((-3, -2, -1))
