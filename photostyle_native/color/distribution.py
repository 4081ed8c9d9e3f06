"""Colour transfer by the whole distribution of colours, label by label (IDT), without the grain that it makes.

F. Pitie, A. Kokaram, R. Dahyot: *Automated colour grading using colour distribution transfer* (Computer Vision and
Image Understanding 107, 2007). Along the axes of random coordinate systems in turn, the content's quantiles become
those of the style. The result has the style's distribution, and grain where the map is steep. The second part of the
paper keeps the result's colours, but the content's gradients.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..numerics.weighted_smoothing import weighted_smoothing
from .linear import check_masked_photos
from .transport import transport_by_label

_ROTATIONS = 24  # the paper says that some 20 are enough
_LEVELS = 255  # the paper's constants are for values from 0 to 255
_LEAST = 1e-2  # of the weight of the colours, where the content is flat


def masked_idt(content: Tensor, style: Tensor, content_masks: Tensor, style_masks: Tensor) -> Tensor:
    """Give each label of the content photo the distribution of the same label's colours in the style photo.

    Args:
        content, style: (3, H, W) and (3, H', W'), RGB in [0, 1], float32, as encoded.
        content_masks, style_masks: (K, H, W) and (K, H', W'), non-negative; soft values allowed. Pixels without a
            label keep their colours.

    Returns:
        (3, H, W), float32 in [0, 1]. Every call gives the same bits: the coordinate systems have a fixed seed.

    Raises:
        PhotostyleError: the shapes do not agree, or a mask is negative.

    Source: Pitie, Kokaram and Dahyot 2007, sections 3 and 4.
    """
    check_masked_photos(content, style, content_masks, style_masks)
    move = transport_by_label(content, style, content_masks, style_masks, _ROTATIONS)
    return (content + _without_grain(move.float(), content)).clamp(0, 1)


def _without_grain(move: Tensor, content: Tensor) -> Tensor:
    """The change (3, H, W) that keeps the content's gradients (eqs. 15 to 17 of the paper).

    Where the content is flat, the result's gradients are to be those of the content; where it is not, the result's
    colours count. That is a smoothing of the change, weighted by the content's gradients.
    """
    steps = content.diff(dim=1), content.diff(dim=2)
    down, right = ((step * _LEVELS).square().sum(0).sqrt() for step in steps)
    slope = torch.zeros_like(content[0])
    slope[:-1] += down.square()
    slope[:, :-1] += right.square()
    fidelity = (slope.sqrt() / 5).clamp(_LEAST, 1)
    return weighted_smoothing(move, 30 / (1 + 10 * down), 30 / (1 + 10 * right), fidelity)
