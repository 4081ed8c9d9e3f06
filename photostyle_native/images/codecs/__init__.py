"""Decoding of image files, and encoding of PNG, JPEG, TIFF and WebP, at their stored depth and with clear errors."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import IO

import numpy as np

from ... import picture_files
from ...picture_files import HEAD, decoding, recognise
from .heif import decode_heif
from .metadata import Metadata
from .pillow import decode_jpeg, decode_other, encode_pillow
from .png import decode_png, encode_png
from .raw import decode_raw
from .samples import Decoded
from .tiff import decode_tiff, encode_tiff

__all__ = ["FORMATS", "Decoded", "Format", "decode", "encode"]


@dataclass(frozen=True)
class Format:
    """The limits of a file format that is written; sides in pixels, blocks in bytes.

    `longest_exif` is for EXIF data, `longest_block` for XMP and IPTC data. `texts` names the texts that it can hold.
    """

    name: str
    sixteen_bit: bool
    alpha: bool
    longest_side: int
    longest_exif: int = 1 << 31
    longest_block: int = 1 << 31
    iptc: bool = True
    texts: tuple[str, ...] | None = ()  # None: all


_PNG = Format("PNG", True, True, 2**31 - 1, iptc=False, texts=None)
# Sides: libjpeg's limit; blocks: one marker segment, of which its name takes some bytes.
_JPEG = Format("JPEG", False, False, 65500, longest_exif=65533, longest_block=65490, texts=("Comment",))
_TIFF = Format("TIFF", True, True, 2**31 - 1)
_WEBP = Format("WEBP", False, True, 16383, iptc=False)
FORMATS = {".png": _PNG, ".jpg": _JPEG, ".jpeg": _JPEG, ".tif": _TIFF, ".tiff": _TIFF, ".webp": _WEBP}


def decode(file: IO[bytes], name: str, max_pixels: int) -> Decoded:
    """Decode the first picture of an open image file, whose format is recognised by its first bytes.

    Raises:
        PhotostyleError: the file has none of the formats of `picture_files`, is truncated or damaged, or has more
            than `max_pixels` pixels.
    """
    with decoding(name):
        its_format = recognise(file.read(HEAD), name, raw=True)
        file.seek(0)
        if its_format is picture_files.PNG:
            return decode_png(file.read(), name, max_pixels)
        if its_format is picture_files.JPEG:
            return decode_jpeg(file.read(), name, max_pixels)
        if its_format is picture_files.TIFF:
            return decode_tiff(file, name, max_pixels)
        if its_format in (picture_files.AVIF, picture_files.HEIC):
            return decode_heif(file.read(), its_format, name, max_pixels)
        if its_format is picture_files.RAW:
            return decode_raw(file, name, max_pixels)
        return decode_other(file, its_format, name, max_pixels)


def encode(
    file_format: Format,
    samples: np.ndarray,
    icc_profile: bytes | None,
    exif: bytes | None,
    metadata: Metadata,
    quality: int,
) -> tuple[bytes, list[str]]:
    """Encode an image as a file in memory.

    Args:
        file_format: one of `FORMATS`.
        samples: contiguous (H, W, 3) or, if the format has alpha, (H, W, 4); uint8 or, if it allows, uint16.
        icc_profile: RGB profile of `samples`, or None.
        exif: EXIF block with the ``Exif\\0\\0`` prefix, or None.
        metadata: what else the file is to say.
        quality: 0 to 100, for JPEG and WebP.

    Returns:
        The file's content, and a sentence for each piece of metadata that the format could not hold.
    """
    metadata, notes = _held(file_format, metadata)
    if exif and len(exif) > file_format.longest_exif:
        notes.append(f"the EXIF data ({len(exif)} bytes) is too long for {file_format.name} and was dropped")
        exif = None
    if file_format is _PNG:
        return encode_png(samples, icc_profile, exif, metadata), notes
    if file_format is not _TIFF:
        return encode_pillow(file_format.name, samples, icc_profile, exif, metadata, quality), notes
    try:
        return encode_tiff(samples, icc_profile, exif, metadata), notes
    except ValueError as error:
        if exif is None:
            raise
        notes.append(f"{error}")
        return encode_tiff(samples, icc_profile, None, metadata), notes


def _held(file_format: Format, metadata: Metadata) -> tuple[Metadata, list[str]]:
    """What a format can hold of metadata, and a sentence for each part that it cannot."""
    notes = []
    if metadata.xmp and len(metadata.xmp) > file_format.longest_block:
        notes.append(f"{file_format.name} cannot hold the photo's XMP data, which was dropped")
        metadata = replace(metadata, xmp=None)
    if metadata.iptc and (not file_format.iptc or len(metadata.iptc) > file_format.longest_block):
        notes.append(f"{file_format.name} cannot hold the photo's IPTC data, which was dropped")
        metadata = replace(metadata, iptc=None)
    if file_format.texts is not None:
        held = {key: text for key, text in metadata.text if key in file_format.texts and len(text) < 10_000}
        lost = [key for key, text in metadata.text if held.get(key) != text]
        if lost:
            notes.append(f"{file_format.name} cannot hold the photo's text ({', '.join(lost)}), which was dropped")
        metadata = replace(metadata, text=tuple(held.items()))
    return metadata, notes
