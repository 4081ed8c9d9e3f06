"""What files of several formats have in common: palettes, one bit a pixel, several pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from image_files import HEIGHT, WIDTH, noise, pillow_bytes, read, rgb
from PIL import Image


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
