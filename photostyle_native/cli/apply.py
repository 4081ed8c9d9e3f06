"""`photostyle apply`: give one photo, or many, a look that `transfer` has saved or `photostyle look` has made."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from ..color.look import Look
from ..color.table import Table
from ..errors import PhotostyleError
from ..files import check_no_link, make_folder, same_file
from ..images.codecs import FORMATS
from ..images.photo import read_photo
from ..images.photo_list import Entry, list_photos
from ..images.write import check_writable, write_photo
from ..machine import resolve_device
from ..pipeline.look_transfer import recolored
from ..pipeline.looks import find_look
from .messages import print_error
from .options import keyword_arguments
from .progress import plain_warnings
from .streams import say


def run(options: argparse.Namespace) -> int:
    """Run the command. Returns 0, or 1 if some of several photos could not be changed.

    Raises:
        PhotostyleError: an option or the look cannot be used, and nothing has been written; or the only photo cannot.
    """
    resolve_device(**keyword_arguments(resolve_device, options))
    entries = _entries(options.photos, options.output)
    for entry in entries:
        for role, path in (("LOOK", options.look), ("PHOTO", entry.photo)):
            if same_file(path, entry.output):
                raise PhotostyleError(f"{entry.output}: the output would overwrite {role}")
    if len(entries) == 1:
        check_writable(entries[0].output, options.bit_depth)
    look = find_look(options.look)
    if len(entries) == 1:
        _apply(look, entries[0], options)
        return 0
    make_folder(Path(options.output))
    failed = 0
    for entry in entries:
        try:
            make_folder(Path(entry.output).parent)
            check_no_link(Path(entry.output))
            _apply(look, entry, options)
        except PhotostyleError as error:
            print_error(str(error))
            failed += 1
    if failed:
        say(f"{failed} of {len(entries)} photos could not be changed")
    return 1 if failed else 0


def _entries(photos: list[str], output: str) -> list[Entry]:
    """The photos and the files to write: `output`, or for several photos their names in the folder `output`."""
    one = len(photos) == 1 and not os.path.isdir(photos[0]) and not os.path.isdir(output)
    if one:
        return [Entry(photos[0], output, photos[0])]
    if os.path.splitext(output)[1].lower() in FORMATS and not os.path.isdir(output):
        raise PhotostyleError(f"{output}: several photos are written to a folder, and this is the name of a picture")
    return list_photos(photos, output)


def _apply(look: Look | Table, entry: Entry, options: argparse.Namespace) -> None:
    photo = read_photo(entry.photo)
    check_writable(entry.output, options.bit_depth, photo.size)
    mixing = {k: v for k, v in keyword_arguments(look.apply, options).items() if k != "everywhere"}
    device = keyword_arguments(resolve_device, options)
    with plain_warnings():
        pixels, notes = recolored(
            look, photo, everywhere=options.everywhere, by_place=options.by_place, **device, **mixing
        )
    lost = write_photo(entry.output, pixels, like=photo, bit_depth=options.bit_depth, dither=True)
    say(
        f"{entry.output}: {photo.width} x {photo.height} pixels with the look of {os.path.basename(options.look)}",
        *(f"note: {note}" for note in (*notes, *lost)),
    )
