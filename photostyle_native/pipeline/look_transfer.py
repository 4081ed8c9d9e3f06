"""A look on a photo of any colour space."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..color.look import Look
from ..color.table import Table
from ..images.photo import Photo, as_photo
from ..machine import resolve_device

_ELSEWHERE = (
    "this is not the scene, or not the frame, that the look was made from, so all places were treated alike, as with "
    "--everywhere; --by-place insists on the colours of each place"
)


@torch.no_grad()
def recolored(
    look: Look | Table,
    photo: Photo,
    *,
    device: str = "auto",
    everywhere: bool = False,
    by_place: bool = False,
    **mixing: Any,
) -> tuple[Tensor | np.ndarray, tuple[str, ...]]:
    """Apply a look to a photo, in the look's colour space, and bring the result to the photo's own.

    Args:
        look: the look. A table is applied in the photo's own colour space.
        photo: the photo.
        device: where to compute, as for `transfer`.
        everywhere: treat all places alike.
        by_place: use each place's own colours. Without either they are used if the photo shows the look's scene.
        mixing: `strength`, `keep_luma` and `keep_chroma` of `Look.apply`.

    Returns:
        The pixels, for `write_photo`, and a sentence for each thing that one should know.

    Raises:
        PhotostyleError: an argument cannot be used, or the colours cannot be converted.
    """
    space = photo.icc_profile if isinstance(look, Table) else look.icc_profile
    original = photo.converted_to(space).tensor().to(resolve_device(device))
    strange = not (everywhere or by_place or look.fits(original))
    image = look.apply(original, everywhere=everywhere or strange, **mixing).cpu()
    notes = (*([_ELSEWHERE] if strange else []), *photo.notes)
    if photo.icc_profile == space:
        return image, notes
    return replace(as_photo(image), icc_profile=space).converted_to(photo.icc_profile).pixels, notes
