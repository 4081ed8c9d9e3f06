"""ICC profiles: which are kept, and the conversion of grey and CMYK to sRGB."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
from image_files import adobe_like, noise, pillow_bytes, png_chunk, read, rgb, tiff_bytes
from PIL import Image

from photostyle_native.images.codecs.icc import profile_space, srgb_profile


def test_rgb_profile_is_kept_and_a_damaged_one_is_not(tmp_path: Path, capfd: Any) -> None:
    profile = imagecodecs.cms_profile("srgb")
    wrong = {
        "empty header": bytes(200),
        "cut off": profile[:300],
        "text": b"not a profile" * 30,
        "grey": imagecodecs.cms_profile("gray", gamma=2.2),
    }
    plain = pillow_bytes(noise(), "PNG")
    for kind, saved in {"good": profile, **wrong}.items():
        iccp = png_chunk(b"iCCP", b"name\0\0" + zlib.compress(saved))
        for data in (
            plain[:33] + iccp + plain[33:],
            pillow_bytes(noise(), "JPEG", icc_profile=saved),
            pillow_bytes(noise(), "WEBP", icc_profile=saved),
            tiff_bytes(noise(), photometric="rgb", iccprofile=saved),
            tiff_bytes(noise(3, np.uint16), photometric="rgb", iccprofile=saved),
        ):
            photo = read(tmp_path, data)
            assert photo.icc_profile == (profile if kind == "good" else None)
            assert len(photo.notes) == (kind != "good")
    for payload in (b"name\0\0" + zlib.compress(profile)[:-9], b"name", b"name\0\1x"):
        photo = read(tmp_path, plain[:33] + png_chunk(b"iCCP", payload) + plain[33:])
        assert photo.icc_profile is None
        assert photo.notes == ("its ICC profile is damaged and was dropped",)
    bomb = png_chunk(b"iCCP", b"name\0\0" + zlib.compress(bytes(1 << 26)))
    assert read(tmp_path, plain[:33] + bomb + plain[33:]).icc_profile is None
    assert capfd.readouterr() == ("", "")  # libpng and Pillow print no warnings


def srgb_curve(linear: float) -> float:
    return 12.92 * linear if linear <= 0.0031308 else 1.055 * linear ** (1 / 2.4) - 0.055


def test_grey_with_a_profile_becomes_srgb(tmp_path: Path) -> None:
    profile = imagecodecs.cms_profile("gray", gamma=1.8)
    for dtype, tolerance in ((np.uint8, 1), (np.uint16, 20)):
        top = int(np.iinfo(dtype).max)
        grey = np.array([[0, top // 5, top // 2, top]], dtype)
        photo = read(tmp_path, tiff_bytes(grey, photometric="minisblack", iccprofile=profile))
        expected = [top * srgb_curve((int(value) / top) ** 1.8) for value in grey[0]]
        np.testing.assert_allclose(photo.pixels[0, :, 0], expected, atol=tolerance)
        assert (photo.pixels == photo.pixels[..., :1]).all()
        assert photo.icc_profile is None
        assert photo.notes == ("it was converted from grey to sRGB by its ICC profile",)
    srgb = imagecodecs.cms_profile("srgb")  # an RGB profile fits grey samples as well: R = G = B
    photo = read(tmp_path, tiff_bytes(noise(1), photometric="minisblack", iccprofile=srgb))
    assert photo.icc_profile == srgb
    assert photo.notes == ()


def cmyk_profile() -> bytes:
    """The profile of a printer with grey inks: C, M and Y each take a third of the lightness, K all."""
    corners = [(c, m, y, k) for c in (0, 1) for m in (0, 1) for y in (0, 1) for k in (0, 1)]
    table = b"".join(bytes([0 if k else 255 - 85 * (c + m + y), 128, 128]) for c, m, y, k in corners)
    return one_way_profile(b"CMYK", b"prtr", 4, table)


def scanner_profile() -> bytes:
    """The profile of a scanner that sees the lightness alone, a third by each channel."""
    corners = [(r, g, b) for r in (0, 1) for g in (0, 1) for b in (0, 1)]
    return one_way_profile(b"RGB ", b"scnr", 3, b"".join(bytes([85 * sum(c), 128, 128]) for c in corners))


def one_way_profile(space: bytes, device: bytes, channels: int, table: bytes) -> bytes:
    """A profile with a table from a device's colours to CIELAB (ICC.1, lut8), and none for the way back."""
    identity = struct.pack(">9i", *(65536 * (i % 4 == 0) for i in range(9)))
    ramp = bytes(range(256))
    lut = b"mft1" + bytes(4) + bytes([channels, 3, 2, 0]) + identity + ramp * channels + table + ramp * 3
    place = 128 + 4 + 12
    header = struct.pack(">II4s4s4s", place + len(lut), 0, b"\x02\x40\0\0", device, space) + b"Lab "
    header += struct.pack(">6H", 2024, 1, 1, 0, 0, 0) + b"acsp" + bytes(28)
    header += struct.pack(">3I", 0xF6D6, 0x10000, 0xD32D)
    return header.ljust(128, b"\0") + struct.pack(">I4sII", 1, b"A2B0", place, len(lut)) + lut


