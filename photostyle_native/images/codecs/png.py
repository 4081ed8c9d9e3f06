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
from ...picture_files import PNG, check_claim
from .color_tags import from_code_points, from_png
from .exif import EXIF_PREFIX, block_in_text
from .metadata import Metadata, orientation_in_xmp
from .samples import Decoded, split_alpha

MAGIC = b"\x89PNG\r\n\x1a\n"
_MAX_PROFILE = 1 << 25  # bytes: a compressed profile must not expand to more than 32 MiB
_CHANNELS = {0: 1, 2: 3, 3: 4, 4: 2, 6: 4}  # of a decoded pixel, by colour type
_TEXT_CHUNKS = (b"tEXt", b"zTXt", b"iTXt")
_MAX_TEXT = 1 << 20  # bytes: longer text is not looked at
_MAX_TEXTS = 1 << 22  # bytes of all texts together
_XMP_KEYWORD, _RAW = b"XML:com.adobe.xmp", b"raw profile type "
_RAW_EXIF = (_RAW + b"exif", _RAW + b"app1")
_INCH = 0.0254  # metres
_LEVEL = 3  # zlib's level: on photos nearly as small as its default, 6, in half the time
_HEADER_END = len(MAGIC) + 25  # IHDR always comes first and has 25 bytes


def decode_png(data: bytes, name: str, max_pixels: int) -> Decoded:
    """Decode a PNG of any colour type and depth. Raises PhotostyleError if a chunk that it needs is damaged."""
    kept = [memoryview(MAGIC)]
    others: list[tuple[bytes, bytes]] = []
    notes = []
    for kind, payload, chunk, intact in _chunks(data, name):
        essential = kind[:1].isupper() or kind == b"tRNS"
        if essential and not intact:
            raise PhotostyleError(f"{name}: the file is damaged (checksum of its {kind.decode('ascii')} chunk)")
        if len(kept) == 1:
            if kind != b"IHDR":
                raise PhotostyleError(f"{name}: the file is damaged (it does not start with an IHDR chunk)")
            width, height = struct.unpack_from(">II", payload)
            depth, colour = payload[8], payload[9]
            pixel_bytes = _CHANNELS.get(colour, 4) * (2 if depth == 16 else 1)
            check_claim(name, PNG, (width, height), len(data), pixel_bytes, max_pixels)
        if essential:
            # libpng prints warnings about other chunks on stderr, so it does not receive them.
            kept.append(chunk)
        elif intact or kind == b"eXIf":
            others.append((kind, bytes(payload)))
        elif kind == b"iCCP":
            notes.append("its ICC profile is damaged and was dropped")
    decoded = Decoded(np.empty(0), notes=notes)
    _take_metadata(decoded, others)
    _take_colors(decoded, dict(others))
    decoded.samples, decoded.alpha = split_alpha(imagecodecs.png_decode(b"".join(kept)))
    return decoded


def _take_metadata(decoded: Decoded, chunks: list[tuple[bytes, bytes]]) -> None:
    """Fill in EXIF data, text and resolution from the chunks beside the pixels."""
    texts, blocks, resolution, left = [], {}, None, _MAX_TEXTS
    for kind, payload in chunks:
        if kind == b"eXIf":
            decoded.exif = payload
        elif kind == b"acTL":
            decoded.notes.append("it is animated, and only its first picture was taken")
        elif kind == b"pHYs" and len(payload) == 9 and payload[8] == 1:
            across, down = struct.unpack_from(">II", payload)
            resolution = (across * _INCH, down * _INCH) if across and down else None
        elif kind in _TEXT_CHUNKS and left > 0:
            keyword, text = _text(kind, payload)
            left -= len(text)
            if keyword == _XMP_KEYWORD or keyword.lower().startswith(_RAW):
                blocks[keyword.lower()] = text
            else:
                encoding = "utf-8" if kind == b"iTXt" else "latin-1"
                texts.append((keyword.decode("latin-1"), text.decode(encoding, "replace")))
    if left <= 0:
        decoded.notes.append("its text is longer than 4 MB, and the rest was dropped")
    xmp = blocks.pop(_XMP_KEYWORD.lower(), None)
    decoded.metadata = Metadata(xmp, None, tuple(texts), resolution)
    decoded.orientation = orientation_in_xmp(xmp or b"")
    for keyword, text in blocks.items():  # ImageMagick's, whose EXIF data are as good as those of the chunk
        block = block_in_text(text) if keyword in _RAW_EXIF else None
        if block is None:
            decoded.notes.append(f"its text `{keyword.decode('latin-1')}` was dropped")
        elif decoded.exif is None:
            decoded.exif = block


