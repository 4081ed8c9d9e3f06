"""Strategies for damaged files: good ones of every kind, with bytes changed, cut, repeated and put in."""

from __future__ import annotations

import struct
from functools import cache

import imagecodecs
import numpy as np
from hypothesis import strategies as st
from image_files import pillow_bytes, tiff_bytes
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

    plain = pillow_bytes(image, "PNG", exif=exif, pnginfo=text, icc_profile=profile, dpi=(300, 300))
    return (
        plain,
        bytes(imagecodecs.png_encode(rgb.astype(np.uint16) * np.uint16(257))),
        pillow_bytes(Image.fromarray(rgba), "PNG"),
        pillow_bytes(grey.convert("P"), "PNG", transparency=3),
        pillow_bytes(image, "JPEG", exif=exif, icc_profile=profile, xmp=b"<x/>", comment="words"),
        pillow_bytes(image.convert("CMYK"), "JPEG", progressive=True),
        tiff_bytes(rgb, photometric="rgb", compression="zlib", predictor=True, iccprofile=profile),
        tiff_bytes(rgb.astype(np.uint16), photometric="rgb", bigtiff=True, resolution=(300, 300)),
        tiff_bytes(rgb[..., 0], photometric="palette", colormap=np.zeros((3, 256), np.uint16)),
        tiff_bytes(rgb.astype(np.float32) / 255, photometric="rgb", tile=(16, 16)),
        pillow_bytes(image, "TIFF", compression="jpeg"),
        pillow_bytes(grey.convert("1"), "TIFF", compression="group4"),
        pillow_bytes(image, "WEBP", exif=exif),
        pillow_bytes(Image.fromarray(rgba), "WEBP", lossless=True),
        pillow_bytes(grey, "GIF", comment=b"words"),
        pillow_bytes(grey, "GIF", save_all=True, append_images=[grey]),
        pillow_bytes(image, "BMP"),
        pillow_bytes(grey.convert("P"), "BMP"),
        pillow_bytes(image, "AVIF", exif=exif, icc_profile=profile),
        bytes(imagecodecs.avif_encode(rgb.astype(np.uint16) * np.uint16(4), bitspersample=10)),
        pillow_bytes(image, "AVIF", save_all=True, append_images=[image]),
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
