"""Pairs of masks made from label images, unchanged for an evaluation and adapted for a transfer."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from masks.painted import labels, letters, paint

from photostyle_native.errors import PhotostyleError
from photostyle_native.masks.label_images import read_labels
from photostyle_native.masks.pairs import check_aspect, exact_pair, extract_masks, prepare_pair, single_region


def test_authors_images_are_resized_before_the_comparison() -> None:
    # Enlarged twice, each row has the greys 0, 1/4, 3/4, 1. The two in the middle match no colour. Sampling instead
    # would leave no pixel without a label.
    stack, names = extract_masks(labels("kw", "kw"), (4, 4))
    assert letters(stack, names) == ["b..w"] * 4


def test_other_palettes_and_numbers_are_sampled() -> None:
    stack, names = extract_masks(labels("kd", "kd"), (4, 4))
    assert names == ("black", "#800000")
    assert letters(stack, names) == ["bb##"] * 4
    stack, names = extract_masks(read_labels(np.array([[7, 5]])), (3, 6))
    assert letters(stack, names) == ["777555"] * 3


def test_sampling_takes_the_nearest_centre() -> None:
    # The centres of four pixels lie at 0.75, 2.25, 3.75, 5.25 of six pixels, those of two at 1.5 and 4.5.
    read = read_labels(np.arange(6)[None])
    assert letters(*extract_masks(read, (1, 4))) == ["0235"]
    assert letters(*extract_masks(read, (1, 2))) == ["14"]


def test_soft_masks_are_resized_bilinearly() -> None:
    stack, names = extract_masks(read_labels(np.array([[[0.0, 1.0]], [[1.0, 0.5]]])), (2, 4))
    assert names == ("0", "1")
    torch.testing.assert_close(stack[0], torch.tensor([0.0, 0.25, 0.75, 1.0]).expand(2, 4))
    torch.testing.assert_close(stack[1], torch.tensor([1.0, 0.875, 0.625, 0.5]).expand(2, 4))


def test_exact_pair_merges_nothing() -> None:
    content = labels("kkkkkkkkkkkkkkkkkkkk" * 20 + "w")  # one pixel of 401
    style = labels("kkkkkkkkkkkkkkkkkkkr")
    pair = exact_pair(content, style, (1, 401), (1, 20))
    assert pair.labels == ("black", "white")  # red is not in the content
    assert pair.content.sum((1, 2)).tolist() == [400, 1]
    assert pair.style.sum((1, 2)).tolist() == [19, 0]
    assert pair.notes == ()


def test_exact_pair_needs_a_labelled_pixel() -> None:
    with pytest.raises(PhotostyleError, match="stack must have a label on some pixel"):
        exact_pair(
            read_labels(np.zeros((2, 4, 5)), "stack"),
            read_labels(np.ones((2, 4, 5))),
            (4, 5),
            (4, 5),
        )


def test_one_region() -> None:
    pair = single_region((3, 5), (2, 7))
    assert pair.labels == ("all",)
    torch.testing.assert_close(pair.content, torch.ones(1, 3, 5))
    torch.testing.assert_close(pair.style, torch.ones(1, 2, 7))


def test_unlabelled_pixels_join_the_nearest_label() -> None:
    row = "k" * 60 + "???" + "w" * 60 + "?" + "w" * 76
    pair = prepare_pair(labels(row, "w" * 200, name="in.png"), labels("kw"), (2, 200), (1, 2))
    assert pair.labels == ("black", "white")
    first, second = letters(pair.content, pair.labels)
    assert first[:61] == "b" * 61
    assert first[62:] == "w" * 138  # pixel 61 is as near to black as to white
    assert second == "w" * 200
    assert pair.notes == ("in.png: 1 % of the pixels match no label and joined the nearest one.",)


def test_slivers_join_the_labels_around_them() -> None:
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


def test_the_largest_of_many_tiny_labels_remains() -> None:
    numbers = np.arange(250).reshape(10, 25)
    numbers[0, :2] = 1
    read = read_labels(numbers)
    pair = prepare_pair(read, read, (10, 25), (10, 25), min_fraction=0.05)
    assert pair.labels == ("1",)
    assert bool((pair.content == 1).all())


@pytest.mark.parametrize("target", [(20, 30), (13, 20), (41, 61)])
def test_every_pixel_gets_one_label(target: tuple[int, int]) -> None:
    rng = np.random.default_rng(4)
    picture = paint("kwr", "byc", scale=10)
    picture = np.where(rng.random((20, 30, 1)) < 0.2, rng.integers(30, 100, (20, 30, 3), np.uint8), picture)
    read = read_labels(picture)
    pair = prepare_pair(read, read, target, target)
    assert pair.content.shape[1:] == target
    assert bool((pair.content.sum(0) == 1).all())
    assert bool((pair.style.sum(0) == 1).all())
    assert bool((pair.content.sum((1, 2)) > 0).all())


def test_soft_masks_become_hard() -> None:
    stack = np.array([[[0.6, 0.4, 0.0, 0.0, 1.0]], [[0.4, 0.5, 0.1, 0.0, 0.0]]])
    stack[1, 0, 4] = 0.1
    read = read_labels(stack, "stack")
    pair = prepare_pair(read, read, (1, 5), (1, 5))
    assert letters(pair.content, pair.labels)[0] in ("01110", "01100")  # the fourth lies between two labels
    assert pair.notes[0] == "stack: 20 % of the pixels match no label and joined the nearest one."


def test_numbers_are_matched_and_ordered_as_numbers() -> None:
    content, style = read_labels(np.array([[10, 2, 10]])), read_labels(np.array([[7, 10, 2]]))
    pair = prepare_pair(content, style, (1, 3), (1, 3))
    assert pair.labels == ("2", "10")
    assert pair.content[:, 0].tolist() == [[0, 1, 0], [1, 0, 1]]
    assert pair.style[:, 0].tolist() == [[0, 0, 1], [0, 1, 0]]


def test_no_label_in_common() -> None:
    with pytest.raises(PhotostyleError) as caught:
        prepare_pair(labels("bg", name="`content mask`"), labels("rr", name="`style mask`"), (1, 2), (1, 2))
    assert str(caught.value) == (
        "`content mask` and `style mask` have no label in common: content has blue, green; style has red"
    )


@pytest.mark.parametrize("fraction", [-0.1, 1.0, float("nan")])
def test_min_fraction_out_of_range(fraction: float) -> None:
    with pytest.raises(PhotostyleError, match="`min_fraction` must be in"):
        prepare_pair(labels("k"), labels("k"), (1, 1), (1, 1), min_fraction=fraction)


def test_aspect_ratio() -> None:
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
        ((525, 700), (11, 16), True),  # 8 %, but that is one row of twelve
        ((525, 700), (10, 16), False),
        ((5, 7), (525, 700), True),  # here the mask is smaller than the photo: 5 rows for 5.25
        ((700, 525), (525, 700), False),
    ],
)
def test_aspect_tolerance(mask: tuple[int, int], photo_size: tuple[int, int], fits: bool) -> None:
    if fits:
        check_aspect("mask", mask, photo_size)
    else:
        with pytest.raises(PhotostyleError):
            check_aspect("mask", mask, photo_size)
