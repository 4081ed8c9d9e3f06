"""Broken, hostile and foreign image files give an error of one sentence, and never half an image."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from image_files import (
    exif_bytes,
    pillow_bytes,
    png_chunk,
    read,
    tiff_bytes,
)
from PIL import Image

from photostyle_native.errors import PhotostyleError
from photostyle_native.images.photo import Photo


def samples_of_each_format() -> dict[str, bytes]:
    smooth = (np.add.outer(np.arange(61), np.arange(43))[..., None] * (1, 2, 1.5)).astype(np.uint8)
    smooth += np.random.default_rng(0).integers(0, 30, smooth.shape, np.uint8)
    deep = smooth.astype(np.uint16) * np.uint16(250)
    exif = exif_bytes(6)
    return {
        "png8": pillow_bytes(smooth, "PNG", exif=exif),
        "png16": bytes(imagecodecs.png_encode(deep)),
        "palette": pillow_bytes(Image.fromarray(smooth).quantize(16), "PNG"),
        "jpeg": pillow_bytes(smooth, "JPEG", exif=exif),
        "progressive": pillow_bytes(smooth, "JPEG", progressive=True),
        "webp": pillow_bytes(smooth, "WEBP", exif=exif),
        "webp lossless": pillow_bytes(smooth, "WEBP", lossless=True),
        "tiff8": pillow_bytes(smooth, "TIFF", compression="tiff_lzw"),
        "tiff8 raw": pillow_bytes(smooth, "TIFF"),
        "tiff16": tiff_bytes(deep, photometric="rgb", compression="zlib", predictor=True, rowsperstrip=8),
        "tiff16 tiles": tiff_bytes(deep, photometric="rgb", compression="zstd", tile=(16, 16)),
        "tiff16 raw": tiff_bytes(deep, photometric="rgb", byteorder=">"),
    }


def attempt(tmp_path: Path, data: bytes, **options: Any) -> Photo | str:
    """Read a file: the photo, or the message of a PhotostyleError. Any other exception fails the test."""
    try:
        return read(tmp_path, data, **options)
    except PhotostyleError as error:
        return str(error)


@pytest.mark.parametrize("kind", samples_of_each_format())
def test_truncated_file_is_an_error_wherever_it_ends(tmp_path: Path, kind: str, capfd: Any) -> None:
    data = samples_of_each_format()[kind]
    whole = read(tmp_path, data).pixels
    cuts = {*range(len(data) - 24, len(data)), *np.linspace(0, len(data) - 25, 40).astype(int).tolist()}
    for end in sorted(cuts):
        result = attempt(tmp_path, data[:end])
        if isinstance(result, str):
            assert result.startswith(str(tmp_path / "photo"))
            assert "\n" not in result
        else:  # only bytes that no pixel needs may be missing
            assert end >= len(data) - 24
            np.testing.assert_array_equal(result.pixels, whole)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("kind", ["png8", "png16", "palette", "jpeg", "progressive"])
def test_download_that_broke_off_into_zeros_is_an_error(tmp_path: Path, kind: str) -> None:
    """The file has its full length but ends in zeros. Pillow decodes most, with a grey or black lower part."""
    data = samples_of_each_format()[kind]
    for end in np.linspace(2, len(data) - 20, 12).astype(int):
        with pytest.raises(PhotostyleError):
            read(tmp_path, data[:end] + bytes(len(data) - end))


@pytest.mark.parametrize("kind", samples_of_each_format())
def test_flipped_bytes_give_a_photo_or_the_one_exception(tmp_path: Path, kind: str, capfd: Any) -> None:
    data = samples_of_each_format()[kind]
    rng = np.random.default_rng(1)
    for _ in range(60):
        broken = bytearray(data)
        for place in rng.integers(0, len(data) if rng.random() < 0.5 else min(300, len(data)), 3):
            broken[place] ^= int(rng.integers(1, 256))
        result = attempt(tmp_path, bytes(broken), max_pixels=100_000)
        if isinstance(result, str):
            assert "\n" not in result
        else:
            assert result.pixels.ndim == 3
            assert result.pixels.shape[2] == 3
    assert capfd.readouterr() == ("", "")


def test_too_many_pixels_are_refused_from_the_header(tmp_path: Path) -> None:
    """A header announces 10^10 pixels that the file does not hold, and real images exceed a small limit."""
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0))
    bomb = b"\x89PNG\r\n\x1a\n" + header + png_chunk(b"IDAT", zlib.compress(bytes(1000))) + png_chunk(b"IEND", b"")
    with pytest.raises(PhotostyleError, match=r"photo: .* at most 400000000 pixels, got 100000 x 100000 = 1"):
        read(tmp_path, bomb)
    for kind, data in samples_of_each_format().items():
        with pytest.raises(PhotostyleError, match=r"at most 2622 pixels, got (43 x 61|61 x 43) = 2623"):
            read(tmp_path, data, max_pixels=2622)
        assert read(tmp_path, data, max_pixels=2623).pixels.size == 3 * 2623, kind


def test_images_without_pixels_and_foreign_files(tmp_path: Path) -> None:
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", 0, 5, 8, 2, 0, 0, 0))
    empty = b"\x89PNG\r\n\x1a\n" + header + png_chunk(b"IDAT", zlib.compress(b"")) + png_chunk(b"IEND", b"")
    with pytest.raises(PhotostyleError, match=r"the image has no pixels \(0 x 5\)"):
        read(tmp_path, empty)
    with pytest.raises(PhotostyleError, match=r"photo: the file is empty"):
        read(tmp_path, b"")
    for data in (
        b"hello",
        bytes(100),
        b"RIFF\0\0\0\0WAVE",
    ):
        with pytest.raises(PhotostyleError, match=r"photo: not a PNG, JPEG, TIFF, WebP, AVIF, GIF or BMP image"):
            read(tmp_path, data)
