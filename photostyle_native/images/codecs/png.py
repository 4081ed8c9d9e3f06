"""Decoding and encoding of PNG at 8 and 16 bits by libpng (imagecodecs); this module handles metadata chunks itself.

Pillow is not used, because it silently reduces 16-bit colour to 8 bits and fills missing parts of some damaged files
with black.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

import imagecodecs
import numpy as np

from ...errors import PhotostyleError
from .exif import EXIF_PREFIX
from .samples import Decoded, check_size, split_alpha

MAGIC = b"\x89PNG\r\n\x1a\n"
_MAX_PROFILE = 1 << 25  # bytes: a compressed profile must not expand to more than 32 MiB
_LEVEL = 3  # zlib's level: on photos nearly as small as its default, 6, in half the time
_HEADER_END = len(MAGIC) + 25  # IHDR always comes first and has 25 bytes


def decode_png(data: bytes, name: str, max_pixels: int) -> Decoded:
    """Decode a PNG of any colour type and depth. Raises PhotostyleError if a chunk that it needs is damaged."""
    decoded = Decoded(np.empty(0))
    kept = [memoryview(MAGIC)]
    for kind, payload, chunk, intact in _chunks(data, name):
        essential = kind[:1].isupper() or kind == b"tRNS"
        if essential and not intact:
            raise PhotostyleError(f"{name}: the file is damaged (checksum of its {kind.decode('ascii')} chunk)")
        if len(kept) == 1:
            if kind != b"IHDR":
                raise PhotostyleError(f"{name}: the file is damaged (it does not start with an IHDR chunk)")
            width, height = struct.unpack_from(">II", payload)
            check_size(name, width, height, max_pixels)
        if essential:
            # libpng prints warnings about other chunks on stderr, so it does not receive them.
            kept.append(chunk)
        elif kind == b"iCCP":
            decoded.icc_profile = _unpack_profile(payload) if intact else None
            if decoded.icc_profile is None:
                decoded.notes.append("its ICC profile is damaged and was dropped")
        elif kind == b"eXIf":
            decoded.exif = bytes(payload)
        elif kind == b"acTL":
            decoded.notes.append("it is animated, and only its first picture was taken")
    decoded.samples, decoded.alpha = split_alpha(imagecodecs.png_decode(b"".join(kept)))
    return decoded


def _chunks(data: bytes, name: str) -> Iterator[tuple[bytes, memoryview, memoryview, bool]]:
    """Yield (type, payload, whole chunk, whether its checksum is right) up to IEND; PNG specification, section 5."""
    view = memoryview(data)
    at = len(MAGIC)
    kind = b""
    while kind != b"IEND":
        if at + 12 > len(view):
            raise PhotostyleError(f"{name}: the file is truncated")
        (length,) = struct.unpack_from(">I", view, at)
        kind = bytes(view[at + 4 : at + 8])
        if not (kind.isascii() and kind.isalpha()):
            raise PhotostyleError(f"{name}: the file is damaged (no chunk where one has to be)")
        if at + 12 + length > len(view):
            raise PhotostyleError(f"{name}: the file is truncated")
        end = at + 8 + length
        (checksum,) = struct.unpack_from(">I", view, end)
        yield kind, view[at + 8 : end], view[at : end + 4], zlib.crc32(view[at + 4 : end]) == checksum
        at = end + 4


def _unpack_profile(payload: memoryview) -> bytes | None:
    """The profile in an iCCP chunk (name, null, method 0, zlib stream); None if it cannot be unpacked."""
    _, _, packed = bytes(payload).partition(b"\0")
    unpacker = zlib.decompressobj()
    try:
        profile = unpacker.decompress(packed[1:], _MAX_PROFILE)
    except zlib.error:
        return None
    return profile if unpacker.eof and packed[:1] == b"\0" else None


def encode_png(samples: np.ndarray, icc_profile: bytes | None, exif: bytes | None) -> bytes:
    """Encode (H, W, 3 or 4) uint8 or uint16 as a PNG file, with iCCP and eXIf chunks."""
    plain = bytes(imagecodecs.png_encode(samples, level=_LEVEL))
    metadata = []
    if icc_profile:
        metadata.append(_chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(icc_profile)))
    if exif:
        metadata.append(_chunk(b"eXIf", exif.removeprefix(EXIF_PREFIX)))
    return b"".join([plain[:_HEADER_END], *metadata, plain[_HEADER_END:]])


def _chunk(kind: bytes, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload)) + kind + payload + struct.pack(">I", zlib.crc32(kind + payload))
