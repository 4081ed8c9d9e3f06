"""None"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from masks.painted import labels, letters, paint, photo

from photostyle_native.errors import PhotostyleError
from photostyle_native.masks.label_images import read_labels
from photostyle_native.masks.pairs import check_aspect, exact_pair, extract_masks, prepare_pair, single_region


def test_authors_images_are_resized_before_the_comparison():
    # Doubled: 0, 1/4, 3/4, 1 in each row; the two blends are no colour. Sampling would leave no gap.
    stack, names = extract_masks(labels("kw", "kw"), (4, 4))
    assert letters(stack, names) == ["b..w"] * 4


def test_other_palettes_and_numbers_are_sampled():
    stack, names = extract_masks(labels("kd", "kd"), (4, 4))
    assert names == ("black", "#800000")
    assert letters(stack, names) == ["bb##"] * 4
    stack, names = extract_masks(read_labels(np.array([[7, 5]])), (3, 6))
    assert letters(stack, names) == ["777555"] * 3


def test_sampling_takes_the_nearest_centre():
    # Six pixels to four: centres 0.75, 2.25, 3.75, 5.25. Six to two: 1.5 and 4.5.
    read = read_labels(np.arange(6)[None])
    assert letters(*extract_masks(read, (1, 4))) == ["0235"]
    assert letters(*extract_masks(read, (1, 2))) == ["14"]


def test_soft_masks_are_resized_bilinearly():
    stack, names = extract_masks(read_labels(np.array([[[0.0, 1.0]], [[1.0, 0.5]]])), (2, 4))
    assert names == ("0", "1")
    torch.testing.assert_close(stack[0], torch.tensor([0.0, 0.25, 0.75, 1.0]).expand(2, 4))
    torch.testing.assert_close(stack[1], torch.tensor([1.0, 0.875, 0.625, 0.5]).expand(2, 4))


def test_exact_pair_merges_nothing():
    content = labels("kkkkkkkkkkkkkkkkkkkk" * 20 + "w")  # one pixel of 401
    style = labels("kkkkkkkkkkkkkkkkkkkr")
    pair = exact_pair(content, style, (1, 401), (1, 20))
    assert pair.labels == ("black", "white")  # red is not in the content
    assert pair.content.sum((1, 2)).tolist() == [400, 1]
    assert pair.style.sum((1, 2)).tolist() == [19, 0]
    assert pair.notes == ()


def test_exact_pair_needs_a_labelled_pixel():
    with pytest.raises(PhotostyleError, match="stack must have a label on some pixel"):
        exact_pair(
            read_labels(np.zeros((2, 4, 5)), "stack"),
            read_labels(np.ones((2, 4, 5))),
            (4, 5),
            (4, 5),
        )


def test_one_region():
    pair = single_region((3, 5), (2, 7))
    assert pair.labels == ("all",)
    torch.testing.assert_close(pair.content, torch.ones(1, 3, 5))
    torch.testing.assert_close(pair.style, torch.ones(1, 2, 7))


def test_unlabelled_pixels_join_the_nearest_label():
    row = "k" * 60 + "???" + "w" * 60 + "?" + "w" * 76
    pair = prepare_pair(labels(row, "w" * 200, name="in.png"), labels("kw"), (2, 200), (1, 2))
    assert pair.labels == ("black", "white")
    first, second = letters(pair.content, pair.labels)
    assert first[:61] == "b" * 61
    assert first[62:] == "w" * 138  # pixel 61 is as near to black as to white
    assert second == "w" * 200
    assert pair.notes == ("in.png: 1 % of the pixels match no label and joined the nearest one.",)


def test_slivers_join_the_labels_around_them():
    rows = ["b" * 20] * 7 + ["b" * 9 + "r" + "b" * 10] + ["g" * 20] * 7  # red: one pixel of 300
    pair = prepare_pair(labels(*rows, name="in.png"), labels("bgr", name="tar.png"), (15, 20), (1, 3))
    assert pair.labels == ("blue", "green")
    assert letters(pair.content, pair.labels) == ["b" * 20] * 8 + ["g" * 20] * 7
    assert pair.notes == (
        "in.png: `red` covers 0.33 %, less than 0.5 %, and joined the labels around it.",
        "tar.png: `red` (33 %) is not in in.png and is not used.",
    )
    kept = prepare_pair(labels(*rows), labels("bgr"), (15, 20), (1, 3), min_fraction=0.003)
    assert kept.labels == ("blue", "green", "red")
    assert kept.notes == ()


def test_the_largest_of_many_tiny_labels_remains():
    numbers = np.arange(250).reshape(10, 25)
    numbers[0, :2] = 1
    read = read_labels(numbers)
    pair = prepare_pair(read, read, (10, 25), (10, 25), min_fraction=0.05)
    assert pair.labels == ("1",)
    assert bool((pair.content == 1).all())


@pytest.mark.parametrize("target", [(20, 30), (13, 20), (41, 61)])
def test_every_pixel_gets_one_label(target):
    rng = np.random.default_rng(4)
    picture = paint("kwr", "byc", scale=10)
    picture = np.where(rng.random((20, 30, 1)) < 0.2, rng.integers(30, 100, (20, 30, 3), np.uint8), picture)
    read = read_labels(picture)
    pair = prepare_pair(read, read, target, target)
    assert pair.content.shape[1:] == target
    assert bool((pair.content.sum(0) == 1).all())
    assert bool((pair.style.sum(0) == 1).all())
    assert bool((pair.content.sum((1, 2)) > 0).all())


def test_soft_masks_become_hard():
    stack = np.array([[[0.6, 0.4, 0.0, 0.0, 1.0]], [[0.4, 0.5, 0.1, 0.0, 0.0]]])
    stack[1, 0, 4] = 0.1
    read = read_labels(stack, "stack")
    pair = prepare_pair(read, read, (1, 5), (1, 5))
    assert letters(pair.content, pair.labels)[0] in ("01110", "01100")  # the fourth lies between two labels
    assert pair.notes[0] == "stack: 20 % of the pixels match no label and joined the nearest one."


ORPHAN_CONTENT = ("bbbb", "rrrr", "gggg")


ORPHAN_STYLE = ("bbbb", "wwww", "yyyy", "gggg")


def test_an_orphan_follows_the_style_label_of_its_height_and_area():
    content, style = labels(*ORPHAN_CONTENT, name="in.png"), labels("bbbb", "gggg", "gggg", name="tar.png")
    pair = prepare_pair(content, style, (3, 4), (3, 4))
    # Red: height 1/2, area 1/3. Blue: 1/6, 1/3, so 1/3 apart. Green: 2/3, 2/3, so 1/2 apart.
    assert pair.labels == ("blue", "green")
    assert letters(pair.content, pair.labels) == ["bbbb", "bbbb", "gggg"]
    assert pair.notes == (
        "in.png: `red` (33 %) is not in tar.png and follows `blue`, the closest by height and area.",
    )


def test_an_orphan_follows_the_style_label_that_looks_like_it():
    content, style = labels(*ORPHAN_CONTENT, name="in.png"), labels(*ORPHAN_STYLE, name="tar.png")
    images = {"content_image": photo(0.8, 0.3, 0.7), "style_image": photo(0.1, 0.05, 0.35, 0.1)}
    pair = prepare_pair(content, style, (3, 4), (4, 4), **images)
    # Red is 0.3 darker than its photo, halfway down. White, at 3/8, is 0.1 darker than its own photo;
    # yellow, at 5/8, is 0.2 brighter, though red's own brightness is almost yellow's: this style is a night.
    assert pair.labels == ("blue", "green", "white")
    assert letters(pair.content, pair.labels) == ["bbbb", "wwww", "gggg"]
    assert letters(pair.style, pair.labels) == ["bbbb", "wwww", "....", "gggg"]
    assert pair.notes == (
        "in.png: `red` (33 %) is not in tar.png and follows `white`, the closest by colour and height.",
        "tar.png: `yellow` (25 %) is not in in.png and is not used.",
    )


def test_photo_of_another_size_than_its_masks():
    read = labels("kw", "kw")
    with pytest.raises(PhotostyleError, match=r"`style_image` must have the shape \(3, 2, 2\) .* got \(3, 4, 4\)"):
        prepare_pair(read, read, (2, 2), (2, 2), style_image=torch.zeros(3, 4, 4))


def test_numbers_are_matched_and_ordered_as_numbers():
    content, style = read_labels(np.array([[10, 2, 10]])), read_labels(np.array([[7, 10, 2]]))
    pair = prepare_pair(content, style, (1, 3), (1, 3))
    assert pair.labels == ("2", "10")
    assert pair.content[:, 0].tolist() == [[0, 1, 0], [1, 0, 1]]
    assert pair.style[:, 0].tolist() == [[0, 0, 1], [0, 1, 0]]


def test_no_label_in_common():
    with pytest.raises(PhotostyleError) as caught:
        prepare_pair(labels("bg", name="`content mask`"), labels("rr", name="`style mask`"), (1, 2), (1, 2))
    assert str(caught.value) == (
        "`content mask` and `style mask` have no label in common: content has blue, green; style has red"
    )


@pytest.mark.parametrize("fraction", [-0.1, 1.0, float("nan")])
def test_min_fraction_out_of_range(fraction):
    with pytest.raises(PhotostyleError, match="`min_fraction` must be in"):
        prepare_pair(labels("k"), labels("k"), (1, 1), (1, 1), min_fraction=fraction)


def test_aspect_ratio():
    read = read_labels(np.zeros((200, 300), int), "`--content-mask` seg.png")
    with pytest.raises(PhotostyleError) as caught:
        prepare_pair(read, read, (525, 700), (200, 300))
    assert str(caught.value) == (
        "`--content-mask` seg.png is 300x200, its photo is 700x525: the aspect ratios differ"
    )
    with pytest.raises(PhotostyleError, match="aspect ratios differ"):
        extract_masks(read, (525, 700))
    with pytest.raises(PhotostyleError, match="aspect ratios differ"):
        check_aspect(read.name, read.size, (525, 700))


@pytest.mark.parametrize(
    ("mask", "photo_size", "fits"),
    [
        ((200, 300), (400, 600), True),
        ((200, 300), (400, 611), True),  # 1.8 %
        ((200, 300), (400, 613), False),  # 2.2 %
        ((525, 700), (12, 16), True),
        ((525, 700), (11, 16), True),  # 8 %, but one row of twelve
        ((525, 700), (10, 16), False),
        ((5, 7), (525, 700), True),  # the mask is the small one: 5.25 rows
        ((700, 525), (525, 700), False),
    ],
)
def test_aspect_tolerance(mask, photo_size, fits):
    if fits:
        check_aspect("mask", mask, photo_size)
    else:
        with pytest.raises(PhotostyleError):
            check_aspect("mask", mask, photo_size)
