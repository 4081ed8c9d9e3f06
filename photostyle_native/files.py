"""Writing of files so that each appears complete or not at all, and checks of paths before long work."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
import stat
from contextlib import suppress
from pathlib import Path

from .errors import PhotostyleError

_PIECE = 1 << 20  # bytes of a file that are read at once

# What a directory's file system answers that has no files without names.
_NO_UNNAMED = (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOENT)


def write_atomically(name: str, data: bytes) -> None:
    """Write a file without a name and then give it `name`, so that `name` is never half written.

    A file that was there keeps its permissions. If this program is killed meanwhile, nothing is left behind, on file
    systems that have files without names (`O_TMPFILE`); elsewhere a hidden file may be.

    Args:
        name: the file; if it is a symbolic link, the file that it points to is written.
        data: the whole content.

    Raises:
        PhotostyleError: the directory is missing, `name` is no regular file, or the system refuses.
    """
    try:
        target = _target(name)
        temporary = _temporary_beside(target)
        try:
            handle, named = _create(temporary)
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                with suppress(FileNotFoundError):
                    os.fchmod(handle, stat.S_IMODE(os.stat(target).st_mode))
                os.fsync(handle)
                if not named:
                    _give_name(handle, temporary)
            os.replace(temporary, target)
        finally:
            with suppress(FileNotFoundError):  # it has been renamed, or was never made
                os.unlink(temporary)
    except OSError as error:
        raise PhotostyleError(f"{name}: cannot be written ({error.strerror or error})") from error


def check_file(name: str, what: str) -> None:
    """Raise PhotostyleError unless `write_atomically` can write `name`; leaves no file behind.

    `what` says in messages what kind of file it is.
    """
    if os.path.isdir(name):
        raise PhotostyleError(f"{name}: the {what} must be a file, this is a directory")
    try:
        target = _target(name)
        if os.path.exists(target) and not os.access(target, os.W_OK):
            raise PhotostyleError(f"{name}: the file is write-protected")
        temporary = _temporary_beside(target)
        try:
            handle, _ = _create(temporary)
            os.close(handle)
        finally:
            with suppress(FileNotFoundError):
                os.unlink(temporary)
    except OSError as error:
        raise PhotostyleError(f"{name}: cannot be written ({error.strerror or error})") from error


def check_no_link(path: Path) -> None:
    """Raise PhotostyleError if a file or folder that this program names itself is a link to another place.

    In a folder that somebody else has made, such a link would lead to any file of the user.
    """
    if path.is_symlink():
        raise PhotostyleError(f"{path}: this is a link to another place, through which nothing is written")


def _target(name: str) -> str:
    """The file that `name` leads to. Raises PhotostyleError if that is a device, a pipe or the like."""
    target = os.path.realpath(name)
    directory = os.path.dirname(target)
    if not os.path.isdir(directory):
        raise PhotostyleError(f"{name}: there is no directory {os.path.dirname(name) or directory}")
    with suppress(FileNotFoundError):
        if not stat.S_ISREG(os.stat(target).st_mode):
            raise PhotostyleError(f"{name}: the output must be a regular file, and this is not one")
    return target


def _temporary_beside(target: str) -> str:
    return os.path.join(os.path.dirname(target), f".photostyle-{secrets.token_hex(8)}.tmp")


def _create(temporary: str) -> tuple[int, bool]:
    """Open a new file in the directory of `temporary`, if possible without a name, and say whether it has that name.

    Not by the module tempfile, whose files ignore the umask.
    """
    if hasattr(os, "O_TMPFILE"):
        try:
            return os.open(os.path.dirname(temporary), os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, 0o666), False
        except OSError as error:
            if error.errno not in _NO_UNNAMED:
                raise
    return os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o666), True


def _give_name(handle: int, path: str) -> None:
    folder = os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        # With a folder's descriptor Python calls linkat, which follows the link in /proc; link(2) would not.
        os.link(f"/proc/self/fd/{handle}", os.path.basename(path), dst_dir_fd=folder)
    finally:
        os.close(folder)


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


def file_hash(path: Path) -> str:
    """SHA-256 of a file's bytes. Raises PhotostyleError if it cannot be read."""
    sha = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while piece := file.read(_PIECE):
                sha.update(piece)
        return sha.hexdigest()
    except OSError as error:
        raise PhotostyleError(f"{path}: cannot be read ({error.strerror or error})") from error


def natural_order(name: str) -> list[tuple[int, str]]:
    """A key that sorts names so that 9 comes before 10."""
    return [(int(part) if part.isdecimal() else -1, part) for part in re.split(r"(\d+)", name)]
