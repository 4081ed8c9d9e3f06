"""Colour transfer by optimal transport, label by label; the optimisation of the default preset starts from it.

F. Pitie, A. Kokaram, R. Dahyot: *Automated colour grading using colour distribution transfer* (2007), and Rabin et
al.: *Wasserstein barycenter and its application to texture mixing* (2011). First, a linear map per label gives the
right mean and covariance. Then the remaining difference between the two distributions is reduced along the axes of
several random coordinate systems in turn; along one axis, optimal transport matches quantiles. This second map
amplifies grain and breaks smooth gradients, so a guided filter keeps only the part of it that is locally affine in
the photo's colours.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .. import ops
from ..numerics.quantiles import color_quantiles
from .linear import check_masked_photos, feathered, masked_mk_transfer

_ROTATIONS = 8
_FEWEST = 50  # pixels of a label; the distribution of fewer is not matched
# Wider windows and borders invent less, narrower ones bring the colours closer; found on twelve pairs of photos.
_BORDER, _BORDER_VARIANCE = 0.09, 1e-4  # masks follow the photo's edges this far, as a share of the longer side
_SMOOTHING = 1 / 18  # radius of the guided filter, as a share of the longer side
_SMOOTHING_VARIANCE = 1e-3  # where the guide's variance in a window is smaller, the move is averaged


def masked_transport(content: Tensor, style: Tensor, content_masks: Tensor, style_masks: Tensor) -> Tensor:
    """Give each label of the content photo the distribution of the same label's colours in the style photo.

    Args:
        content, style: (3, H, W) and (3, H', W'), RGB in [0, 1], float32.
        content_masks, style_masks: (K, H, W) and (K, H', W'), non-negative; soft values allowed. They need not be
            exact: their borders are brought to the photos' edges.

    Returns:
        (3, H, W), float32 in [0, 1]. The map is smooth, so the distributions are close but not equal. Every call
        gives the same bits, because the random coordinate systems have a fixed seed.

    Raises:
        PhotostyleError: the shapes do not agree.
    """
    check_masked_photos(content, style, content_masks, style_masks)
    content_masks, style_masks = (
        feathered(masks.float(), photo.float(), _BORDER, _BORDER_VARIANCE).clamp(0, 1)
        for masks, photo in ((content_masks, content), (style_masks, style))
    )
    linear = masked_mk_transfer(content, style, content_masks, style_masks)
    move = transport_by_label(linear, style, content_masks, style_masks, _ROTATIONS)
    radius = max(1, round(_SMOOTHING * max(content.shape[-2:])))
    smooth = ops.guided_filter(move.float(), content.float().contiguous(), radius=radius, eps=_SMOOTHING_VARIANCE)
    return (linear + smooth).clamp(0, 1)


def transport_by_label(
    content: Tensor, style: Tensor, content_masks: Tensor, style_masks: Tensor, rotations: int
) -> Tensor:
    """How far each colour moves when each label gets the distribution of the same label in the style photo.

    Args:
        content, style, content_masks, style_masks: as for `masked_transport`.
        rotations: the number of random coordinate systems. Every system brings the distributions closer.

    Returns:
        (3, H, W), float64. Pixels without a label do not move.

    Source: Pitie, Kokaram and Dahyot 2007, section 3, with 256 quantiles instead of a histogram along each axis.
    """
    colors, style_colors = content.flatten(1).double(), style.flatten(1).double()
    weights = content_masks.flatten(1).double()
    weights = weights / weights.sum(0).clamp(min=1)
    move = torch.zeros_like(colors)
    for weight, style_weight in zip(weights, style_masks.flatten(1).double(), strict=True):
        if min(float(weight.sum()), float(style_weight.sum())) >= _FEWEST:
            move += weight * (_transport(colors, weight, style_colors, style_weight, rotations) - colors)
    return move.view_as(content)


def _transport(colors: Tensor, weight: Tensor, target: Tensor, target_weight: Tensor, rotations: int) -> Tensor:
    """Move colours (3, N) towards the target's distribution along the axes of several systems in turn."""
    generator = torch.Generator().manual_seed(0)
    for _ in range(rotations):
        axes, _ = torch.linalg.qr(torch.randn(3, 3, dtype=torch.float64, generator=generator))
        axes = axes.to(colors.device)
        quantiles = color_quantiles(colors, weight, axes)
        target_quantiles = color_quantiles(target, target_weight, axes)
        seen = (axes @ colors).contiguous()
        right = torch.searchsorted(quantiles, seen).clamp(1, quantiles.shape[1] - 1)
        low, high = quantiles.gather(1, right - 1), quantiles.gather(1, right)
        share = ((seen - low) / (high - low).clamp(min=1e-6)).clamp(0, 1)
        shift = target_quantiles - quantiles  # colours beyond the outermost quantiles all move by the same shift
        colors = colors + axes.T @ torch.lerp(shift.gather(1, right - 1), shift.gather(1, right), share)
    return colors
