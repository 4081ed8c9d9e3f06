"""`photostyle apply` and `photostyle lut`: use a look that a transfer has saved."""

from __future__ import annotations

import argparse
import os
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from ..color.look import Look
from ..errors import PhotostyleError
from ..files import check_file, same_file, write_atomically
from ..images.photo import as_photo, read_photo
from ..images.write import check_writable, write_photo
from ..machine import resolve_device
from .options import keyword_arguments
from .progress import plain_warnings
from .streams import say

_ELSEWHERE = (
    "this is not the scene, or not the frame, that the look was made from, so all places were treated alike, as with "
    "--everywhere; --by-place insists on the colours of each place"
)


@torch.no_grad()
def apply(options: argparse.Namespace) -> int:
    """Run `photostyle apply`: give a photo a look. Returns 0.

    Raises:
        PhotostyleError: an option or a file cannot be used; nothing has been written then.
    """
    device = resolve_device(**keyword_arguments(resolve_device, options))
    for role, path in (("LOOK", options.look), ("PHOTO", options.photo)):
        if same_file(path, options.output):
            raise PhotostyleError(f"{options.output}: the output would overwrite {role}")
    check_writable(options.output, options.bit_depth)
    look = Look.load(options.look)
    photo = read_photo(options.photo)
    check_writable(options.output, options.bit_depth, photo.size)
    with plain_warnings():
        original = photo.converted_to(look.icc_profile).tensor().to(device)
        arguments = keyword_arguments(look.apply, options)
        strange = not (options.everywhere or options.by_place or look.fits(original))
        image = look.apply(original, **{**arguments, "everywhere": options.everywhere or strange}).cpu()
    pixels: Tensor | np.ndarray = image
    if photo.icc_profile != look.icc_profile:
        pixels = replace(as_photo(image), icc_profile=look.icc_profile).converted_to(photo.icc_profile).pixels
    notes = write_photo(options.output, pixels, like=photo, bit_depth=options.bit_depth, dither=True)
    look_name = os.path.basename(options.look)
    say(
        f"{options.output}: {photo.width} x {photo.height} pixels with the look of {look_name}",
        *(f"note: {note}" for note in (*([_ELSEWHERE] if strange else []), *photo.notes, *notes)),
    )
    return 0


def lut(options: argparse.Namespace) -> int:
    """Run `photostyle lut`: write a look as a .cube table. Returns 0.

    Raises:
        PhotostyleError: an option or a file cannot be used; nothing has been written then.
    """
    if os.path.splitext(options.output)[1].lower() != ".cube":
        raise PhotostyleError(f"{options.output}: a table is written as .cube")
    check_file(options.output, "table")
    look = Look.load(options.look)
    name = os.path.splitext(os.path.basename(options.look))[0]
    write_atomically(
        options.output, look.cube(**{**keyword_arguments(look.cube, options), "title": name}).encode("ascii")
    )
    say(f"{options.output}: {options.size} colours per axis, the part of the look that does not depend on place")
    if look.icc_profile is not None:
        say("note: it is for photos in the colour space of the photo that the look was made from")
    return 0
