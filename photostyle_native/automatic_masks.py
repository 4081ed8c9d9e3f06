"""Masks for a transfer that nobody gave masks for."""

from __future__ import annotations

from torch import Tensor

from .cosegmentation import MAX_REGIONS, cosegment
from .errors import PhotostyleError
from .masks import MaskPair, prepare_pair, single_region
from .vgg import VGG19

AUTOMATIC = ("features", "none")


def check_automatic(auto_mask: str | None, regions: int | None) -> None:
    """Raise PhotostyleError for a source of masks that is not known or a number of regions that cannot be made."""
    if auto_mask is not None and auto_mask not in AUTOMATIC:
        raise PhotostyleError(f"`auto_mask` must be {' or '.join(AUTOMATIC)}, got {auto_mask!r}")
    if regions is not None and not 1 <= regions <= MAX_REGIONS:
        raise PhotostyleError(f"`regions` must be from 1 to {MAX_REGIONS}, got {regions}")


def automatic_pair(
    content: Tensor, style: Tensor, auto_mask: str | None, regions: int | None, vgg: VGG19
) -> MaskPair:
    """Masks of two photos, (3, H, W) and (3, H', W') in [0, 1], from the photos alone.

    `auto_mask` and `regions` as for `transfer`. The notes say which regions were found, and how well they match.
    Raises PhotostyleError as `cosegment`.
    """
    sizes = (content.shape[1], content.shape[2]), (style.shape[1], style.shape[2])
    if auto_mask in (None, "none"):
        return single_region(*sizes)
    found = cosegment(content, style, regions=regions, vgg=vgg)
    notes = list(found.notes)
    if len(found.labels) == 1:
        pair = single_region(*sizes)
    else:
        pair = prepare_pair(*found.label_images(), *sizes, content_image=content, style_image=style)
        matched = ", ".join(f"{name} {value:.2f}" for name, value in zip(found.labels, found.confidence, strict=True))
        notes.append(f"Masks were made from the photos; the regions match with confidence {matched}.")
    return MaskPair(pair.content, pair.style, pair.labels, (*notes, *pair.notes))
