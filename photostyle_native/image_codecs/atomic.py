"""Files that appear complete or not at all."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress

from ..errors import PhotostyleError


def write_atomically(name: str, data: bytes | None) -> None:
    """Write under another name in the same directory, then rename, so that `name` is never half written.

    Args:
        name: the file; if it is a symbolic link, the file that it points to.
        data: the whole content; None: only try whether it could be written.

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
            with open(temporary, "xb") as file:  # unlike mkstemp's, its permissions follow the umask
                file.write(data or b"")
                file.flush()
                os.fsync(file.fileno())
            if data is not None:
                os.replace(temporary, target)
        finally:
            with suppress(FileNotFoundError):  # renamed, or never made
                os.unlink(temporary)
    except OSError as error:
        raise PhotostyleError(f"{name}: cannot be written ({error.strerror or error})") from error
