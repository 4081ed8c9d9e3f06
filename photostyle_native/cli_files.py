"""Checks of the files that a command is to write, before the work is done."""

from __future__ import annotations

import os
from pathlib import Path

from .errors import PhotostyleError
from .image_codecs.atomic import write_atomically


def check_file(path: str, what: str) -> None:
    """Raise PhotostyleError unless the `what` can be written here; leaves nothing behind."""
    if os.path.isdir(path):
        raise PhotostyleError(f"{path}: the {what} must be a file, this is a directory")
    if os.path.exists(path) and not os.access(path, os.W_OK):
        raise PhotostyleError(f"{path}: the file is write-protected")
    write_atomically(path, None)


def make_folder(folder: Path) -> None:
    """Make a folder and those above it. Raises PhotostyleError if the system refuses."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PhotostyleError(f"{folder}: the folder cannot be made ({error.strerror or error})") from error


def same_file(one: str, other: str) -> bool:
    """Whether two names mean one file, which need not exist yet."""
    if os.path.exists(one) and os.path.exists(other):
        return os.path.samefile(one, other)  # sees through links of both kinds
    return os.path.realpath(one) == os.path.realpath(other)
