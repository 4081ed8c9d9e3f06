"""EXIF blocks: the orientation is applied, the thumbnail goes, a damaged block is dropped."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from image_files import HEIGHT, WIDTH, exif_bytes, noise, pillow_bytes, png_chunk, read, rgb, tiff_bytes
from PIL import Image

from photostyle_native.images.codecs.exif import upright_exif

UPRIGHT = np.array([[1, 2, 3], [4, 5, 6]])
STORED = {  # the rows of UPRIGHT as a file of each EXIF orientation stores them
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


def test_a_block_keeps_every_byte_but_the_orientation() -> None:
    for endian in "<>":
        for prefix in (b"Exif\0\0", b""):
            block, orientation = upright_exif(prefix + exif_bytes(6, endian)[6:])
            assert orientation == 6
            assert block == exif_bytes(1, endian)
    assert upright_exif(exif_bytes(9)) == (exif_bytes(1), 1)  # there is no orientation 9
    with pytest.raises(ValueError, match="its directory is cut off"):
        upright_exif(b"II*\0\x08\0\0\0\x01\0\x12\x01")
