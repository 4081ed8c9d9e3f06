"""Decoding of AVIF and HEIC: 8 bits and metadata by Pillow, 10 and 12 bits by imagecodecs and pillow-heif."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator

import imagecodecs
import numpy as np

from ...picture_files import AVIF, PictureFormat, check_claim
from .color_tags import from_code_points
from .pillow import decode_image
from .samples import Decoded, to_stored

_CONTAINERS = (b"meta", b"iprp", b"ipco")  # of the boxes that are looked for


def decode_heif(data: bytes, its_format: PictureFormat, name: str, max_pixels: int) -> Decoded:
    """Decode an AVIF or HEIC file, of several pictures the first.

    A sequence of AVIF has 8 bits: imagecodecs decodes all its pictures, or destroys memory when it is asked for one.
    """
    with its_format.plugin(io.BytesIO(data)) as image:
        colors, bits = _properties(data)
        deep = bits > 8 and getattr(image, "n_frames", 1) == 1
        check_claim(name, its_format, image.size, len(data), 8 if deep else 4, max_pixels)
        decoded = decode_image(image, name, to_stored(_deep(data, its_format, bits), name, bits) if deep else None)
    if bits > 8 and not deep:
        decoded.notes.append(f"its {bits}-bit samples were rounded to 8 bits")
    if colors and not decoded.icc_profile:
        decoded.icc_profile, note = from_code_points(*colors)
        decoded.notes += [note] if note else []
    return decoded


def _deep(data: bytes, its_format: PictureFormat, bits: int) -> np.ndarray:
    """The samples of a single picture, (H, W) or (H, W, C) uint16 of which `bits` are used."""
    if its_format is AVIF:
        return imagecodecs.avif_decode(data)
    import pillow_heif

    shifted = np.asarray(pillow_heif.open_heif(data, convert_hdr_to_8bit=False)[0])
    return shifted >> (16 - bits)


def _properties(data: bytes) -> tuple[tuple[int, int] | None, int]:
    """The code points of primaries and transfer (None without them), and the bits of a sample.

    Source: ISO 14496-12, 12.1.5 (box colr); AV1 Codec ISO Media File Format Binding, 2.3 (box av1C); ISO 14496-15,
    8.3.3.1 (box hvcC).
    """
    colors, bits = None, 8
    for kind, start, end in _boxes(data, 0, len(data)):
        if kind == b"colr" and colors is None and end - start >= 8 and data[start : start + 4] == b"nclx":
            colors = struct.unpack_from(">HH", data, start + 4)
        elif kind == b"av1C" and end - start >= 3:
            flags = data[start + 2]
            bits = max(bits, (12 if flags & 0x20 else 10) if flags & 0x40 else 8)
        elif kind == b"hvcC" and end - start >= 18:
            bits = max(bits, 8 + (data[start + 17] & 7))
    return colors, bits


def _boxes(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield kind, begin and end of the content of each box, and of those within `_CONTAINERS`."""
    while start + 8 <= end:
        size, kind = struct.unpack_from(">I4s", data, start)
        if size == 0:  # it goes to the end of the file
            size = end - start
        if size < 8 or start + size > end:  # damaged, or longer than 4 GB
            return
        yield kind, start + 8, start + size
        if kind in _CONTAINERS:
            yield from _boxes(data, start + (12 if kind == b"meta" else 8), start + size)
        start += size
