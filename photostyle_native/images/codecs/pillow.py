"""Decoding of JPEG, WebP, GIF and BMP, encoding of JPEG and WebP, and the samples of Pillow images."""

from __future__ import annotations

import io
import os
import struct
from typing import IO, Any

import numpy as np
from PIL import Image

from ...errors import PhotostyleError
from ...picture_files import JPEG, PictureFormat, check_claim, orientation_of, pixel_bytes
from .exif import exif_of_image
from .metadata import Metadata
from .samples import Decoded, split_alpha, to_stored

_IPTC = 0x0404  # the number of Photoshop's block for IPTC data


def decode_jpeg(data: bytes, name: str, max_pixels: int) -> Decoded:
    """Decode an 8-bit JPEG file: grey, YCbCr, RGB, CMYK or YCCK."""
    with JPEG.plugin(io.BytesIO(data)) as image:
        check_claim(name, JPEG, image.size, len(data), pixel_bytes(image), max_pixels)
        # An interrupted download into a file of preallocated zeros decodes without an error, with a grey lower part,
        # but has no end marker. The marker cannot occur within image data, where FF is always escaped.
        if data.find(b"\xff\xd9", data.find(b"\xff\xda")) < 0:
            raise PhotostyleError(f"{name}: the file is truncated")
        decoded = decode_image(image, name)
        if "mp" in image.info:
            decoded.notes.append("it holds several pictures (MPO), and only the first was taken")
    return decoded


def decode_other(file: IO[bytes], its_format: PictureFormat, name: str, max_pixels: int) -> Decoded:
    """Decode the first picture of a file of another format, of 8 bits."""
    length = file.seek(0, os.SEEK_END)
    file.seek(0)
    with its_format.plugin(file) as image:
        check_claim(name, its_format, image.size, length, pixel_bytes(image), max_pixels)
        return decode_image(image, name)


def decode_image(image: Image.Image, name: str, array: np.ndarray | None = None) -> Decoded:
    """The samples and metadata of a Pillow image in any mode that stands for grey, RGB or CMYK.

    If other code has decoded the pixels, `array`, (H, W) or (H, W, C), has them, and Pillow does not.
    """
    notes = []
    frames = getattr(image, "n_frames", 1)
    if frames > 1:
        notes.append(f"it holds {frames} pictures, and only number {image.tell() + 1} was taken")
    if not image.mode.startswith("I") and any(";16" in str(tile.args) for tile in getattr(image, "tile", ())):
        notes.append("Pillow reduced its 16-bit samples to 8 bits; pass the path instead of the open image")
    if array is None:
        image.load()
        array = _samples(image, name)
    samples, alpha = (array, None) if image.mode == "CMYK" else split_alpha(array)
    try:
        exif = exif_of_image(image)
    except Exception:  # on a damaged block Pillow raises many types of exceptions
        exif = None
        notes.append("its EXIF data is damaged and was dropped")
    profile = image.info.get("icc_profile") or None
    return Decoded(samples, alpha, profile, exif, orientation_of(image), notes, _metadata(image))


def _metadata(image: Image.Image) -> Metadata:
    info = image.info
    xmp, blocks, comment = info.get("xmp"), info.get("photoshop"), info.get("comment")
    iptc = blocks.get(_IPTC) if isinstance(blocks, dict) else None
    if isinstance(comment, bytes):
        comment = comment.decode("utf-8", "replace")
    text = (("Comment", comment),) if isinstance(comment, str) and comment else ()
    dpi = info.get("dpi")
    resolution = (float(dpi[0]), float(dpi[1])) if isinstance(dpi, tuple) and len(dpi) == 2 else None
    return Metadata.of(xmp, iptc, text, resolution)


def _samples(image: Image.Image, name: str) -> np.ndarray:
    mode = image.mode
    if mode in ("I", "F") or mode.startswith("I;16"):
        return to_stored(_array(image), name)
    if mode == "La":
        image = image.convert("LA")
    elif image.has_transparency_data and mode not in ("LA", "RGBA"):
        image = image.convert("RGBA")
    elif mode == "1":
        image = image.convert("L")
    elif mode in ("P", "RGBX", "YCbCr", "HSV"):
        image = image.convert("RGB")
    elif mode not in ("L", "LA", "RGB", "RGBA", "CMYK"):
        raise PhotostyleError(f"{name}: the colour mode must be grey, palette, RGB or CMYK, got {mode}")
    return _array(image)


def _array(image: Image.Image) -> np.ndarray:
    """The pixels as a writeable array. Unlike `np.asarray`, this needs no memory for two more copies of them."""
    width, height = image.size
    first = np.asarray(image.crop((0, 0, width, 1)))
    array = np.empty((height, *first.shape[1:]), first.dtype)
    for row in range(0, height, 256):
        end = min(row + 256, height)
        array[row:end] = np.asarray(image.crop((0, row, width, end)))
    return array


def encode_pillow(
    file_format: str,
    samples: np.ndarray,
    icc_profile: bytes | None,
    exif: bytes | None,
    metadata: Metadata,
    quality: int,
) -> bytes:
    """Encode (H, W, 3 or 4) uint8 as ``"JPEG"`` or ``"WEBP"``.

    JPEG stores chroma at full resolution; WebP keeps the colours of pixels with alpha 0.
    """
    options: dict[str, Any] = {"icc_profile": icc_profile, "exif": exif, "xmp": metadata.xmp}
    if file_format == "JPEG":
        options |= {"subsampling": 0, "dpi": metadata.resolution, "comment": dict(metadata.text).get("Comment")}
        options["extra"] = _app13(metadata.iptc) if metadata.iptc else None
    else:
        options["exact"] = True
    buffer = io.BytesIO()
    given = {name: value for name, value in options.items() if value is not None}
    Image.fromarray(samples).save(buffer, file_format, quality=quality, **given)
    return buffer.getvalue()


def _app13(iptc: bytes) -> bytes:
    """The segment of a JPEG file that holds IPTC data as a block of Photoshop's."""
    block = struct.pack(">4sHHI", b"8BIM", _IPTC, 0, len(iptc)) + iptc + bytes(len(iptc) % 2)
    payload = b"Photoshop 3.0\0" + block
    return b"\xff\xed" + struct.pack(">H", len(payload) + 2) + payload
