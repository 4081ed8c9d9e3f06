"""EXIF blocks: the changes that they need when a photo is turned upright, and their form in TIFF files."""

from __future__ import annotations

import struct
import warnings
from typing import IO, Any

import numpy as np
from PIL import ExifTags, Image

EXIF_PREFIX = b"Exif\0\0"  # JPEG puts it before the TIFF structure; PNG, WebP and TIFF omit it
_ORIENTATION = 0x0112

# Those tags in the first directory of a TIFF file that describe the photo. The other tags there describe how that
# file stores its samples, so they must not be copied to another file.
_DESCRIPTIVE_TAGS = (
    ExifTags.Base.ImageDescription,
    ExifTags.Base.Make,
    ExifTags.Base.Model,
    ExifTags.Base.XResolution,
    ExifTags.Base.YResolution,
    ExifTags.Base.ResolutionUnit,
    ExifTags.Base.Software,
    ExifTags.Base.DateTime,
    ExifTags.Base.Artist,
    ExifTags.Base.HostComputer,
    ExifTags.Base.Rating,
    ExifTags.Base.Copyright,
)
_SUB_DIRECTORIES = (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo)
_SIZE = ExifTags.Base.ExifImageWidth, ExifTags.Base.ExifImageHeight
_COLOR_SPACE = ExifTags.Base.ColorSpace
_RESOLUTION = ExifTags.Base.XResolution, ExifTags.Base.YResolution


def upright_exif(block: bytes) -> tuple[bytes, int]:
    """Set the orientation of an EXIF block to 1 and unlink its thumbnail; also return the old orientation.

    If the photo lies on its side, what the block states of width and height changes places.

    Single bytes of a copy are overwritten, so that everything else, maker notes included, keeps its offset. The
    thumbnail (the second directory) is unlinked because it shows the photo as it was before.

    Args:
        block: an EXIF block, with or without the ``Exif\\0\\0`` prefix.

    Returns:
        The block with the prefix, and the old orientation, 1 to 8 (1 if the block has none or an undefined one).

    Raises:
        ValueError: the block is damaged.
    """
    data = bytearray(block)
    while data.startswith(EXIF_PREFIX):
        del data[: len(EXIF_PREFIX)]
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(bytes(data[:4]))
    if order is None:
        raise ValueError("no TIFF header")
    orientation = 1
    try:
        (start,) = struct.unpack_from(order + "I", data, 4)
        entries, end = _entries(data, order, start)
        if _ORIENTATION in entries:
            at = entries[_ORIENTATION] + 2
            kind, length = struct.unpack_from(order + "HI", data, at)
            if kind in (3, 4) and length == 1:
                form = order + ("H" if kind == 3 else "I")
                (orientation,) = struct.unpack_from(form, data, at + 6)
                struct.pack_into(form, data, at + 6, 1)
    except struct.error as error:
        raise ValueError("its directory is cut off") from error
    if orientation in (5, 6, 7, 8):
        _swap(data, entries, *_RESOLUTION)
        _swap(data, _exif_directory(data, order, entries), *_SIZE)
    if end + 4 <= len(data):  # some writers omit the link to the second directory
        struct.pack_into(order + "I", data, end, 0)
    return EXIF_PREFIX + bytes(data), orientation if 1 <= orientation <= 8 else 1


def _entries(data: bytearray, order: str, start: int) -> tuple[dict[int, int], int]:
    """Where the entries of the directory at `start` are, by tag, and where the directory ends."""
    (count,) = struct.unpack_from(order + "H", data, start)
    end = start + 2 + 12 * count
    return {struct.unpack_from(order + "H", data, at)[0]: at for at in range(start + 2, end, 12)}, end


def _swap(data: bytearray, entries: dict[int, int], first: int, second: int) -> None:
    """Let the values of two tags change places, if the directory has both."""
    if first in entries and second in entries:
        a, b = (slice(entries[tag] + 2, entries[tag] + 12) for tag in (first, second))
        data[a], data[b] = data[b], data[a]


