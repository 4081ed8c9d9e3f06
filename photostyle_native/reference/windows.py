"""The windows of an image and the affine colour model in each, for the Matting Laplacian and the guided filter."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def unfold_windows(image: Tensor, radius: int) -> Tensor:
    """All windows of n = (2r + 1)^2 pixels that lie inside the image: (B, C, H, W) -> (B, H-2r, W-2r, n, C)."""
    span = 2 * radius + 1
    unfolded = image.unfold(-2, span, 1).unfold(-2, span, 1)  # (B, C, h, w, span, span)
    return unfolded.flatten(-2).permute(0, 2, 3, 4, 1)


def centre(windows: Tensor, inside: Tensor) -> Tensor:
    """Subtract from each window its mean over the pixels inside the image; pixels outside become zero.

    `windows` has shape (B, h, w, n, C); `inside`, (B, h, w, n, 1), is 1 at pixels of the image and 0 outside.
    """
    mean = (windows * inside).sum(-2, keepdim=True) / inside.sum(-2, keepdim=True)
    return (windows - mean) * inside


def fit_windows(image: Tensor, x: Tensor, inside: Tensor, ridge: Tensor) -> tuple[Tensor, Tensor]:
    """The centred windows of the guide, and the slopes a (B, h, w, 3, C) of the fit x ~ a . I + b in each window.

    `image` and `x` are windows, shapes (B, h, w, n, 3) and (B, h, w, n, C). `ridge` (B, h, w) is added to the
    diagonal of the covariance, which is a sum over the pixels and not a mean.
    """
    guide, values = centre(image, inside), centre(x, inside)
    eye = torch.eye(3, dtype=x.dtype, device=x.device)
    covariance = guide.mT @ guide + ridge[..., None, None] * eye
    slopes = torch.cholesky_solve(guide.mT @ values, torch.linalg.cholesky(covariance))
    return guide, slopes


def flatten_batch(x: Tensor, image: Tensor) -> tuple[Tensor, Tensor]:
    """Give values and guide one batch dimension, the guide repeated for every item: (B, C, H, W) and (B, 3, H, W)."""
    flat = x.reshape(-1, *x.shape[-3:])
    return flat, image.expand(*x.shape[:-3], *image.shape[-3:]).reshape(-1, *image.shape[-3:])


def fold_windows(windows: Tensor, height: int, width: int, radius: int) -> Tensor:
    """Adjoint of `unfold_windows`: sum each window's values onto its pixels, (B, h, w, n, C) -> (B, C, H, W)."""
    batch, h, w, n, channels = windows.shape
    columns = windows.permute(0, 4, 3, 1, 2).reshape(batch, channels * n, h * w)
    return F.fold(columns, (height, width), 2 * radius + 1)
