"""Decoding and encoding of TIFF at 8 and 16 bits by tifffile, after a check that the file is complete."""

from __future__ import annotations

import io
import logging
import os
import struct
from typing import IO

import numpy as np
import tifffile
from tifffile import COMPRESSION, EXTRASAMPLE, PHOTOMETRIC, SAMPLEFORMAT, TiffPage

from ...errors import PhotostyleError
from ...picture_files import TIFF, check_claim
from .color_tags import from_tiff
from .exif import exif_directory, exif_from_tiff
from .metadata import Metadata, orientation_in_xmp
from .raw import decode_raw, is_raw
from .samples import Decoded, to_stored

# tifffile logs unusual features of a file; without a handler Python would print these messages on stderr.
logging.getLogger("tifffile").addHandler(logging.NullHandler())

_COLOUR_CHANNELS = {
    PHOTOMETRIC.MINISWHITE: 1,
    PHOTOMETRIC.MINISBLACK: 1,
    PHOTOMETRIC.PALETTE: 1,
    PHOTOMETRIC.RGB: 3,
    PHOTOMETRIC.YCBCR: 3,
    PHOTOMETRIC.SEPARATED: 4,
}
# Bytes per value of each TIFF and BigTIFF field type.
_TYPE_SIZES = {
    1: 1,
    2: 1,
    3: 2,
    4: 4,
    5: 8,
    6: 1,
    7: 1,
    8: 2,
    9: 4,
    10: 8,
    11: 4,
    12: 8,
    13: 4,
    16: 8,
    17: 8,
    18: 8,
}
_ORIENTATION, _INK_SET, _XMP, _IPTC = 274, 332, 700, 33723
_CURVE, _WHITE, _PRIMARIES = 301, 318, 319
_INCHES = {2: 1.0, 3: 2.54}  # of a resolution's unit in an inch


