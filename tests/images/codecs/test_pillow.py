"""JPEG and WebP files, which Pillow decodes and encodes."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from image_files import noise, pillow_bytes, read
from PIL import Image

from photostyle_native.images.codecs.metadata import Metadata
from photostyle_native.images.codecs.pillow import decode_image, encode_pillow


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


def test_jpeg_keeps_chroma_at_full_resolution_and_webp_the_colours_of_transparent_pixels() -> None:
    stripes = np.zeros((16, 16, 3), np.uint8)
    stripes[:, ::2] = (255, 0, 0)  # half the resolution would make every column the same dark red
    with Image.open(io.BytesIO(encode_pillow("JPEG", stripes, None, None, Metadata(), 95))) as image:
        decoded = np.asarray(image)
    assert decoded[:, ::2, 0].min() > 230
    assert decoded[:, 1::2, 0].max() < 25
    flat = np.full((16, 16, 4), (200, 100, 50, 0), np.uint8)
    with Image.open(io.BytesIO(encode_pillow("WEBP", flat, None, None, Metadata(), 95))) as image:
        decoded = np.asarray(image)
    assert (decoded[..., 3] == 0).all()
    assert np.abs(decoded[..., :3].astype(int) - (200, 100, 50)).max() <= 5


def test_an_array_is_read_in_parts_without_a_seam() -> None:
    pixels = noise(height=600)  # more than two times 256 rows
    decoded = decode_image(Image.fromarray(pixels), "tall")
    np.testing.assert_array_equal(decoded.samples, pixels)
    assert decoded.samples.flags.writeable
    assert (decoded.alpha, decoded.icc_profile, decoded.exif, decoded.notes) == (None, None, None, [])