def test_cmyk_by_profile_and_without(tmp_path: Path) -> None:
    inks = np.zeros((16, 64, 4), np.uint8)
    inks[:, 16:32, 3], inks[:, 32:48, 0], inks[:, 48:] = 255, 255, (51, 0, 102, 51)  # black, cyan, a mixture
    at = (8, [8, 24, 40, 56])
    image = Image.frombytes("CMYK", (64, 16), inks.tobytes())
    # Cyan leaves two thirds of the lightness: L* = 66.7, Y = 0.362, sRGB 162.
    by_profile = [255, 0, 162]
    by_formula = [[255] * 3, [0] * 3, [0, 255, 255], [163, 204, 122]]
    profile = cmyk_profile()
    for data, tagged in (
        (
            pillow_bytes(image, "JPEG", quality=100),
            pillow_bytes(image, "JPEG", quality=100, icc_profile=profile),
        ),
        (
            tiff_bytes(inks, photometric="separated"),
            tiff_bytes(inks, photometric="separated", iccprofile=profile),
        ),
        (
            tiff_bytes(inks * np.uint16(257), photometric="separated"),
            tiff_bytes(inks * np.uint16(257), photometric="separated", iccprofile=profile),
        ),
    ):
        photo = read(tmp_path, data)
        scale = 257 if photo.bit_depth == 16 else 1
        np.testing.assert_allclose(photo.pixels[at] / scale, by_formula, atol=1)
        assert photo.notes == (
            "it was converted from CMYK to sRGB without an ICC profile, so its colours are approximate",
        )
        photo = read(tmp_path, tagged)
        np.testing.assert_allclose(photo.pixels[at][:3] / scale, rgb(np.array(by_profile)), atol=1)
        assert photo.icc_profile is None
        assert "by its ICC profile" in photo.notes[0]


def test_a_profile_without_a_way_back_goes_to_srgb(tmp_path: Path) -> None:
    scanned = np.zeros((16, 16, 3), np.uint8)
    scanned[8:] = 255, 255, 0  # two thirds of the lightness
    for pixels in (scanned, scanned * np.uint16(257)):
        photo = read(tmp_path, tiff_bytes(pixels, photometric="rgb", iccprofile=scanner_profile()))
        scale = 257 if photo.bit_depth == 16 else 1
        np.testing.assert_allclose(photo.pixels[[0, 12], 8] / scale, [[0] * 3, [162] * 3], atol=1)
        assert photo.icc_profile is None
        assert photo.notes == ("it was converted to sRGB, because its ICC profile does not allow the way back to it",)
        style = read(tmp_path, pillow_bytes(noise(), "PNG", icc_profile=adobe_like()))
        assert style.converted_to(photo.icc_profile).icc_profile is None


def test_a_profile_has_the_space_of_its_header_if_it_can_be_used() -> None:
    assert profile_space(srgb_profile()) == "RGB"
    assert profile_space(imagecodecs.cms_profile("gray", gamma=2.2)) == "GRAY"
    assert profile_space(cmyk_profile()) == "CMYK"
    assert profile_space(imagecodecs.cms_profile("srgb")[:200]) is None  # the header is whole, the tables are gone
    assert profile_space(b"") is None
