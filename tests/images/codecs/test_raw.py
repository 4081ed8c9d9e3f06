"""Camera raw files: a DNG made here is developed, and what to do without rawpy is said."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from image_files import noise, pillow_bytes, png_chunk, read, tiff_bytes
from optional_packages import need
from PIL import Image

from photostyle_native.errors import PhotostyleError
from photostyle_native.images.codecs.exif import upright_exif

_XYZ_TO_CAMERA = np.array([[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]])


def dng(
    light: tuple[float, float, float] = (0.6, 0.3, 0.1), size: tuple[int, int] = (96, 128), turned: int = 1
) -> bytes:
    """A raw file of one even colour, whose camera has the primaries of sRGB: (red, green, blue) of linear light."""
    mosaic = np.zeros(size, np.uint16)
    for row, column, channel in ((0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 2)):
        mosaic[row::2, column::2] = round(4000 * light[channel])
    matrix = [n for value in _XYZ_TO_CAMERA.ravel() for n in (round(value * 10000), 10000)]
    tags: list[Any] = [
        (33421, "H", 2, (2, 2), True),
        (33422, "B", 4, bytes((0, 1, 1, 2)), True),
        (50706, "B", 4, bytes((1, 4, 0, 0)), True),
        (50708, "s", 0, "Test camera", True),
        (50714, "H", 1, 0, True),
        (50717, "H", 1, 4000, True),
        (50721, 10, 9, matrix, True),
        (50728, 5, 3, (1, 1, 1, 1, 1, 1), True),
        (50778, "H", 1, 21, True),
        (271, "s", 0, "Maker", True),
        (274, "H", 1, turned, True),
    ]
    return tiff_bytes(mosaic, photometric=32803, metadata=None, extratags=tags, software=False)


def test_a_raw_file_is_developed(tmp_path: Path) -> None:
    need("rawpy")
    photo = read(tmp_path, dng())
    assert photo.size == (96, 128)
    assert photo.bit_depth == 16
    assert photo.icc_profile is None
    assert photo.notes == ("it is a camera's raw file, and was developed to sRGB with the camera's white balance",)
    red, green, blue = photo.pixels[40:60, 40:60].reshape(-1, 3).mean(0)
    assert red > 1.2 * green > 1.5 * blue
    assert photo.exif is not None
    assert b"Maker" in photo.exif


def test_it_is_turned_once(tmp_path: Path) -> None:
    need("rawpy")
    photo = read(tmp_path, dng(turned=6))
    assert photo.size == (128, 96)
    assert upright_exif(photo.exif or b"")[1] == 1


def test_what_is_srgb_does_not_ask_exif(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x8769] = {0xA001: 2}
    plain = pillow_bytes(noise(), "PNG", exif=exif)
    photo = read(tmp_path, plain[:33] + png_chunk(b"sRGB", b"\0") + plain[33:])
    assert (photo.icc_profile, photo.notes) == (None, ())


def test_a_damaged_raw_file_is_refused_in_words(tmp_path: Path) -> None:
    need("rawpy")
    data = dng()
    with pytest.raises(PhotostyleError, match="photo: "):
        read(tmp_path, data[: len(data) // 2])
    with pytest.raises(PhotostyleError, match="at most 100 pixels"):
        read(tmp_path, data, max_pixels=100)


def test_without_rawpy_the_message_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rawpy", None)
    monkeypatch.setattr("photostyle_native.picture_files.find_spec", lambda name: None)
    for data in (dng(), b"FUJIFILMCCD-RAW 0201" + bytes(100)):
        with pytest.raises(PhotostyleError, match=r"raw file: install photostyle-native\[raw\], or develop it"):
            read(tmp_path, data)