def _take_colors(decoded: Decoded, chunks: dict[bytes, bytes]) -> None:
    """Fill in the colour space; what comes first here counts (PNG specification, 3rd edition, section 4.3)."""
    note = None
    cicp, chromaticities, gamma = (chunks.get(kind, b"") for kind in (b"cICP", b"cHRM", b"gAMA"))
    if len(cicp) == 4:
        decoded.icc_profile, note = from_code_points(cicp[0], cicp[1], bool(cicp[3]))
    elif b"iCCP" in chunks:
        decoded.icc_profile = _unpack_profile(memoryview(chunks[b"iCCP"]))
        note = None if decoded.icc_profile else "its ICC profile is damaged and was dropped"
    elif b"sRGB" in chunks:
        decoded.is_srgb = True
    elif len(gamma) == 4 or len(chromaticities) == 32:
        decoded.icc_profile, note = from_png(
            struct.unpack(">I", gamma)[0] if len(gamma) == 4 else None,
            struct.unpack(">8I", chromaticities) if len(chromaticities) == 32 else None,
        )
    if note:
        decoded.notes.append(note)


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


def _text(kind: bytes, payload: bytes) -> tuple[bytes, bytes]:
    """The keyword and the text of a chunk (PNG specification, section 11.3.3); no text if it is damaged or long."""
    keyword, _, rest = payload.partition(b"\0")
    compressed = kind == b"zTXt"
    if compressed:
        rest = rest[1:]
    elif kind == b"iTXt":
        compressed, rest = rest[:1] == b"\1", rest[2:]
        rest = rest.partition(b"\0")[2].partition(b"\0")[2]  # after the language and the translated keyword
    if compressed:
        try:
            rest = zlib.decompressobj().decompress(rest, _MAX_TEXT)
        except zlib.error:
            rest = b""
    return keyword, rest[:_MAX_TEXT]


def _unpack_profile(payload: memoryview) -> bytes | None:
    """The profile in an iCCP chunk (name, null, method 0, zlib stream); None if it cannot be unpacked."""
    _, _, packed = bytes(payload).partition(b"\0")
    unpacker = zlib.decompressobj()
    try:
        profile = unpacker.decompress(packed[1:], _MAX_PROFILE)
    except zlib.error:
        return None
    return profile if unpacker.eof and packed[:1] == b"\0" else None


def encode_png(
    samples: np.ndarray, icc_profile: bytes | None, exif: bytes | None, metadata: Metadata | None = None
) -> bytes:
    """Encode (H, W, 3 or 4) uint8 or uint16 as a PNG file, with all metadata but IPTC's."""
    plain = bytes(imagecodecs.png_encode(samples, level=_LEVEL))
    metadata = metadata or Metadata()
    chunks = []
    if icc_profile:
        chunks.append(_chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(icc_profile)))
    if metadata.resolution:
        per_metre = (max(1, min(round(value / _INCH), 2**31 - 1)) for value in metadata.resolution)
        chunks.append(_chunk(b"pHYs", struct.pack(">IIB", *per_metre, 1)))
    if exif:
        chunks.append(_chunk(b"eXIf", exif.removeprefix(EXIF_PREFIX)))
    if metadata.xmp:
        chunks.append(_chunk(b"iTXt", _XMP_KEYWORD + bytes(5) + metadata.xmp))
    for keyword, text in metadata.text:
        key = keyword.encode("latin-1", "replace")[:79]
        chunks.append(_chunk(b"iTXt", key + bytes(5) + text.replace("\0", "").encode("utf-8", "replace")))
    return b"".join([plain[:_HEADER_END], *chunks, plain[_HEADER_END:]])


def _chunk(kind: bytes, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload)) + kind + payload + struct.pack(">I", zlib.crc32(kind + payload))
