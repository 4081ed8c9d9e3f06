"""Masks for a transfer that nobody gave masks for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from ..errors import PhotostyleError
from ..images.photo import Photo
from ..images.resize import working_size
from ..masks.pairs import MaskPair, Size, prepare_pair, single_region
from ..network.vgg19 import VGG19
from .cosegmentation import cosegment
from .joint_features import LONGEST
from .regions import MAX_REGIONS, CoSegmentation
from .scene_parser import check_scene_parser, load_scene_parser
from .scene_regions import parse_scenes

AUTOMATIC = ("features", "ade20k", "none")


def check_automatic(
    auto_mask: str | None,
    regions: int | None = None,
    segment_model: str | Path | None = None,
    *,
    masks_given: bool = False,
) -> None:
    """Raise PhotostyleError for a source of masks that is not known or not installed, for a number of regions that
    cannot be made, and for parameters that the source, or given masks, would leave unused."""
    if auto_mask is not None and auto_mask not in AUTOMATIC:
        raise PhotostyleError(f"`auto_mask` must be {', '.join(AUTOMATIC[:-1])} or none, got {auto_mask!r}")
    if regions is not None and not 1 <= regions <= MAX_REGIONS:
        raise PhotostyleError(f"`regions` must be from 1 to {MAX_REGIONS}, got {regions}")
    for name, value, source in (("regions", regions, "features"), ("segment_model", segment_model, "ade20k")):
        if value is not None and masks_given:
            raise PhotostyleError(f"`{name}` is for automatic masks: leave out `content_mask` and `style_mask`")
        if value is not None and auto_mask != source:
            raise PhotostyleError(f"`{name}` is for `auto_mask` {source}, got {auto_mask or 'none'}")
    if auto_mask == "ade20k" and not masks_given:
        check_scene_parser()


def find_regions(
    content: Tensor,
    style: Tensor,
    auto_mask: str,
    vgg: VGG19,
    *,
    regions: int | None = None,
    segment_model: str | Path | None = None,
    content_scribbles: np.ndarray | None = None,
    style_scribbles: np.ndarray | None = None,
) -> CoSegmentation:
    """Regions of two photos, (3, H, W) and (3, H', W') in [0, 1], that correspond.

    `auto_mask` is ``features`` (see `cosegment`, which takes `regions` and the scribbles) or ``ade20k`` (see
    `parse_scenes`; `segment_model` as for `load_scene_parser`). Networks compute where `vgg` is. Raises
    PhotostyleError as these.
    """
    if auto_mask == "ade20k":
        parser = load_scene_parser(segment_model, vgg.mean.device)
        found = parse_scenes(content, style, parser, vgg)
        if not parser.groups.unknown:
            return found
        note = f"Classes of {parser.source} that are not known were left out: {', '.join(parser.groups.unknown)}."
        return replace(found, notes=(note, *found.notes))
    return cosegment(
        content,
        style,
        regions=regions,
        content_scribbles=content_scribbles,
        style_scribbles=style_scribbles,
        vgg=vgg,
    )


def automatic_pair(
    content: Photo, style: Photo, sizes: tuple[Size, Size], auto_mask: str | None, vgg: VGG19, **options: Any
) -> MaskPair:
    """Masks of two photos, at `sizes` (height, width), from the photos alone.

    `auto_mask` as for `transfer`, `options` as for `find_regions`. Regions do not depend on sizes below `LONGEST`: a
    small preview has those of the final picture. The notes say which regions were found, and how well they match.
    Raises PhotostyleError as `find_regions`.
    """
    if auto_mask in (None, "none"):
        return single_region(*sizes)
    images = [
        photo.tensor(working_size(photo.size, max(LONGEST, *size)))
        for photo, size in zip((content, style), sizes, strict=True)
    ]
    found = find_regions(images[0], images[1], str(auto_mask), vgg, **options)
    notes = list(found.notes)
    if len(found.labels) == 1:
        pair = single_region(*sizes)
    else:
        pair = prepare_pair(*found.label_images(), *sizes)
        numbers = zip(found.meanings or found.labels, found.confidence, strict=True)
        matched = ", ".join(f"{name} {value:.2f}" for name, value in numbers if name in pair.labels)
        notes.append(f"Masks were made from the photos; the regions match with confidence {matched}.")
    return MaskPair(pair.content, pair.style, pair.labels, (*notes, *pair.notes))
