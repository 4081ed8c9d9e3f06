"""The file of a look: a NumPy archive (.npz) of a format's name, two arrays of maps and a colour profile.

A file may come from anybody. So no pickled object is read, no more is unpacked than a look can have, and the arrays
are those of a look, or the file is refused.
"""

from __future__ import annotations

import io
import os
import zipfile
from typing import IO

import numpy as np

from ..errors import PhotostyleError, lacks_memory, reason

FORMAT = "photostyle look 1"
_OPTIONAL = {"structure": 2, "tone_share": 0}  # arrays that a look may have, and their dimensions
MAX_BYTES = 1 << 26  # of an array in the file: some 150 times what `Look.fit` makes by default


def check_look_name(path: str) -> None:
    """Raise PhotostyleError unless a file of this name can be a look."""
    if os.path.splitext(path)[1].lower() != ".npz":
        raise PhotostyleError(f"{path}: a look is written as .npz")


def pack(parts: dict[str, np.ndarray], profile: bytes, name: str) -> bytes:
    """The content of the file `name`. Raises PhotostyleError if `unpack` would refuse it as too large."""
    longest = max(*(part.nbytes for part in parts.values()), len(profile))
    if longest > MAX_BYTES - 1024:  # an array in a file has a header
        raise PhotostyleError(f"{name}: a look in a file has at most {MAX_BYTES} bytes an array, got {longest}")
    file = io.BytesIO()
    np.savez_compressed(file, format=np.array(FORMAT), icc=np.frombuffer(profile, np.uint8), **parts)  # type: ignore[arg-type]
    return file.getvalue()


def unpack(file: IO[bytes], name: str) -> tuple[dict[str, np.ndarray], bytes]:
    """Read what `pack` wrote: grid (12, D, Gh, Gw), tone (12, D, 1, 1), perhaps `_OPTIONAL` arrays; the profile.

    Raises:
        PhotostyleError: it is something else, damaged, or larger than `MAX_BYTES`; or the memory does not suffice.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            text = str(_array(archive, "format"))
            if text != FORMAT:
                raise PhotostyleError(f"{name} is not a look of this version ({text[:40]!r})")
            given = archive.namelist()
            names = ("grid", "tone", *(name for name in _OPTIONAL if f"{name}.npy" in given))
            parts = {member: _array(archive, member) for member in names}
            profile = _array(archive, "icc")
    except PhotostyleError:
        raise
    except Exception as error:  # a damaged archive makes zipfile and NumPy raise many types of exceptions
        if lacks_memory(error):
            raise PhotostyleError(f"{name}: not enough memory to read the look") from error
        raise PhotostyleError(f"{name} is not a look (.npz), or is damaged ({reason(error)})") from error
    for member, array in parts.items():
        right = array.ndim == _OPTIONAL[member] if member in _OPTIONAL else array.ndim == 4 and array.shape[0] == 12
        if array.dtype != np.float32 or 0 in array.shape or not right:
            raise PhotostyleError(f"{name} is not a look: it holds {array.dtype} of shape {array.shape}")
        if not np.isfinite(array).all():
            raise PhotostyleError(f"{name} is not a look: it holds numbers that are not finite")
    if parts["tone"].shape[2:] != (1, 1) or profile.dtype != np.uint8:
        raise PhotostyleError(f"{name} is not a look: its tones have the shape {parts['tone'].shape}")
    return parts, profile.tobytes()


def _array(archive: zipfile.ZipFile, member: str) -> np.ndarray:
    with archive.open(f"{member}.npy") as packed:
        data = packed.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise ValueError(f"{member} has more than {MAX_BYTES} bytes")
    # The header may state another size than the data have: NumPy would take memory for what it states.
    stream = io.BytesIO(data)
    version = np.lib.format.read_magic(stream)
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read_header(stream)
    if dtype.itemsize * int(np.prod(shape, dtype=object)) != len(data) - stream.tell():
        raise ValueError(f"{member} does not have the size that it states")
    stream.seek(0)
    return np.asarray(np.lib.format.read_array(stream, allow_pickle=False), order="C")
