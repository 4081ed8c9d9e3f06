"""`photostyle look` makes a look of an edited photo; `apply` and `lut` use it, or one that a transfer has saved."""

from __future__ import annotations

import argparse
import os
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from ..color.alignment import check_aligned
from ..color.look import Look
from ..errors import PhotostyleError
from ..files import check_file, same_file, write_atomically
from ..images.photo import as_photo, read_photo
from ..images.resize import working_size
from ..images.write import check_writable, write_photo
from ..machine import resolve_device
from ..masks.pairs import aspects_differ
from .options import keyword_arguments
from .progress import plain_warnings
from .streams import say

_FITTED = 400  # longest side in pixels at which a look is fitted: it has no finer detail
_ELSEWHERE = (
    "this is not the scene, or not the frame, that the look was made from, so all places were treated alike, as with "
    "--everywhere; --by-place insists on the colours of each place"
)


def make(options: argparse.Namespace) -> int:
    """Run `photostyle look`: find the look that turns a photo into its edited version. Returns 0.

    Raises:
        PhotostyleError: a file cannot be used, or the photos do not lie on each other; nothing has been written then.
    """
    for role, path in (("BEFORE", options.before), ("AFTER", options.after)):
        if same_file(path, options.output):
            raise PhotostyleError(f"{options.output}: the look would overwrite {role}")
    if os.path.splitext(options.output)[1].lower() != ".npz":
        raise PhotostyleError(f"{options.output}: a look is written as .npz")
    check_file(options.output, "look")
    before = read_photo(options.before)
    after = read_photo(options.after).converted_to(before.icc_profile)
    if aspects_differ(before.size, after.size):
        raise PhotostyleError(
            f"{after.name} is {after.width}x{after.height}, {before.name} {before.width}x{before.height}: "
            "the aspect ratios differ"
        )
    size = working_size(before.size, min(_FITTED, max(after.size)))
    pair = before.tensor(size), after.tensor(size)
    check_aligned(*(image.mean(0) for image in pair))
    look = Look.fit(*pair, icc_profile=before.icc_profile)
    look.save(options.output)
    kept, in_table = (100 * max(look.explained(*pair, everywhere=e), 0) for e in (False, True))
    say(
        f"{options.output}: keeps {kept:.0f} % of the change, and {in_table:.0f} % as a table for editors (`lut`)",
        *(f"note: {photo.name}: {note}" for photo in (before, after) for note in photo.notes),
    )
    return 0


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