def decode_tiff(file: IO[bytes], name: str, max_pixels: int) -> Decoded:
    """Decode the first page of a TIFF file: grey, palette, RGB or CMYK, of any depth, layout and compression."""
    big = _check_directory(file, name)
    file.seek(0)
    with tifffile.TiffFile(file) as tiff:  # does not close `file`
        page = tiff.pages.first
        if is_raw(page):
            return decode_raw(file, name, max_pixels)
        length = file.seek(0, os.SEEK_END)
        pixel_bytes = page.samplesperpixel * max(1, page.bitspersample // 8)
        check_claim(name, TIFF, (page.imagewidth, page.imagelength), length, pixel_bytes, max_pixels)
        _check_storage(page, file, name)
        decoded = _samples(page, name)
        _take_colors(page, decoded)
        decoded.metadata = _metadata(page)
        from_xmp = orientation_in_xmp(decoded.metadata.xmp or b"")
        decoded.orientation = int(page.tags.valueof(_ORIENTATION, default=from_xmp))
        if len(tiff.pages) > 1:
            decoded.notes.append(f"it holds {len(tiff.pages)} pages, and only the first was taken")
    if big:
        decoded.notes.append("EXIF data is not read from BigTIFF files")
        return decoded
    try:
        decoded.exif = exif_from_tiff(file)
    except Exception:  # on a damaged block Pillow raises many types of exceptions
        decoded.notes.append("its EXIF data is damaged and was dropped")
    return decoded


def _take_colors(page: TiffPage, decoded: Decoded) -> None:
    if isinstance(page.iccprofile, bytes):
        decoded.icc_profile = page.iccprofile
        return
    white, primaries = _rationals(page, _WHITE), _rationals(page, _PRIMARIES)
    values = np.asarray(page.tags.valueof(_CURVE, default=()))
    table = None
    if values.dtype.kind == "u" and values.size in (1 << page.bitspersample, 3 << page.bitspersample):
        table = values.reshape(-1, 1 << page.bitspersample).astype(np.float64)
        table = table[0] if len(table) == 1 else table
    if (white or primaries or table is not None) and decoded.samples.shape[2] == 3:
        decoded.icc_profile, note = from_tiff(white, primaries, table)
        decoded.notes += [note] if note else []


def _rationals(page: TiffPage, tag: int) -> tuple[float, ...] | None:
    """The values of a tag whose type is a fraction; None if it is missing or damaged."""
    value = page.tags.valueof(tag)
    if not isinstance(value, tuple) or len(value) % 2 or not all(value[1::2]):
        return None
    return tuple(top / bottom for top, bottom in zip(value[::2], value[1::2], strict=True))


def _metadata(page: TiffPage) -> Metadata:
    xmp, iptc = page.tags.valueof(_XMP), page.tags.valueof(_IPTC)
    if isinstance(iptc, tuple):  # some writers say that the bytes are 32-bit numbers, in the file's order
        iptc = np.array(iptc, page.parent.byteorder + "u4").tobytes()
    across, down = _rationals(page, 282), _rationals(page, 283)
    inch = _INCHES.get(int(page.tags.valueof(296, default=2)))
    resolution = (across[0] * inch, down[0] * inch) if across and down and inch else None
    return Metadata.of(xmp, iptc, (), resolution)


def _check_directory(file: IO[bytes], name: str) -> bool:
    """Raise PhotostyleError unless the file holds all of its first directory; return whether it is a BigTIFF.

    Many writers put the directory last. If a file ends within it, tifffile continues with the tags before, and would
    decode the samples without, for example, their predictor.
    """
    truncated = PhotostyleError(f"{name}: the file is truncated")
    length = file.seek(0, os.SEEK_END)
    file.seek(0)
    magic = file.read(16)
    order, big = "<" if magic[:2] == b"II" else ">", b"+" in magic[:4]
    link, number, head = (order + form for form in (("Q", "Q", "HHQ") if big else ("I", "H", "HHI")))
    link_size, number_size, head_size = (struct.calcsize(form) for form in (link, number, head))
    if len(magic) < 8 + big * 8:
        raise truncated
    (start,) = struct.unpack_from(link, magic, 8 if big else 4)
    if start + number_size > length:
        raise truncated
    file.seek(start)
    (count,) = struct.unpack(number, file.read(number_size))
    if start + number_size + count * (head_size + link_size) + link_size > length:
        raise truncated
    for _ in range(count):
        entry = file.read(head_size + link_size)
        _, kind, items = struct.unpack_from(head, entry)
        size = items * _TYPE_SIZES.get(kind, 0)
        (value,) = struct.unpack_from(link, entry, head_size)
        if size > link_size and value + size > length:
            raise truncated
    return big


def _check_storage(page: TiffPage, file: IO[bytes], name: str) -> None:
    """Raise PhotostyleError for a preview, a volume, or strips or tiles that the file does not hold."""
    if page.subfiletype & 1:
        raise PhotostyleError(f"{name}: the first image is only a preview of another one")
    if page.imagedepth > 1:
        raise PhotostyleError(f"{name}: the image must be flat, got a volume of {page.imagedepth} slices")
    length = file.seek(0, os.SEEK_END)
    segments = list(zip(page.dataoffsets, page.databytecounts, strict=False))
    expected = int(np.prod(page.chunked))
    if len(segments) < expected or any(
        offset == 0 or size == 0 or offset + size > length for offset, size in segments[:expected]
    ):
        raise PhotostyleError(f"{name}: the file is truncated")


def _samples(page: TiffPage, name: str) -> Decoded:
    colour = PHOTOMETRIC(page.photometric)
    channels = _COLOUR_CHANNELS.get(colour)
    # tifffile converts YCbCr to RGB only in JPEG strips; other YCbCr samples would stay unconverted.
    if channels is None or (colour == PHOTOMETRIC.YCBCR and page.compression != COMPRESSION.JPEG):
        raise PhotostyleError(f"{name}: the colour model must be grey, palette, RGB or CMYK, got {colour.name}")
    if page.samplesperpixel < channels or (channels == 4 and page.tags.valueof(_INK_SET, default=1) != 1):
        raise PhotostyleError(
            f"{name}: its {page.samplesperpixel} channels do not fit the colour model {colour.name}"
        )
    bits = page.bitspersample
    if page.sampleformat == SAMPLEFORMAT.INT:
        raise PhotostyleError(f"{name}: the samples must be unsigned or floating-point, got signed ones")
    separate, _, height, width, together = page.shaped  # one of the two channel axes has length 1
    array: np.ndarray = page.asarray().reshape(separate, height, width, together)
    array = np.moveaxis(array, 0, 2).reshape(height, width, separate * together)

    if colour == PHOTOMETRIC.PALETTE:
        if page.colormap is None:
            raise PhotostyleError(f"{name}: the image has numbers of colours, but no colours (tag ColorMap)")
        return Decoded(_apply_palette(array[..., 0], page.colormap))
    decoded = Decoded(array)
    if array.dtype.kind == "f" or bits > 16:
        decoded.notes.append(f"its {bits}-bit samples were rounded to 16 bits")
    array = to_stored(array, name, bits)
    decoded.samples = array[..., :channels]
    if colour == PHOTOMETRIC.MINISWHITE:
        decoded.samples = ~decoded.samples
    for meaning, channel in zip(page.extrasamples, np.moveaxis(array[..., channels:], 2, 0), strict=False):
        if decoded.alpha is None and meaning in (EXTRASAMPLE.ASSOCALPHA, EXTRASAMPLE.UNASSALPHA):
            decoded.alpha = channel
            if meaning == EXTRASAMPLE.ASSOCALPHA:
                decoded.samples = _divide_by_alpha(decoded.samples, channel)
                decoded.notes.append("its premultiplied alpha was divided out")
        else:
            decoded.notes.append("a channel that is neither colour nor alpha was dropped")
    unknown = page.samplesperpixel - channels - len(page.extrasamples)
    if unknown > 0:
        decoded.notes.append(f"{unknown} more channels, of which it does not say what they are, were dropped")
    return decoded


def _apply_palette(indices: np.ndarray, palette: np.ndarray) -> np.ndarray:
    """The colours (H, W, 3) uint8 of indices (H, W) into a palette (3, N) of 16-bit values."""
    if palette.max(initial=0) > 255:  # some writers store 8-bit values instead
        palette = palette >> 8
    return palette.astype(np.uint8).T[indices]


def _divide_by_alpha(samples: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    top = int(np.iinfo(samples.dtype).max)
    divisor = np.maximum(alpha, 1).astype(np.uint32)[..., None]
    return np.minimum((samples.astype(np.uint32) * top + divisor // 2) // divisor, top).astype(samples.dtype)


def encode_tiff(
    samples: np.ndarray, icc_profile: bytes | None, exif: bytes | None, metadata: Metadata | None = None
) -> bytes:
    """Encode (H, W, 3 or 4) uint8 or uint16 as a deflated TIFF file with the descriptive tags of an EXIF block.

    Of `metadata`, texts are not written.

    Raises:
        ValueError: the EXIF block cannot be expressed as TIFF tags.
    """
    buffer = io.BytesIO()
    metadata = metadata or Metadata()
    blocks = ((_XMP, metadata.xmp), (_IPTC, metadata.iptc))
    tifffile.imwrite(
        buffer,
        samples,
        bigtiff=False,
        byteorder="<",
        photometric="rgb",
        extrasamples=["unassalpha"] if samples.shape[2] == 4 else None,
        compression="zlib",
        predictor=True,
        iccprofile=icc_profile,
        software=False,
        metadata=None,
        resolution=metadata.resolution,
        resolutionunit="inch" if metadata.resolution else None,
        extratags=[(tag, "B", len(block), block, True) for tag, block in blocks if block],
    )
    return _add_exif(buffer.getvalue(), exif) if exif else buffer.getvalue()


def _add_exif(tiff: bytes, exif: bytes) -> bytes:
    """Append the EXIF tags, and a new first directory that lists them and the tags for the samples.

    The twelve bytes of a directory entry hold a small value, or the position of a large one in the file. So entries
    can move to another directory unchanged. The old directory stays in the file, unused.
    """
    data = bytearray(tiff) + b"\0" * (len(tiff) % 2)  # directories start at even offsets
    (old,) = struct.unpack_from("<I", data, 4)
    added = len(data)
    try:
        data += exif_directory(exif, added)
    except Exception as error:  # on unusual values Pillow raises many types of exceptions
        raise ValueError(f"the EXIF data cannot be written to TIFF ({error})") from error
    entries = sorted((_entries(data, old) | _entries(data, added)).items())
    data += b"\0" * (len(data) % 2)
    struct.pack_into("<I", data, 4, len(data))
    data += struct.pack("<H", len(entries)) + b"".join(entry for _, entry in entries) + bytes(4)
    return bytes(data)


def _entries(data: bytearray, start: int) -> dict[int, bytes]:
    """The entries, twelve bytes each, of the little-endian directory at `start`, by tag."""
    (count,) = struct.unpack_from("<H", data, start)
    places = range(start + 2, start + 2 + 12 * count, 12)
    return {struct.unpack_from("<H", data, at)[0]: bytes(data[at : at + 12]) for at in places}
