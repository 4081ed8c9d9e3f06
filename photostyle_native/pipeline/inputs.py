"""Checks of arguments that `transfer` and `evaluate` share: precision, working size, the pair of masks."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import PhotostyleError, choice_error
from ..images.photo import Photo
from ..images.resize import working_size
from ..masks.label_images import LabelImage, read_labels
from ..masks.pairs import MaskPair, check_aspect, prepare_pair
from ..network.vgg19 import MIN_SIDE
from .fastest_network import Way, fastest_way
from .presets import PRECISIONS

# A panorama's short side, in pixels and as a share of the size: the deepest layer then has 4 rows.
_SHORT_SIDE, _SHORT_SHARE = 2 * MIN_SIDE, 0.16


def resolve_precision(precision: str, device: torch.device) -> Way:
    """The type in which the network computes, and how: for ``auto`` whatever is fastest on the device.

    Raises PhotostyleError for a name that is not in `PRECISIONS`.
    """
    if precision not in PRECISIONS:
        raise choice_error("precision", precision, PRECISIONS)
    types = {"float32": torch.float32, "bfloat16": torch.bfloat16}
    return fastest_way(device, tuple(types.values()) if precision == "auto" else (types[precision],))


def fitting_size(photo: Photo, longest: int, *, strict: bool = True) -> tuple[int, int]:
    """The working size (height, width) of a photo whose longest side is to be at most `longest`.

    Without `strict` (nobody asked for this very size) a panorama longer than 6.25 : 1 becomes longer than asked:
    its short side has 64 pixels, or as many as the photo has; of small sizes at least the 32 that the network needs.

    Raises PhotostyleError if `longest` is below 1, or if a side becomes too short for the network's poolings.
    """
    if longest < 1:
        raise PhotostyleError(f"`size` must be a positive number of pixels, got {longest}")
    if not strict:
        short = min(max(MIN_SIDE, round(_SHORT_SHARE * longest)), _SHORT_SIDE, *photo.size)
        longest = max(longest, math.ceil(short * max(photo.size) / min(photo.size)))
    height, width = working_size(photo.size, longest)
    if min(height, width) < MIN_SIDE:
        raise PhotostyleError(
            f"{photo.name} would be worked on at {width}x{height} pixels, but the network's poolings need at least "
            f"{MIN_SIDE} on each side: use a larger `size` or a larger photo"
        )
    return height, width


def check_both_masks(
    content_mask: Any, style_mask: Any, names: tuple[str, str] = ("`content_mask`", "`style_mask`")
) -> None:
    """Raise PhotostyleError if only one of the two masks is given; the message calls them by `names`."""
    if (content_mask is None) != (style_mask is None):
        raise PhotostyleError(f"{names[0]} and {names[1]} belong together: give both or neither")


def read_mask_pair(
    content_mask: Any, style_mask: Any, content: Photo, style: Photo
) -> tuple[LabelImage, LabelImage] | None:
    """Read the label images of both photos. Returns None if no masks are given.

    Raises PhotostyleError if only one is given, cannot be read, or has another aspect ratio than its photo.
    """
    check_both_masks(content_mask, style_mask)
    if content_mask is None:
        return None
    read = []
    for mask, name, photo in ((content_mask, "content mask", content), (style_mask, "style mask", style)):
        labels = read_labels(mask, None if isinstance(mask, str | Path) else name)
        check_aspect(labels.name, labels.size, photo.size)
        read.append(labels)
    return read[0], read[1]


def read_given_masks(
    content_mask: Any, style_mask: Any, content: Photo, style: Photo, images: tuple[Tensor, Tensor]
) -> MaskPair | None:
    """Read both label images and make them fit the `images` of the photos at working size. None if none are given.

    Raises PhotostyleError as `read_mask_pair` does.
    """
    labels = read_mask_pair(content_mask, style_mask, content, style)
    if labels is None:
        return None
    sizes = [(image.shape[-2], image.shape[-1]) for image in images]
    return prepare_pair(
        *labels,
        *sizes,
        content_image=images[0].cpu(),
        style_image=images[1].cpu(),
        content_opacity=content.opacity(sizes[0]),
        style_opacity=style.opacity(sizes[1]),
    )
