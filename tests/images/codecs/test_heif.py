"""AVIF and HEIC: depth, alpha, orientation, colour space, and damage."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from image_files import adobe_like, exif_bytes, noise, pillow_bytes, read
from optional_packages import need
from PIL import Image

from photostyle_native.errors import PhotostyleError
from photostyle_native.masks.label_images import read_labels

SMOOTH = np.stack(np.meshgrid(np.arange(64) * 4, np.arange(48) * 5), 2)
SMOOTH = np.dstack([SMOOTH, 255 - SMOOTH[..., 0]]).astype(np.uint8)


def heic(array: np.ndarray, **options: Any) -> bytes:
    pillow_heif = need("pillow_heif")
    stream = io.BytesIO()
    if array.dtype == np.uint16:
        picture = pillow_heif.from_bytes("RGB;16", array.shape[1::-1], array.tobytes())
    else:
        picture = pillow_heif.from_pillow(Image.fromarray(array))
    picture.save(stream, quality=95, chroma=444, **options)
    return stream.getvalue()


def test_avif_of_eight_ten_and_twelve_bits(tmp_path: Path) -> None:
    photo = read(tmp_path, pillow_bytes(SMOOTH, "AVIF", quality=95, subsampling="4:4:4"))
    assert (photo.bit_depth, photo.alpha, photo.notes) == (8, None, ())
    assert np.abs(photo.pixels.astype(int) - SMOOTH).mean() < 2
    for bits in (10, 12):
        values = noise(3, np.uint16) >> (16 - bits)
        data = imagecodecs.avif_encode(values, level=100, bitspersample=bits, pixelformat="444")
        photo = read(tmp_path, bytes(data))
        assert photo.bit_depth == 16
        expected = values * (65535 / (2**bits - 1))
        assert np.abs(photo.pixels - expected).max() < 65535 / 2**bits
        grey = read(tmp_path, bytes(imagecodecs.avif_encode(values[..., 0], level=100, bitspersample=bits)))
        assert grey.pixels.shape == photo.pixels.shape


def test_avif_keeps_alpha_profile_exif_and_turns(tmp_path: Path) -> None:
    rgba = np.dstack([SMOOTH, np.where(SMOOTH[..., 0] > 99, 255, 0).astype(np.uint8)])
    data = pillow_bytes(rgba, "AVIF", quality=95, icc_profile=adobe_like(), exif=exif_bytes(6), xmp=b"<x/>")
    photo = read(tmp_path, data)
    assert photo.size == (64, 48)
    assert photo.icc_profile == adobe_like()
    assert photo.metadata.xmp == b"<x/>"
    assert photo.exif is not None
    assert photo.alpha is not None
    np.testing.assert_array_equal(photo.alpha > 127, np.rot90(rgba[..., 3], -1) > 127)


def test_code_points_of_avif(tmp_path: Path) -> None:
    plain = imagecodecs.avif_encode(SMOOTH, level=90, primaries=1, transfer=13)
    photo = read(tmp_path, bytes(plain))
    assert (photo.icc_profile, photo.notes) == (None, ())
    wide = read(tmp_path, bytes(imagecodecs.avif_encode(SMOOTH, level=90, primaries=12, transfer=13)))
    assert wide.icc_profile is not None
    assert wide.notes == ("its colour space was taken from its code points",)
    hdr = read(tmp_path, bytes(imagecodecs.avif_encode(SMOOTH, level=90, primaries=9, transfer=16)))
    assert "HDR picture (PQ)" in hdr.notes[0]


def test_a_sequence_of_avif_gives_its_first_picture(tmp_path: Path) -> None:
    data = pillow_bytes(
        Image.fromarray(SMOOTH), "AVIF", quality=95, save_all=True, append_images=[Image.fromarray(255 - SMOOTH)]
    )
    for _ in range(5):
        photo = read(tmp_path, data)
        assert np.abs(photo.pixels.astype(int) - SMOOTH).mean() < 6
        assert "it holds 2 pictures, and only number 1 was taken" in photo.notes


def test_damaged_avif_is_refused_in_words(tmp_path: Path) -> None:
    data = pillow_bytes(SMOOTH, "AVIF")
    for cut in (40, 100, len(data) // 2, len(data) - 40):
        with pytest.raises(PhotostyleError, match="photo: "):
            read(tmp_path, data[:cut])
    with pytest.raises(PhotostyleError, match="at most 100 pixels, got 64 x 48"):
        read(tmp_path, data, max_pixels=100)


def test_a_mask_may_be_avif(tmp_path: Path) -> None:
    halves = np.zeros((48, 64, 3), np.uint8)
    halves[:, 32:] = 255
    path = tmp_path / "mask.avif"
    path.write_bytes(pillow_bytes(halves, "AVIF"))
    read_back = read_labels(path)
    assert read_back.kind == "color"
    assert not read_back.exact


def test_heic_of_eight_and_ten_bits(tmp_path: Path) -> None:
    photo = read(tmp_path, heic(SMOOTH))
    assert (photo.bit_depth, photo.alpha, photo.notes) == (8, None, ())
    assert np.abs(photo.pixels.astype(int) - SMOOTH).mean() < 2
    deep = SMOOTH.astype(np.uint16) * np.uint16(257)
    photo = read(tmp_path, heic(deep))
    assert photo.bit_depth == 16
    assert np.abs(photo.pixels.astype(int) - deep).mean() < 2 * 257
    assert len(np.unique(photo.pixels)) > 256


def test_heic_keeps_its_profile(tmp_path: Path) -> None:
    pillow_heif = need("pillow_heif")
    image = Image.fromarray(SMOOTH)
    image.info["icc_profile"] = adobe_like()
    stream = io.BytesIO()
    pillow_heif.from_pillow(image).save(stream, quality=90)
    assert read(tmp_path, stream.getvalue()).icc_profile == adobe_like()


def test_heic_without_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("photostyle_native.picture_files.find_spec", lambda name: None)
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(PhotostyleError, match=r"it is a HEIC image: install photostyle-native\[heif\], or export it"):
        read(tmp_path, b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100))
