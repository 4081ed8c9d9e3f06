"""The photos that a command is given, as files, folders and patterns, and the files that they become."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from ..errors import PhotostyleError
from ..files import natural_order
from .codecs import FORMATS

# What is taken from a folder. A file that is named itself may have any name.
_CAMERAS = (".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".raf", ".pef", ".srw")
READABLE = (*FORMATS, ".avif", ".gif", ".bmp", ".heic", ".heif", *_CAMERAS)


@dataclass(frozen=True)
class Entry:
    """A photo, and the file that it becomes. `name` is the photo's name in its folder, for people."""

    photo: str
    output: str
    name: str


def list_photos(given: Sequence[str], folder: str) -> list[Entry]:
    """Find photos, and name the files in `folder` that they become.

    Args:
        given: files; folders, which are searched with all folders in them; and patterns such as ``raw/**/*.jpg``.
        folder: where the results go. Photos of a folder keep their place in it, all others are put side by side.
            What lies in this folder is no photo.

    Returns:
        The photos in the order given, those of a folder or pattern by name. A photo of a format that is not written,
        such as HEIC, becomes a JPEG.

    Raises:
        PhotostyleError: a file is missing, a folder or pattern has no photo, two photos would become one file, or a
            result would overwrite a photo.
    """
    entries: dict[str, Entry] = {}
    for text in given:
        found = list(_photos(text, folder))
        if not found:
            raise PhotostyleError(f"{text}: there is no photo")
        for photo, place in found:
            stem, extension = os.path.splitext(str(place))
            output = os.path.join(folder, stem + (extension if extension.lower() in FORMATS else ".jpg"))
            before = entries.get(output)
            if before is None:
                entries[output] = Entry(photo, output, str(place))
            elif os.path.realpath(before.photo) != os.path.realpath(photo):
                raise PhotostyleError(f"{output}: {before.photo} and {photo} would both be written to this file")
    photos = {os.path.realpath(entry.photo) for entry in entries.values()}
    for output in entries:
        if os.path.realpath(output) in photos:
            raise PhotostyleError(f"{output}: the output would overwrite PHOTO")
    return list(entries.values())


def _photos(text: str, folder: str) -> Iterator[tuple[str, PurePath]]:
    """The photos of one argument, and the place of each below the folder of results."""
    if os.path.isdir(text):
        results = os.path.realpath(folder)
        inside = (path for path in Path(text).rglob("*") if path.suffix.lower() in READABLE and path.is_file())
        for path in sorted(inside, key=lambda path: natural_order(str(path))):
            if results not in (os.path.realpath(parent) for parent in path.parents):
                yield str(path), path.relative_to(text)
    elif not os.path.lexists(text) and glob.has_magic(text):
        for name in sorted(glob.glob(text, recursive=True), key=natural_order):
            if os.path.isfile(name):
                yield name, PurePath(os.path.basename(name))
    else:
        yield text, PurePath(os.path.basename(text))
