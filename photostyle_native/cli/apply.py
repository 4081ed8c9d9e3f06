"""`photostyle apply`: give one photo, or many, a look that `transfer` has saved or `photostyle look` has made."""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..color.look import Look
from ..color.table import Table
from ..errors import PhotostyleError
from ..files import check_no_link, make_folder, same_file
from ..images.codecs import FORMATS
from ..images.photo import as_photo, read_photo
from ..images.write import check_writable, write_photo
from ..machine import resolve_device
from ..pipeline.looks import find_look
from .messages import print_error
from .options import keyword_arguments
from .progress import plain_warnings
from .streams import say

_ELSEWHERE = (
    "this is not the scene, or not the frame, that the look was made from, so all places were treated alike, as with "
    "--everywhere; --by-place insists on the colours of each place"
)


def run(options: argparse.Namespace) -> int:
    """Run the command. Returns 0, or 1 if some of several photos could not be changed.

    Raises:
        PhotostyleError: an option or the look cannot be used, and nothing has been written; or the only photo cannot.
    """
    device = resolve_device(**keyword_arguments(resolve_device, options))
    outputs = _outputs(options.photos, options.output)
    for output in outputs:
        for role, path in (("LOOK", options.look), *(("PHOTO", photo) for photo in options.photos)):
            if same_file(path, output):
                raise PhotostyleError(f"{output}: the output would overwrite {role}")
    if len(outputs) == 1:
        check_writable(outputs[0], options.bit_depth)
    look = find_look(options.look)
    if len(outputs) == 1:
        _apply(look, options.photos[0], outputs[0], options, device)
        return 0
    make_folder(Path(options.output))
    failed = 0
    for photo, output in zip(options.photos, outputs, strict=True):
        try:
            check_no_link(Path(output))
            _apply(look, photo, output, options, device)
        except PhotostyleError as error:
            print_error(str(error))
            failed += 1
    if failed:
        say(f"{failed} of {len(outputs)} photos could not be changed")
    return 1 if failed else 0


def _outputs(photos: list[str], output: str) -> list[str]:
    """The files to write: `output`, or for several photos their names in the folder `output`.

    A photo in a format that is read only, such as HEIC, becomes a JPEG.
    """
    if len(photos) == 1 and not os.path.isdir(output):
        return [output]
    if os.path.splitext(output)[1].lower() in FORMATS and not os.path.isdir(output):
        raise PhotostyleError(f"{output}: several photos are written to a folder, and this is the name of a picture")
    names = []
    for photo in photos:
        stem, extension = os.path.splitext(os.path.basename(photo))
        names.append(os.path.join(output, stem + (extension if extension.lower() in FORMATS else ".jpg")))
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise PhotostyleError(f"{min(twice)}: two of the photos would be written to this file")
    return names


@torch.no_grad()
def _apply(look: Look | Table, path: str, output: str, options: argparse.Namespace, device: torch.device) -> None:
    photo = read_photo(path)
    check_writable(output, options.bit_depth, photo.size)
    with plain_warnings():
        space = photo.icc_profile if isinstance(look, Table) else look.icc_profile
        original = photo.converted_to(space).tensor().to(device)
        arguments = keyword_arguments(look.apply, options)
        strange = not (options.everywhere or options.by_place or look.fits(original))
        image = look.apply(original, **{**arguments, "everywhere": options.everywhere or strange}).cpu()
    pixels: Tensor | np.ndarray = image
    if photo.icc_profile != space:
        pixels = replace(as_photo(image), icc_profile=space).converted_to(photo.icc_profile).pixels
    notes = write_photo(output, pixels, like=photo, bit_depth=options.bit_depth, dither=True)
    say(
        f"{output}: {photo.width} x {photo.height} pixels with the look of {os.path.basename(options.look)}",
        *(f"note: {note}" for note in (*([_ELSEWHERE] if strange else []), *photo.notes, *notes)),
    )
