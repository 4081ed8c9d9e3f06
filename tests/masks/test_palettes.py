"""Palettes: which colours of a pair of label images are labels."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from masks.painted import COLORS, labels, letters, paint
from PIL import Image

from photostyle_native.errors import PhotostyleError
from photostyle_native.masks import palettes
from photostyle_native.masks.label_images import read_labels
from photostyle_native.masks.pairs import exact_pair, extract_masks, prepare_pair


def test_authors_colors_in_their_order():
    picture = labels("bgkwryecm")
    stack, names = extract_masks(picture, (1, 9))
    assert names == ("blue", "green", "black", "white", "red", "yellow", "grey", "cyan", "magenta")
    assert stack.dtype == torch.float32
    torch.testing.assert_close(stack[:, 0], torch.eye(9))


@pytest.mark.parametrize(
    ("level", "expected"),
    [(25, "b"), (26, "."), (102, "."), (103, "g"), (152, "g"), (153, "."), (229, "."), (230, "w")],
)
def test_authors_tolerance(level, expected):
    """0.1, 0.4, 0.6, 0.9 of 255 are 25.5, 102, 153, 229.5, and every comparison is strict."""
    for picture in (np.full((1, 1, 3), level, np.uint8), np.full((1, 1, 3), level / 255, np.float32)):
        # A black strip makes it an image in the authors' palette, whatever the level.
        picture = np.concatenate([np.zeros((99, 1, 3), picture.dtype), picture])
        stack, names = extract_masks(read_labels(picture), (100, 1))
        assert letters(stack, names)[-1] == expected


def test_a_palette_of_its_own_is_shared_by_both_images():
    content, style = labels("dk", "kk"), labels("kd", "ke")
    pair = exact_pair(content, style, (2, 2), (2, 2))
    assert pair.labels == ("black", "#800000")
    assert letters(pair.content, pair.labels) == ["#b", "bb"]
    assert letters(pair.style, pair.labels) == ["b#", "b."]


def test_compressed_palette_of_its_own():
    """Noise around two colours that are not the authors': thousands of colours, two labels."""
    rng = np.random.default_rng(1)
    clean = np.zeros((60, 80, 3))
    clean[:, :30], clean[:, 30:] = (128, 64, 128), (70, 130, 180)
    noisy = np.round(clean + rng.normal(0, 1.5, clean.shape)).astype(np.uint8)
    assert len(np.unique(noisy.reshape(-1, 3), axis=0)) > 500
    read = read_labels(noisy)
    pair = prepare_pair(read, read, (60, 80), (60, 80))
    assert len(pair.labels) == 2
    left, right = pair.content.argmax(0).split([30, 50], dim=1)
    assert len(left.unique()) == len(right.unique()) == 1
    assert int(left[0, 0]) != int(right[0, 0])


def test_given_exactly_every_pixel_of_such_a_palette_takes_the_nearest_color():
    picture = np.full((40, 40, 3), (128, 64, 128), np.uint8)
    picture[20:] = (70, 130, 180)
    picture[:10, :10] = np.random.default_rng(5).integers(0, 256, (10, 10, 3))  # 6 %, of many colours
    picture[0, :2] = (120, 20, 100), (60, 120, 140)
    read = read_labels(picture)
    stack, names = extract_masks(read, (40, 40))
    assert set(names) == {"#804080", "#4682b4"}
    assert bool((stack.sum(0) == 1).all())
    assert letters(stack[:, :1, :2], ("purple", "blue") if names[0] == "#804080" else ("blue", "purple")) == ["pb"]
    prepared = prepare_pair(read, read, (40, 40), (40, 40))
    assert "of the pixels match no label" in prepared.notes[0]


@pytest.mark.parametrize("columns", [1, 3])
def test_a_small_object_in_a_color_of_its_own_is_not_lost(columns):
    """Black and dark red as data sets paint them: 97 % or 91 % would pass for the authors' black."""
    read = labels("k" * (33 - columns) + "d" * columns)
    pair = prepare_pair(read, read, (1, 33), (1, 33))
    assert pair.labels == ("black", "#800000")
    assert pair.content.sum((1, 2)).tolist() == [33 - columns, columns]


def test_compressed_authors_palette():
    rng = np.random.default_rng(2)
    clean = paint("bbbbr", "bbwww", scale=16)
    noisy = np.clip(clean + rng.normal(0, 12, clean.shape), 0, 255).astype(np.uint8)
    pair = prepare_pair(read_labels(noisy), labels("bwr", "bwr", scale=20), clean.shape[:2], (40, 60))
    assert pair.labels == ("blue", "white", "red")
    truth = np.stack([(clean == COLORS[letter]).all(-1) for letter in "bwr"])
    assert (pair.content.numpy() != truth).mean() < 0.001


def test_a_photo_is_not_a_label_image():
    photo = np.random.default_rng(3).integers(0, 256, (40, 50, 3), np.uint8)
    good = labels("kw", scale=20)
    with pytest.raises(PhotostyleError, match=r"holiday\.jpg must be a label image, .* it looks like a photo"):
        exact_pair(good, read_labels(photo, "holiday.jpg"), (20, 40), (40, 50))
    with pytest.raises(PhotostyleError, match="it looks like a photo"):
        extract_masks(read_labels(photo), (40, 50))


def test_grey_file_beside_a_color_file():
    grey = read_labels(Image.fromarray(np.array([[0, 255]], np.uint8)))
    pair = exact_pair(grey, labels("wwk"), (1, 2), (1, 3))
    assert pair.labels == ("black", "white")
    assert letters(pair.content, pair.labels) == ["bw"]


def test_images_that_cannot_be_compared():
    color, index = labels("kw", name="c.png"), read_labels(np.array([[0, 1]]), "s")
    with pytest.raises(PhotostyleError, match=r"one kind: c\.png is of kind color and s is of kind index"):
        prepare_pair(color, index, (1, 2), (1, 2))
    three, two = read_labels(np.ones((3, 4, 5)), "three"), read_labels(np.ones((2, 4, 5)), "two")
    with pytest.raises(PhotostyleError, match="same number of masks: three has 3, two has 2"):
        exact_pair(three, two, (4, 5), (4, 5))


def test_colours_of_large_images_are_counted_as_those_of_small_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    data = np.random.default_rng(0).integers(0, 3, (40, 50, 3), np.uint8) * np.uint8(100)
    small = palettes._distinct_colors(data)
    monkeypatch.setattr(palettes, "_MANY", 0)
    large = palettes._distinct_colors(data)
    for one, other in zip(small, large, strict=True):
        np.testing.assert_array_equal(one, other)
