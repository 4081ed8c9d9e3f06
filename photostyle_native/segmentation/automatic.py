"""Masks for a transfer to which none were given: a table of the sources that can make them.

The command line's help reads the table, so nothing here imports torch before a source is used.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import PhotostyleError, choice_error

if TYPE_CHECKING:
    from torch import Tensor

    from ..images.photo import Photo
    from ..masks.pairs import MaskPair, Size
    from ..network.vgg19 import VGG19
    from .regions import Regions


@dataclass(frozen=True)
class MaskSource:
    """A source of masks: a method that finds regions in two photos.

    about       what the method does with the photos, for the command line's help.
    find        function of a content photo, a style photo, the network and the parameters that returns `Regions`;
                None makes each photo one region.
    parameters  the parameters of `transfer` and `find_regions` that only this source takes.
    check       raises PhotostyleError if a package that the source needs is not installed.
    """

    about: str
    find: Callable[..., Regions] | None = None
    parameters: tuple[str, ...] = ()
    check: Callable[[], None] = lambda: None


def _by_features(content: Tensor, style: Tensor, vgg: VGG19, **parameters: Any) -> Regions:
    from .cosegmentation import cosegment

    return cosegment(content, style, vgg=vgg, **parameters)


def _by_scene(content: Tensor, style: Tensor, vgg: VGG19, segment_model: str | Path | None = None) -> Regions:
    from .scene_parser import load_scene_parser
    from .scene_regions import parse_scenes

    parser = load_scene_parser(segment_model, vgg.mean.device)
    found = parse_scenes(content, style, parser, vgg)
    if not parser.groups.unknown:
        return found
    note = f"Classes of {parser.source} that are not known were left out: {', '.join(parser.groups.unknown)}."
    return replace(found, notes=(note, *found.notes))


def _check_scene() -> None:
    from .scene_parser import check_scene_parser

    check_scene_parser()


SOURCES = {
    "features": MaskSource(
        "finds regions that correspond",
        _by_features,
        ("regions", "content_scribbles", "style_scribbles", "content_opacity", "style_opacity"),
    ),
    "ade20k": MaskSource("what the photos show", _by_scene, ("segment_model",), _check_scene),
    "none": MaskSource("takes each photo as one region"),
}
MAX_REGIONS = 9  # label images are written in the authors' palette, which has nine colours


def check_automatic(
    auto_mask: str | None,
    regions: int | None = None,
    segment_model: str | Path | None = None,
    *,
    masks_given: bool = False,
) -> None:
    """Raise PhotostyleError if the arguments for automatic masks cannot be used.

    That is a source that is not known or not installed, a number of regions that is not from 1 to `MAX_REGIONS`, or a
    parameter that the source would not use, or that no source would use because masks are given.
    """
    if auto_mask is not None and auto_mask not in SOURCES:
        raise choice_error("auto_mask", auto_mask, SOURCES)
    if regions is not None and not 1 <= regions <= MAX_REGIONS:
        raise PhotostyleError(f"`regions` must be from 1 to {MAX_REGIONS}, got {regions}")
    parameters = {"regions": regions, "segment_model": segment_model}
    for source, row in SOURCES.items():
        for name in row.parameters:
            given = parameters.get(name) is not None
            if given and masks_given:
                raise PhotostyleError(f"`{name}` is for automatic masks: leave out `content_mask` and `style_mask`")
            if given and auto_mask != source:
                raise PhotostyleError(f"`{name}` is for `auto_mask` {source}, got {auto_mask or 'none'}")
    if auto_mask is not None and not masks_given:
        SOURCES[auto_mask].check()


def needs_network(auto_mask: str | None) -> bool:
    """Whether this source of masks looks at the photos, for which it needs VGG-19."""
    return auto_mask is not None and SOURCES[auto_mask].find is not None


def find_regions(
    content: Tensor, style: Tensor, vgg: VGG19, auto_mask: str = "features", **parameters: Any
) -> Regions:
    """Find regions of two photos, (3, H, W) and (3, H', W') in [0, 1], that correspond.

    `auto_mask` names a source that has a `find` function. Of the `parameters`, the source's own are used: see
    `cosegment` for ``features``, and `scene_parser.load_scene_parser` for the `segment_model` of ``ade20k``. Networks
    compute on the device of `vgg`. Raises PhotostyleError as these functions do.
    """
    source = SOURCES[auto_mask]
    assert source.find is not None, auto_mask
    return source.find(content, style, vgg, **{name: parameters.get(name) for name in source.parameters})


def automatic_pair(
    content: Photo,
    style: Photo,
    sizes: tuple[Size, Size],
    auto_mask: str | None,
    vgg: VGG19 | None,
    **parameters: Any,
) -> MaskPair:
    """Make masks of two photos, at `sizes` (height, width), from the photos alone.

    `auto_mask` is as for `check_automatic`, `parameters` as for `find_regions`; `vgg` may be None if `needs_network`
    says so. At all sizes up to `joint_features.LONGEST` the regions are the same, so a small preview shows those of
    the final picture. The notes say which regions were found, and how well they match. Raises PhotostyleError as
    `find_regions` does.
    """
    from ..images.resize import working_size
    from ..masks.pairs import MaskPair, prepare_pair, single_region
    from .joint_features import LONGEST

    opacities = content.opacity(sizes[0]), style.opacity(sizes[1])
    if auto_mask is None or not needs_network(auto_mask):
        return single_region(*sizes).weighted(*opacities)
    assert vgg is not None, auto_mask
    larger = [
        working_size(photo.size, max(LONGEST, *size)) for photo, size in zip((content, style), sizes, strict=True)
    ]
    found = find_regions(
        content.tensor(larger[0]),
        style.tensor(larger[1]),
        vgg,
        auto_mask,
        content_opacity=content.opacity(larger[0]),
        style_opacity=style.opacity(larger[1]),
        **parameters,
    )
    notes = list(found.notes)
    if len(found.labels) == 1:
        pair = single_region(*sizes).weighted(*opacities)
    else:
        pair = prepare_pair(*found.label_images(), *sizes, content_opacity=opacities[0], style_opacity=opacities[1])
        numbers = zip(found.meanings or found.labels, found.confidence, strict=True)
        matched = ", ".join(f"{name} {value:.2f}" for name, value in numbers if name in pair.labels)
        notes.append(f"Masks were made from the photos; the regions match with confidence {matched}.")
    return MaskPair(pair.content, pair.style, pair.labels, (*notes, *pair.notes))
