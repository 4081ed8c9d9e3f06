"""Decoding of image files, and encoding of PNG, JPEG, TIFF and WebP, at their stored depth and with clear errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO

import numpy as np

from ... import picture_files
from ...picture_files import HEAD, decoding, recognise
from .pillow import decode_jpeg, decode_other, encode_pillow
from .png import decode_png, encode_png
from .samples import Decoded
from .tiff import decode_tiff, encode_tiff

__all__ = ["FORMATS", "Decoded", "Format", "decode", "encode"]


@dataclass(frozen=True)
class Format:
    """The limits of a file format; sides in pixels, EXIF blocks in bytes."""

    name: str
    sixteen_bit: bool
    alpha: bool
    longest_side: int
    longest_exif: int = 1 << 31


_PNG = Format("PNG", True, True, 2**31 - 1)
_JPEG = Format("JPEG", False, False, 65500, longest_exif=65533)  # sides: libjpeg's limit; EXIF: one marker segment
_TIFF = Format("TIFF", True, True, 2**31 - 1)
_WEBP = Format("WEBP", False, True, 16383)
FORMATS = {".png": _PNG, ".jpg": _JPEG, ".jpeg": _JPEG, ".tif": _TIFF, ".tiff": _TIFF, ".webp": _WEBP}


def decode(file: IO[bytes], name: str, max_pixels: int) -> Decoded:
    """Decode the first picture of an open image file, whose format is recognised by its first bytes.

    Raises:
        PhotostyleError: the file has none of the formats of `picture_files`, is truncated or damaged, or has more
            than `max_pixels` pixels.
    """
    with decoding(name):
        its_format = recognise(file.read(HEAD), name)
        file.seek(0)
        if its_format is picture_files.PNG:
            return decode_png(file.read(), name, max_pixels)
        if its_format is picture_files.JPEG:
            return decode_jpeg(file.read(), name, max_pixels)
        if its_format is picture_files.TIFF:
            return decode_tiff(file, name, max_pixels)
        return decode_other(file, its_format, name, max_pixels)


def encode(
    file_format: Format,
    samples: np.ndarray,
    icc_profile: bytes | None,
    exif: bytes | None,
    quality: int,
) -> tuple[bytes, list[str]]:
    """Encode an image as a file in memory.

    Args:
        file_format: one of `FORMATS`.
        samples: contiguous (H, W, 3) or, if the format has alpha, (H, W, 4); uint8 or, if it allows, uint16.
        icc_profile: RGB profile of `samples`, or None.
        exif: EXIF block with the ``Exif\\0\\0`` prefix, or None.
        quality: 0 to 100, for JPEG and WebP.

    Returns:
        The file's content, and a sentence for each piece of metadata that the format could not hold.
    """
    notes = []
    if exif and len(exif) > file_format.longest_exif:
        notes.append(f"the EXIF data ({len(exif)} bytes) is too long for {file_format.name} and was dropped")
        exif = None
    if file_format is _PNG:
        return encode_png(samples, icc_profile, exif), notes
    if file_format is not _TIFF:
        return encode_pillow(file_format.name, samples, icc_profile, exif, quality), notes
    try:
        return encode_tiff(samples, icc_profile, exif), notes
    except ValueError as error:
        if exif is None:
            raise
        notes.append(f"{error}")
        return encode_tiff(samples, icc_profile, None), notes
