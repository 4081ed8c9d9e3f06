"""PNG files of every colour type and depth."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from image_files import HEIGHT, WIDTH, noise, pillow_bytes, png_chunk, read, rgb
from PIL import Image

from photostyle_native.errors import PhotostyleError


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_png_of_all_channel_counts(tmp_path: Path, dtype: Any) -> None:
    for channels in (1, 2, 3, 4):
        array = noise(channels, dtype)
        photo = read(tmp_path, bytes(imagecodecs.png_encode(array)))
        colour = rgb(array) if channels == 1 else rgb(array[..., 0]) if channels == 2 else array[..., :3]
        assert photo.pixels.dtype == dtype
        assert photo.bit_depth == 8 * np.dtype(dtype).itemsize
        np.testing.assert_array_equal(photo.pixels, colour)
        if channels in (2, 4):
            assert photo.alpha is not None
            np.testing.assert_array_equal(photo.alpha, array[..., -1])
        else:
            assert photo.alpha is None
        assert photo.size == (HEIGHT, WIDTH)
        assert photo.notes == ()
        assert photo.icc_profile is None


def test_png_of_one_two_and_four_bits(tmp_path: Path) -> None:
    """Written by hand: 0b00011011 is 0 0 0 1 1 0 1 1, or 0 1 2 3, or 1 11."""
    expected = {1: [0, 0, 0, 255, 255, 0, 255, 255], 2: [0, 85, 170, 255], 4: [17, 187]}
    for bits, greys in expected.items():
        header = struct.pack(">IIBBBBB", 8 // bits, 1, bits, 0, 0, 0, 0)
        chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0\x1b")), (b"IEND", b"")]
        data = b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*chunk) for chunk in chunks)
        assert read(tmp_path, data).pixels[0].tolist() == [[grey] * 3 for grey in greys]


def test_transparent_grey_png(tmp_path: Path) -> None:
    photo = read(tmp_path, pillow_bytes(Image.fromarray(np.array([[7, 8]], np.uint8)), "PNG", transparency=7))
    assert photo.pixels.tolist() == [[[7] * 3, [8] * 3]]
    assert photo.alpha is not None
    assert photo.alpha.tolist() == [[0, 255]]


def test_png_with_wrong_checksum_is_an_error(tmp_path: Path) -> None:
    data = bytearray(pillow_bytes(noise(), "PNG"))
    data[data.index(b"IDAT") + 40] ^= 1
    with pytest.raises(PhotostyleError, match=r"checksum of its IDAT chunk"):
        read(tmp_path, bytes(data))
