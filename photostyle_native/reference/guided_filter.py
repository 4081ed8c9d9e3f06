"""The colour guided filter, computed window by window with centred statistics."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .windows import fit_windows, flatten_batch, fold_windows, unfold_windows


def guided_filter(x: Tensor, image: Tensor, eps: float = 1e-2, radius: int = 8) -> Tensor:
    """Filter x so that the edges of an image are kept and the rest is smoothed; windows are cut at the border.

    Args:
        x: values, shape (..., C, H, W).
        image: guide colours, shape (3, H, W), or with the batch dimensions of `x`.
        eps: added to the diagonal of a window's mean covariance, in squared units of `image`.
        radius: windows have (2 radius + 1)^2 pixels.

    Returns:
        The filtered values, shaped like `x`.

    Source: He, Sun, Tang: Guided Image Filtering (ECCV 2010), eqs. 14-16.
    """
    height, width = x.shape[-2:]
    flat, guide_image = flatten_batch(x, image)
    pad = (radius,) * 4
    inside = unfold_windows(F.pad(torch.ones_like(flat[:, :1]), pad), radius)
    padded_guide = unfold_windows(F.pad(guide_image, pad), radius)
    values = unfold_windows(F.pad(flat, pad), radius)
    ridge = eps * inside[..., 0].sum(-1)
    guide, slopes = fit_windows(padded_guide, values, inside, ridge)
    mean = (values * inside).sum(-2, keepdim=True) / inside.sum(-2, keepdim=True)
    fitted = (mean + guide @ slopes) * inside
    sums = fold_windows(fitted, height + 2 * radius, width + 2 * radius, radius)
    counts = fold_windows(inside, height + 2 * radius, width + 2 * radius, radius)
    crop = (..., slice(radius, radius + height), slice(radius, radius + width))
    return (sums[crop] / counts[crop]).reshape(x.shape)