def srgb_exif(block: bytes) -> bytes:
    """A block that `upright_exif` has made, whose ColorSpace, if it has one, says sRGB."""
    data = bytearray(block[len(EXIF_PREFIX) :])
    order = "<" if data[:1] == b"I" else ">"
    (start,) = struct.unpack_from(order + "I", data, 4)
    inner = _exif_directory(data, order, _entries(data, order, start)[0])
    if _COLOR_SPACE in inner:
        at = inner[_COLOR_SPACE] + 2
        if struct.unpack_from(order + "HI", data, at) == (3, 1):
            struct.pack_into(order + "H", data, at + 6, 1)
    return EXIF_PREFIX + bytes(data)


def _exif_directory(data: bytearray, order: str, entries: dict[int, int]) -> dict[int, int]:
    """The entries of the Exif directory; none if it is missing or damaged."""
    if ExifTags.IFD.Exif not in entries:
        return {}
    try:
        (start,) = struct.unpack_from(order + "I", data, entries[ExifTags.IFD.Exif] + 8)
        inner, end = _entries(data, order, start)
    except struct.error:
        return {}
    return inner if end <= len(data) else {}


def block_in_text(text: bytes) -> bytes | None:
    """A block that ImageMagick wrote as text, which is a name, a length, and hexadecimal digits; None if damaged."""
    try:
        return bytes.fromhex(b"".join(text.split()[2:]).decode("ascii")) or None
    except ValueError:
        return None


def upright(array: np.ndarray, orientation: int) -> np.ndarray:
    """Turn an array (H, W, ...) with EXIF orientation 1 to 8 (EXIF 2.32, tag 0x0112) upright.

    The result is contiguous and writeable.
    """
    if orientation in (5, 6, 7, 8):
        array = array.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        array = array[::-1]
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    return np.require(array, requirements=("C", "W"))


def exif_from_tiff(file: IO[bytes]) -> bytes | None:
    """The descriptive tags of a TIFF file as an EXIF block; None if it has none.

    These are description, camera, resolution, software, time, artist, computer, rating, copyright, and the whole
    Exif and GPS directories. Private tags are dropped.
    """
    exif = Image.Exif()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        file.seek(0)
        exif.load_from_fp(file)
        described = _descriptive(exif)
        if not len(described):
            return None
        if _ORIENTATION in exif:  # by which `upright_exif` turns the rest
            described[_ORIENTATION] = exif[_ORIENTATION]
        return described.tobytes()


def exif_of_image(image: Image.Image) -> bytes | None:
    """The EXIF block of a Pillow image that has been loaded, with its orientation; None if it has none."""
    raw = image.info.get("exif")
    if isinstance(raw, bytes) and raw:
        return raw
    exif = image.getexif()  # tags of a TIFF file, or tags that a program has set
    described = _descriptive(exif)
    if _ORIENTATION in exif:
        described[_ORIENTATION] = exif[_ORIENTATION]
    return described.tobytes() if len(described) else None


def exif_directory(block: bytes, offset: int) -> bytes:
    """The descriptive tags of an EXIF block as a little-endian TIFF directory for position `offset` of a file."""
    exif = Image.Exif()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exif.load(block)
        return _descriptive(exif).tobytes(offset)[len(EXIF_PREFIX) + 8 :]


def _descriptive(source: Image.Exif) -> Image.Exif:
    exif = Image.Exif()
    exif.endian = "<"
    for tag in _DESCRIPTIVE_TAGS:
        if tag in source:
            exif[tag] = _exact_text(source[tag])
    for link in _SUB_DIRECTORIES:
        if link in source:
            directory = source.get_ifd(link)
            if ExifTags.IFD.Interop in directory:
                interop = {key: _exact_text(value) for key, value in source.get_ifd(ExifTags.IFD.Interop).items()}
                directory = {**directory, ExifTags.IFD.Interop: interop}
            exif[link] = {key: _exact_text(value) for key, value in directory.items()}
    return exif


def _exact_text(value: Any) -> Any:
    """Encode text that is not ASCII: Pillow reads text as Latin-1 but writes only ASCII, and bytes unchanged."""
    return value.encode("latin-1") if isinstance(value, str) and not value.isascii() else value
