"""Colours by optimal transport, label by label: the start of the default preset.

F. Pitie, A. Kokaram, R. Dahyot: *Automated colour grading using colour distribution transfer* (2007), and Rabin et
al.: *Wasserstein barycenter and its application to texture mixing* (2011). A linear map per label gives the right
mean and covariance. What is left between the two distributions is moved along one random axis system after another,
where optimal transport is a matching of quantiles; and because such a map amplifies grain and tears smooth gradients
apart, only the part of it that is locally affine in the photo's colours is kept (a guided filter).
"""

from __future__ import annotations

import torch
from torch import Tensor

from .. import ops
from ..numerics.quantiles import color_quantiles
from .linear import masked_mk_transfer

_ROTATIONS = 8
_FEWEST = 50  # pixels; fewer have no distribution worth matching
_SMOOTHING = 1 / 32  # radius of the guided filter, as a share of the longer side
_SMOOTHING_VARIANCE = 1e-3  # of the guide within a window: below it the move is averaged rather than fitted


def masked_transport(content: Tensor, style: Tensor, content_masks: Tensor, style_masks: Tensor) -> Tensor:
    """The content photo with the distribution of each label's colours taken from the same label of the style photo.

    Args:
        content, style: (3, H, W) and (3, H', W'), RGB in [0, 1], float32.
        content_masks, style_masks: (K, H, W) and (K, H', W'), non-negative; soft values allowed.

    Returns:
        (3, H, W), float32 in [0, 1]: smooth, and near the distribution rather than equal to it. The same bits each
        time: the axis systems are drawn from a fixed seed.

    Raises:
        PhotostyleError: shapes do not agree.
    """
    linear = masked_mk_transfer(content, style, content_masks, style_masks)
    colors, style_colors = linear.flatten(1).double(), style.flatten(1).double()
    weights = content_masks.flatten(1).double()
    weights = weights / weights.sum(0).clamp(min=1)
    move = torch.zeros_like(colors)
    for weight, style_weight in zip(weights, style_masks.flatten(1).double(), strict=True):
        if min(float(weight.sum()), float(style_weight.sum())) >= _FEWEST:
            move += weight * (_transport(colors, weight, style_colors, style_weight) - colors)
    radius = max(1, round(_SMOOTHING * max(content.shape[-2:])))
    smooth = ops.guided_filter(
        move.float().view_as(content), content.float().contiguous(), radius=radius, eps=_SMOOTHING_VARIANCE
    )
    return (linear + smooth).clamp(0, 1)


def _transport(colors: Tensor, weight: Tensor, target: Tensor, target_weight: Tensor) -> Tensor:
    """Colours (3, N) after `_ROTATIONS` transports along the axes of a rotated system each."""
    generator = torch.Generator().manual_seed(0)
    for _ in range(_ROTATIONS):
        axes, _ = torch.linalg.qr(torch.randn(3, 3, dtype=torch.float64, generator=generator))
        axes = axes.to(colors.device)
        quantiles = color_quantiles(colors, weight, axes)
        target_quantiles = color_quantiles(target, target_weight, axes)
        seen = (axes @ colors).contiguous()
        right = torch.searchsorted(quantiles, seen).clamp(1, quantiles.shape[1] - 1)
        low, high = quantiles.gather(1, right - 1), quantiles.gather(1, right)
        share = ((seen - low) / (high - low).clamp(min=1e-6)).clamp(0, 1)
        shift = target_quantiles - quantiles  # beyond the outermost quantiles all move alike
        colors = colors + axes.T @ torch.lerp(shift.gather(1, right - 1), shift.gather(1, right), share)
    return colors
