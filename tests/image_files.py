"""Image files in memory for the tests: arrays through Pillow and tifffile, and PNG chunks by hand."""

from __future__ import annotations

import io
import struct
import zlib
from functools import cache
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import tifffile
from PIL import Image

from photostyle_native.images.photo import Photo, read_photo

HEIGHT, WIDTH = 37, 23


def noise(channels: int = 3, dtype: Any = np.uint8, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    top = np.iinfo(dtype).max
    shape = (height, width, channels) if channels > 1 else (height, width)
    return np.random.default_rng(channels).integers(0, top, shape, dtype, endpoint=True)


def pillow_bytes(array: np.ndarray | Image.Image, file_format: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image = array if isinstance(array, Image.Image) else Image.fromarray(array)
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


def tiff_bytes(array: np.ndarray, **options: Any) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, array, **options)
    return buffer.getvalue()


def png_chunk(kind: bytes, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload)) + kind + payload + struct.pack(">I", zlib.crc32(kind + payload))


def read(tmp_path: Path, data: bytes, **options: Any) -> Photo:
    path = tmp_path / "photo"  # the content tells the format, not the name
    path.write_bytes(data)
    return read_photo(path, **options)


def rgb(grey: np.ndarray) -> np.ndarray:
    return np.stack([grey] * 3, axis=-1)


def exif_bytes(orientation: int, endian: str = "<") -> bytes:
    exif = Image.Exif()
    exif.endian = endian
    exif[0x010F] = "Maker"
    exif[0x0112] = orientation
    exif[0x8769] = {0x829A: 0.008, 0x9003: "2024:05:06 07:08:09"}  # exposure time, time taken
    return exif.tobytes()


@cache  # a profile contains the time of its making
def adobe_like() -> bytes:
    """A profile with the primaries of Adobe RGB (1998), white D65, gamma 2.2."""
    primaries = [0.64, 0.33, 1.0, 0.21, 0.71, 1.0, 0.15, 0.06, 1.0]
    return imagecodecs.cms_profile("rgb", whitepoint=[0.3127, 0.3290, 1.0], primaries=primaries, gamma=2.2)
