"""Reading: every kind of file that a camera, scanner or editor makes, and its metadata."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from image_files import (
    HEIGHT,
    WIDTH,
    exif_bytes,
    noise,
    pillow_bytes,
    png_chunk,
    read,
    rgb,
    tiff_bytes,
)
from PIL import Image

from photostyle_native.errors import PhotostyleError

# --- kinds of file


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


def test_palette_and_bilevel(tmp_path: Path) -> None:
    palette = Image.new("P", (3, 2))
    palette.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    palette.putdata([0, 1, 2, 2, 1, 0])
    colours = [[10, 20, 30], [40, 50, 60], [70, 80, 90]]
    for data in (
        pillow_bytes(palette, "PNG"),
        pillow_bytes(palette, "TIFF"),
        pillow_bytes(palette, "PNG", bits=2),
    ):
        photo = read(tmp_path, data)
        assert photo.pixels.tolist() == [colours, colours[::-1]]
        assert photo.alpha is None
    photo = read(tmp_path, pillow_bytes(palette, "PNG", transparency=1))
    assert photo.pixels.tolist() == [colours, colours[::-1]]
    assert photo.alpha is not None
    assert photo.alpha.tolist() == [[255, 0, 255], [255, 0, 255]]

    bilevel = Image.fromarray(noise(1) > 99)
    expected = rgb(np.where(noise(1) > 99, 255, 0))
    for data in (
        pillow_bytes(bilevel, "PNG"),
        pillow_bytes(bilevel, "TIFF"),
        pillow_bytes(bilevel, "TIFF", compression="packbits"),
    ):
        np.testing.assert_array_equal(read(tmp_path, data).pixels, expected)


def test_transparent_grey_png(tmp_path: Path) -> None:
    photo = read(tmp_path, pillow_bytes(Image.fromarray(np.array([[7, 8]], np.uint8)), "PNG", transparency=7))
    assert photo.pixels.tolist() == [[[7] * 3, [8] * 3]]
    assert photo.alpha is not None
    assert photo.alpha.tolist() == [[0, 255]]


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


@pytest.mark.parametrize(
    "options",
    [{}, {"progressive": True}, {"restart_marker_rows": 1}],
    ids=["baseline", "progressive", "restart"],
)
def test_jpeg_and_webp_decode_as_pillow_decodes_them(tmp_path: Path, options: dict[str, Any]) -> None:
    for array in (noise(1), noise(3)):
        data = pillow_bytes(array, "JPEG", **options)
        expected = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
        photo = read(tmp_path, data)
        np.testing.assert_array_equal(photo.pixels, expected)
        assert photo.pixels.flags.writeable
        assert photo.pixels.flags.c_contiguous
    for channels in (3, 4):
        photo = read(tmp_path, pillow_bytes(noise(channels), "WEBP", lossless=True, exact=True))
        np.testing.assert_array_equal(photo.pixels, noise(channels)[..., :3])
        assert (photo.alpha is None) == (channels == 3)


# --- orientation and metadata

UPRIGHT = np.array([[1, 2, 3], [4, 5, 6]])
STORED = {  # how a photo of UPRIGHT lies in a file of each EXIF orientation
    1: [[1, 2, 3], [4, 5, 6]],
    2: [[3, 2, 1], [6, 5, 4]],
    3: [[6, 5, 4], [3, 2, 1]],
    4: [[4, 5, 6], [1, 2, 3]],
    5: [[1, 4], [2, 5], [3, 6]],
    6: [[3, 6], [2, 5], [1, 4]],
    7: [[6, 3], [5, 2], [4, 1]],
    8: [[4, 1], [5, 2], [6, 3]],
}


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_in_every_format(tmp_path: Path, orientation: int) -> None:
    for endian in "<>":
        exif = exif_bytes(orientation, endian)
        for dtype in (np.uint8, np.uint16):
            stored = rgb(np.array(STORED[orientation], dtype) * dtype(np.iinfo(dtype).max // 9))
            expected = rgb(UPRIGHT.astype(dtype) * dtype(np.iinfo(dtype).max // 9))
            plain = bytes(imagecodecs.png_encode(stored))
            oriented = [(274, 3, 1, orientation, True)]
            files = [
                plain[:33] + png_chunk(b"eXIf", exif[6:]) + plain[33:],
                tiff_bytes(stored, photometric="rgb", extratags=oriented, byteorder=endian),
            ]
            if dtype == np.uint8:
                files.append(pillow_bytes(stored, "WEBP", lossless=True, exif=exif))
            for data in files:
                np.testing.assert_array_equal(read(tmp_path, data).pixels, expected)

        blocks = rgb(np.kron(np.array(STORED[orientation], np.uint8), np.ones((16, 16), np.uint8)) * np.uint8(40))
        photo = read(tmp_path, pillow_bytes(blocks, "JPEG", quality=100, exif=exif))
        means = photo.pixels[..., 0].reshape(2, 16, 3, 16).mean((1, 3))
        np.testing.assert_allclose(means, UPRIGHT * 40, atol=1)
        assert photo.exif == exif_bytes(1, endian)  # nothing but the orientation has changed


def test_alpha_turns_with_the_photo(tmp_path: Path) -> None:
    alpha = np.array(STORED[6], np.uint8)
    data = pillow_bytes(np.dstack([rgb(alpha), alpha]), "PNG", exif=exif_bytes(6))
    photo = read(tmp_path, data)
    assert photo.alpha is not None
    assert photo.alpha.tolist() == UPRIGHT.tolist()


def test_thumbnail_is_unlinked(tmp_path: Path) -> None:
    entry = struct.pack("<HHIHH", 0x0112, 3, 1, 8, 0)
    second = struct.pack("<HHHII", 1, 0x0100, 4, 1, 160) + bytes(4)
    block = b"II*\0" + struct.pack("<IH", 8, 1) + entry + struct.pack("<I", 26) + second
    photo = read(tmp_path, pillow_bytes(noise(), "JPEG", exif=b"Exif\0\0" + block))
    assert photo.exif is not None
    assert photo.size == (WIDTH, HEIGHT)
    exif = Image.Exif()
    exif.load(photo.exif)
    assert dict(exif) == {0x0112: 1}
    assert exif.get_ifd(0x501) == {}


@pytest.mark.parametrize(
    "block",
    [
        b"garbage",
        b"II*\0",
        b"II*\0\xff\xff\xff\xff",
        b"MM\0*\0\0\0\x08\xff\xff",
        b"II*\0\x08\0\0\0\x01\0\x12\x01",
    ],
    ids=["no header", "cut header", "directory outside", "endless directory", "cut entry"],
)
def test_damaged_exif_costs_only_the_exif(tmp_path: Path, block: bytes, capfd: Any) -> None:
    plain = pillow_bytes(noise(), "PNG")
    for data in (
        plain[:33] + png_chunk(b"eXIf", block) + plain[33:],
        pillow_bytes(noise(), "WEBP", lossless=True, exif=b"Exif\0\0" + block),
    ):
        photo = read(tmp_path, data)
        np.testing.assert_array_equal(photo.pixels, noise())
        assert photo.exif is None
        assert len(photo.notes) == 1
        assert "EXIF data is damaged" in photo.notes[0]
    jpeg = pillow_bytes(noise(), "JPEG", exif=b"Exif\0\0" + block)
    assert read(tmp_path, jpeg).exif is None
    assert capfd.readouterr() == ("", "")


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
    assert capfd.readouterr() == ("", "")  # libpng and Pillow have opinions; nobody hears them


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
    """A printer of grey inks (ICC.1, lut8): C, M, Y each take a third of the lightness, K takes all."""
    corners = [(c, m, y, k) for c in (0, 1) for m in (0, 1) for y in (0, 1) for k in (0, 1)]
    table = b"".join(bytes([0 if k else 255 - 85 * (c + m + y), 128, 128]) for c, m, y, k in corners)
    identity = struct.pack(">9i", *(65536 * (i % 4 == 0) for i in range(9)))
    ramp = bytes(range(256))
    lut = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + identity + ramp * 4 + table + ramp * 3
    place = 128 + 4 + 12
    header = struct.pack(">II4s4s4s", place + len(lut), 0, b"\x02\x40\0\0", b"prtr", b"CMYK") + b"Lab "
    header += struct.pack(">6H", 2024, 1, 1, 0, 0, 0) + b"acsp" + bytes(28)
    header += struct.pack(">3I", 0xF6D6, 0x10000, 0xD32D)
    return header.ljust(128, b"\0") + struct.pack(">I4sII", 1, b"A2B0", place, len(lut)) + lut


def test_cmyk_by_profile_and_without(tmp_path: Path) -> None:
    inks = np.zeros((16, 64, 4), np.uint8)
    inks[:, 16:32, 3], inks[:, 32:48, 0], inks[:, 48:] = 255, 255, (51, 0, 102, 51)  # black, cyan, a mixture
    at = (8, [8, 24, 40, 56])
    image = Image.frombytes("CMYK", (64, 16), inks.tobytes())
    # A third of the lightness gone: L* = 66.7, Y = 0.362, sRGB 162.
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


def test_several_pictures_give_the_first_and_a_note(tmp_path: Path) -> None:
    first, second = Image.fromarray(noise()), Image.new("RGB", (WIDTH, HEIGHT), "red")
    for data in (
        pillow_bytes(first, "WEBP", save_all=True, append_images=[second], lossless=True),
        pillow_bytes(first, "PNG", save_all=True, append_images=[second]),
        pillow_bytes(first, "TIFF", save_all=True, append_images=[second]),
    ):
        photo = read(tmp_path, data)
        np.testing.assert_array_equal(photo.pixels, noise())
        assert len(photo.notes) == 1
        assert "taken" in photo.notes[0]
    multi = pillow_bytes(first, "MPO", save_all=True, append_images=[second])
    assert read(tmp_path, multi).notes == ("it holds several pictures (MPO), and only the first was taken",)
