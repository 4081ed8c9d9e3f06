"""TIFF files of every layout, depth and colour model."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from image_files import noise, pillow_bytes, read, rgb, tiff_bytes
from PIL import Image

from photostyle_native.errors import PhotostyleError


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("compression", [None, "lzw", "zlib", "zstd"])
@pytest.mark.parametrize("layout", [{"rowsperstrip": 8}, {"tile": (16, 16)}], ids=["strips", "tiles"])
def test_tiff_layouts(tmp_path: Path, dtype: Any, compression: str | None, layout: dict[str, Any]) -> None:
    for channels in (1, 3, 4):
        array = noise(channels, dtype)
        for planar in ("contig",) if channels == 1 else ("contig", "separate"):
            stored = array if planar == "contig" else np.ascontiguousarray(np.moveaxis(array, 2, 0))
            options: dict[str, Any] = {"photometric": "minisblack" if channels == 1 else "rgb", **layout}
            if channels > 1:
                options["planarconfig"] = planar
            if channels == 4:
                options["extrasamples"] = ["unassalpha"]
            for byteorder in "<>":
                data = tiff_bytes(
                    stored,
                    compression=compression,
                    predictor=compression is not None,
                    byteorder=byteorder,
                    **options,
                )
                photo = read(tmp_path, data)
                np.testing.assert_array_equal(photo.pixels, rgb(array) if channels == 1 else array[..., :3])
                assert photo.pixels.dtype == np.dtype(dtype)
                assert photo.pixels.dtype.isnative
                assert (photo.alpha is not None) == (channels == 4)


def test_tiff_of_other_depths_and_meanings(tmp_path: Path) -> None:
    grey = noise(1, np.uint16)
    inverted = read(tmp_path, tiff_bytes(grey, photometric="miniswhite"))
    np.testing.assert_array_equal(inverted.pixels, rgb(65535 - grey))

    floats = np.array([[0.0, 0.25, 1.0]], np.float32)
    photo = read(tmp_path, tiff_bytes(floats, photometric="minisblack"))
    assert photo.pixels[0, :, 0].tolist() == [0, 16384, 65535]
    assert "32-bit" in photo.notes[0]
    with pytest.raises(PhotostyleError, match=r"photo: float samples must lie in \[0, 1\], got 0 to 5"):
        read(tmp_path, tiff_bytes(floats * 5, photometric="minisblack"))

    deep = np.array([[0, 1 << 16, 0xFFFFFFFF]], np.uint32)
    assert read(tmp_path, tiff_bytes(deep, photometric="minisblack")).pixels[0, :, 0].tolist() == [
        0,
        1,
        65535,
    ]

    big = read(tmp_path, tiff_bytes(grey, photometric="minisblack", bigtiff=True))
    np.testing.assert_array_equal(big.pixels, rgb(grey))
    assert big.notes == ("EXIF data is not read from BigTIFF files",)

    premultiplied = np.array([[[100, 50, 0, 128], [9, 9, 9, 0], [200, 100, 50, 255]]], np.uint8)
    photo = read(tmp_path, tiff_bytes(premultiplied, photometric="rgb", extrasamples=["assocalpha"]))
    assert photo.pixels[0, [0, 2]].tolist() == [[199, 100, 0], [200, 100, 50]]
    assert photo.alpha is not None
    assert photo.alpha.tolist() == [[128, 0, 255]]
    assert photo.notes == ("its premultiplied alpha was divided out",)

    unknown = read(tmp_path, tiff_bytes(noise(4), photometric="rgb", extrasamples=["unspecified"]))
    np.testing.assert_array_equal(unknown.pixels, noise(4)[..., :3])
    assert unknown.alpha is None
    assert "dropped" in unknown.notes[0]


def test_tiff_with_jpeg_strips_becomes_rgb(tmp_path: Path) -> None:
    image = Image.fromarray(np.full((16, 16, 3), (200, 100, 50), np.uint8))
    pixels = read(tmp_path, pillow_bytes(image, "TIFF", compression="jpeg", quality=95)).pixels.astype(int)
    assert np.abs(pixels - (200, 100, 50)).max() <= 3


def test_tiff_that_is_no_photo(tmp_path: Path) -> None:
    with pytest.raises(PhotostyleError, match=r"only a preview"):
        read(tmp_path, tiff_bytes(noise(), photometric="rgb", subfiletype=1))
    with pytest.raises(PhotostyleError, match=r"colour model must be grey, palette, RGB or CMYK, got CIELAB"):
        read(tmp_path, tiff_bytes(noise(), photometric="cielab"))
    with pytest.raises(PhotostyleError, match=r"volume of 3 slices"):
        read(tmp_path, tiff_bytes(noise(1)[None].repeat(3, 0), photometric="minisblack", volumetric=True))
    with pytest.raises(PhotostyleError, match=r"photo: "):
        read(tmp_path, tiff_bytes(noise(1).astype(np.complex64), photometric="minisblack"))


def test_tiff_that_would_be_misread_is_refused(tmp_path: Path) -> None:
    for dtype in (np.int8, np.int16):
        with pytest.raises(PhotostyleError, match=r"samples must be unsigned or floating-point, got signed ones"):
            read(tmp_path, tiff_bytes(np.ones((8, 8, 3), dtype), photometric="rgb"))
    numbers = tiff_bytes(noise(1), photometric="palette", colormap=np.zeros((3, 256), np.uint16))
    without = numbers.replace(struct.pack("<HHI", 320, 3, 768), struct.pack("<HHI", 65000, 3, 768))
    assert without != numbers
    with pytest.raises(PhotostyleError, match=r"numbers of colours, but no colours \(tag ColorMap\)"):
        read(tmp_path, without)


def test_a_channel_that_the_file_does_not_explain_is_named(tmp_path: Path) -> None:
    stored = tiff_bytes(noise(4), photometric="rgb", extrasamples=["unspecified"])
    silent = stored.replace(struct.pack("<HHI", 338, 3, 1), struct.pack("<HHI", 65000, 3, 1))
    assert silent != stored
    for data, words in ((stored, "neither colour nor alpha"), (silent, "does not say what they are")):
        photo = read(tmp_path, data)
        np.testing.assert_array_equal(photo.pixels, noise(4)[..., :3])
        assert photo.alpha is None
        assert words in photo.notes[0]
