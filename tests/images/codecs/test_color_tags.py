"""Colour spaces that are given otherwise than by an ICC profile: read as what they mean, or named in a note."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from image_files import adobe_like, pillow_bytes, png_chunk, read, rgb, tiff_bytes
from PIL import Image

from photostyle_native.images.codecs.icc import convert_samples
from photostyle_native.images.photo import Photo

GREEN = np.full((16, 16, 3), (60, 200, 60), np.uint8)
ADOBE = (31270, 32900, 64000, 33000, 21000, 71000, 15000, 6000)
SRGB = (31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)


def png(pixels: np.ndarray, *chunks: tuple[bytes, bytes]) -> bytes:
    plain = pillow_bytes(pixels, "PNG")
    return plain[:33] + b"".join(png_chunk(*chunk) for chunk in chunks) + plain[33:]


def gamma(value: int) -> tuple[bytes, bytes]:
    return b"gAMA", struct.pack(">I", value)


def chromaticities(values: tuple[int, ...]) -> tuple[bytes, bytes]:
    return b"cHRM", struct.pack(">8I", *values)


def seen(photo: Photo) -> list[int]:
    return photo.converted_to(None).pixels[8, 8].tolist()


def adobe_exif(space: int, rules: str | None) -> bytes:
    exif = Image.Exif()
    exif[0x8769] = {0xA001: space, **({0xA005: {1: rules}} if rules else {})}
    return exif.tobytes()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize(("space", "rules"), [(65535, "R03"), (2, None)])
def test_adobe_rgb_of_exif(kind: str, space: int, rules: str | None, tmp_path: Path) -> None:
    options: dict[str, Any] = {"JPEG": {"quality": 100, "subsampling": 0}, "WEBP": {"lossless": True}}.get(kind, {})
    photo = read(tmp_path, pillow_bytes(GREEN, kind, exif=adobe_exif(space, rules), **options))
    expected = convert_samples(GREEN, adobe_like(), None)[8, 8]
    np.testing.assert_allclose(seen(photo), expected, atol=2)
    assert "its EXIF data says that its colours are Adobe RGB" in photo.notes


@pytest.mark.parametrize("space", [65535, 2])
def test_exif_does_not_call_srgb_pixels_adobe_rgb(space: int, tmp_path: Path) -> None:
    """Of a PNG that says sRGB, of raw files, and where a profile had no way back; other programs believe EXIF."""
    data = pillow_bytes(GREEN, "PNG", exif=adobe_exif(space, "R03"))
    at = data.index(b"IDAT") - 4
    photo = read(tmp_path, data[:at] + png_chunk(b"sRGB", b"\0") + data[at:])
    assert photo.icc_profile is None
    assert photo.exif is not None
    exif = Image.Exif()
    exif.load(photo.exif)
    assert exif.get_ifd(0x8769)[0xA001] == 1
    kept = read(tmp_path, pillow_bytes(GREEN, "PNG", exif=adobe_exif(space, "R03"))).exif
    exif.load(kept)
    assert exif.get_ifd(0x8769)[0xA001] == space  # there the pixels are Adobe RGB, with a profile that says so


def test_exif_that_is_srgb_or_has_no_name_for_its_colours(tmp_path: Path) -> None:
    plain = read(tmp_path, pillow_bytes(GREEN, "PNG", exif=adobe_exif(1, "R98")))
    assert (plain.icc_profile, plain.notes) == (None, ())
    photo = read(tmp_path, pillow_bytes(GREEN, "PNG", exif=adobe_exif(65535, None)))
    assert photo.icc_profile is None
    assert "not what they are" in photo.notes[0]
    profiled = read(tmp_path, pillow_bytes(GREEN, "JPEG", exif=adobe_exif(2, None), icc_profile=adobe_like()))
    assert (profiled.icc_profile, profiled.notes) == (adobe_like(), ())


def test_chunks_gama_and_chrm(tmp_path: Path) -> None:
    adobe = read(tmp_path, png(GREEN, gamma(45455), chromaticities(ADOBE)))
    np.testing.assert_allclose(seen(adobe), convert_samples(GREEN, adobe_like(), None)[8, 8], atol=1)
    assert adobe.notes == ("its colour space was taken from its chunks gAMA and cHRM",)
    again = read(tmp_path, png(GREEN, gamma(45455), chromaticities(ADOBE)))
    assert again.icc_profile == adobe.icc_profile  # so that two such photos need no conversion
    linear = np.full((16, 16, 3), 55, np.uint8)
    assert seen(read(tmp_path, png(linear, gamma(100000)))) == [128, 128, 128]
    assert seen(read(tmp_path, png(linear[..., 0], gamma(100000)))) == [128, 128, 128]
    usual = ((gamma(45455),), (gamma(45455), chromaticities(SRGB)), (chromaticities(SRGB),))
    for chunks in (*usual, (gamma(100000), (b"sRGB", b"\0"))):
        photo = read(tmp_path, png(GREEN, *chunks))
        assert (photo.icc_profile, photo.notes) == (None, ())


@pytest.mark.parametrize("chunks", [(gamma(0),), (chromaticities((0,) * 8),), (chromaticities((31270,) * 8),)])
def test_chunks_that_make_no_sense_are_noted(chunks: Any, tmp_path: Path) -> None:
    photo = read(tmp_path, png(GREEN, *chunks))
    assert photo.icc_profile is None
    assert "taken as sRGB" in photo.notes[0]
    assert seen(photo) == GREEN[0, 0].tolist()


def test_code_points_come_before_a_profile(tmp_path: Path) -> None:
    photo = read(tmp_path, png(GREEN, (b"cICP", bytes([12, 13, 0, 1])), gamma(100000)))
    red, green, blue = seen(photo)  # Display P3 has a greener green than sRGB
    assert (red, blue) < (60, 60)
    assert green > 200
    srgb = read(tmp_path, png(GREEN, (b"cICP", bytes([1, 13, 0, 1])), gamma(100000)))
    assert (srgb.icc_profile, srgb.notes) == (None, ())
    for points, words in (
        ((9, 16, 0, 1), "HDR picture (PQ)"),
        ((9, 18, 0, 1), "HDR picture (HLG)"),
        ((77, 13, 0, 1), "primaries 77"),
        ((1, 13, 0, 0), "narrow range"),
    ):
        photo = read(tmp_path, png(GREEN, (b"cICP", bytes(points))))
        assert photo.icc_profile is None
        assert words in photo.notes[0]


def test_primaries_and_curve_of_tiff(tmp_path: Path) -> None:
    fractions = [n for value in ADOBE for n in (value, 100000)]
    tags: list[Any] = [(318, 5, 2, fractions[:4], True), (319, 5, 6, fractions[4:], True)]
    curve = np.round(65535 * np.linspace(0, 1, 256) ** 2.2).astype(int)
    for table in (curve, np.tile(curve, 3)):
        extra = [*tags, (301, 3, len(table), table.tolist(), True)]
        photo = read(tmp_path, tiff_bytes(GREEN, photometric="rgb", extratags=extra))
        np.testing.assert_allclose(seen(photo), convert_samples(GREEN, adobe_like(), None)[8, 8], atol=2)
        assert photo.notes == ("its colour space was taken from its TIFF tags",)
    photo = read(tmp_path, tiff_bytes(GREEN, photometric="rgb", extratags=tags))
    assert photo.icc_profile is not None
    same = [n for value in SRGB for n in (value, 100000)]
    tags = [(318, 5, 2, same[:4], True), (319, 5, 6, same[4:], True)]
    photo = read(tmp_path, tiff_bytes(GREEN, photometric="rgb", extratags=tags))
    assert (photo.icc_profile, photo.notes) == (None, ())


def test_grey_of_eight_bits_is_converted_as_exactly_as_sixteen() -> None:
    ramp = np.arange(256, dtype=np.uint8)[None, :, None]
    import imagecodecs

    for power in (1.0, 1.8, 2.2):
        profile = imagecodecs.cms_profile("gray", gamma=power)
        eight = convert_samples(ramp, profile, None)
        sixteen = convert_samples(ramp.astype(np.uint16) * np.uint16(257), profile, None)
        assert np.abs(eight - sixteen / 257).max() <= 0.501
        light = np.linspace(0, 1, 256) ** power
        value = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
        assert np.abs(eight[0, :, 1] - 255 * value).max() < 0.6
    assert rgb(ramp[..., 0]).shape == eight.shape
