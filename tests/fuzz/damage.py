"""Strategies for damaged files: good ones of every kind, with bytes changed, cut, repeated and put in."""

from __future__ import annotations

import io
import struct
from functools import cache
from typing import Any

import imagecodecs
import numpy as np
import tifffile
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

# Values that headers do not expect, as big and little endian numbers of 1, 2 and 4 bytes.
_EXTREMES = [
    struct.pack(order + form, value)
    for order in "<>"
    for form, values in (("B", (0, 1, 127, 255)), ("H", (0, 1, 0x7FFF, 0xFFFF)), ("I", (0, 1, 1 << 31, 0xFFFFFFFF)))
    for value in values
]


@cache
def pictures() -> tuple[bytes, ...]:
    """A small good file of every format that is read, in the kinds that take other paths through the readers."""
    rng = np.random.default_rng(0)
    rgb = rng.integers(0, 256, (12, 17, 3), np.uint8)
    image, grey = Image.fromarray(rgb), Image.fromarray(rgb[..., 0])
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Maker"
    exif[0x8769] = {0xA001: 65535, 0xA002: 17, 0xA003: 12, 0xA005: {1: "R03"}}
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", "words " * 20, zip=True)
    text.add_itxt("XML:com.adobe.xmp", '<x tiff:Orientation="6"/>')
    profile = imagecodecs.cms_profile("adobergb")
    rgba = np.dstack([rgb, rgb[..., :1] * np.uint8(255)])

    def pillow(picture: Image.Image, kind: str, **options: Any) -> bytes:
        stream = io.BytesIO()
        picture.save(stream, kind, **options)
        return stream.getvalue()

    def tiff(array: np.ndarray, **options: Any) -> bytes:
        stream = io.BytesIO()
        tifffile.imwrite(stream, array, **options)
        return stream.getvalue()

    plain = pillow(image, "PNG", exif=exif, pnginfo=text, icc_profile=profile, dpi=(300, 300))
    return (
        plain,
        bytes(imagecodecs.png_encode(rgb.astype(np.uint16) * np.uint16(257))),
        pillow(Image.fromarray(rgba), "PNG"),
        pillow(grey.convert("P"), "PNG", transparency=3),
        pillow(image, "JPEG", exif=exif, icc_profile=profile, xmp=b"<x/>", comment="words"),
        pillow(image.convert("CMYK"), "JPEG", progressive=True),
        tiff(rgb, photometric="rgb", compression="zlib", predictor=True, iccprofile=profile),
        tiff(rgb.astype(np.uint16), photometric="rgb", bigtiff=True, resolution=(300, 300)),
        tiff(rgb[..., 0], photometric="palette", colormap=np.zeros((3, 256), np.uint16)),
        tiff(rgb.astype(np.float32) / 255, photometric="rgb", tile=(16, 16)),
        pillow(image, "TIFF", compression="jpeg"),
        pillow(grey.convert("1"), "TIFF", compression="group4"),
        pillow(image, "WEBP", exif=exif),
        pillow(Image.fromarray(rgba), "WEBP", lossless=True),
        pillow(grey, "GIF", comment=b"words"),
        pillow(grey, "GIF", save_all=True, append_images=[grey]),
        pillow(image, "BMP"),
        pillow(grey.convert("P"), "BMP"),
        pillow(image, "AVIF", exif=exif, icc_profile=profile),
        bytes(imagecodecs.avif_encode(rgb.astype(np.uint16) * np.uint16(4), bitspersample=10)),
        pillow(image, "AVIF", save_all=True, append_images=[image]),
    )


@st.composite
def damaged(draw: st.DrawFn, good: tuple[bytes, ...]) -> bytes:
    """One of the files with up to eight changes."""
    data = bytearray(draw(st.sampled_from(good)))
    for _ in range(draw(st.integers(0, 8))):
        # Headers, which decide most, are at the beginning of files, and in a TIFF at the end.
        end = draw(st.sampled_from([min(64, len(data)), len(data)]))
        at = draw(st.integers(0, max(0, end - 1)))
        change = draw(st.sampled_from(["number", "bytes", "cut", "repeat", "remove", "insert"]))
        if change == "number":
            value = draw(st.sampled_from(_EXTREMES))
            data[at : at + len(value)] = value
        elif change == "bytes":
            value = draw(st.binary(min_size=1, max_size=6))
            data[at : at + len(value)] = value
        elif change == "cut":
            del data[at:]
        elif change == "insert":
            data[at:at] = draw(st.binary(min_size=1, max_size=40))
        else:
            length = draw(st.integers(1, 60))
            piece = bytes(data[at : at + length])
            data[at : at + (0 if change == "repeat" else length)] = piece if change == "repeat" else b""
    return bytes(data)
