"""Writing of files so that each appears complete or not at all, and checks of paths before long work."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

from .errors import PhotostyleError


def write_atomically(name: str, data: bytes | None) -> None:
    """Write under another name in the same directory, then rename, so that `name` is never half written.

    Args:
        name: the file; if it is a symbolic link, the file that it points to is written.
        data: the whole content. None writes nothing, and only tests whether a file can be made in the directory.

    Raises:
        PhotostyleError: the directory is missing, or the system refuses.
    """
    try:
        target = os.path.realpath(name)
        directory = os.path.dirname(target)
        if not os.path.isdir(directory):
            raise PhotostyleError(f"{name}: there is no directory {os.path.dirname(name) or directory}")
        temporary = os.path.join(directory, f".photostyle-{secrets.token_hex(8)}.tmp")
        try:
            with open(temporary, "xb") as file:  # not mkstemp, whose files ignore the umask
                file.write(data or b"")
                file.flush()
                os.fsync(file.fileno())
            if data is not None:
                os.replace(temporary, target)
        finally:
            with suppress(FileNotFoundError):  # it has been renamed, or was never made
                os.unlink(temporary)
    except OSError as error:
        raise PhotostyleError(f"{name}: cannot be written ({error.strerror or error})") from error


def check_file(path: str, what: str) -> None:
    """Raise PhotostyleError unless a file can be written at `path`; leaves no file behind.

    `what` says in messages what kind of file it is.
    """
    if os.path.isdir(path):
        raise PhotostyleError(f"{path}: the {what} must be a file, this is a directory")
    if os.path.exists(path) and not os.access(path, os.W_OK):
        raise PhotostyleError(f"{path}: the file is write-protected")
    write_atomically(path, None)


def make_folder(folder: Path) -> None:
    """Make a folder and the missing folders above it. Raises PhotostyleError if the system refuses."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PhotostyleError(f"{folder}: the folder cannot be made ({error.strerror or error})") from error


def same_file(one: str, other: str) -> bool:
    """Whether two paths name the same file, which need not exist yet."""
    if os.path.exists(one) and os.path.exists(other):
        return os.path.samefile(one, other)  # follows symbolic links, and recognises hard links
    return os.path.realpath(one) == os.path.realpath(other)
