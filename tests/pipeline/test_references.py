"""Several style photos: their shares, their masks, and what is the same as with one."""

from __future__ import annotations

import pytest
import torch
from pictures import smooth_picture
from pipeline.photo_pairs import labels
from torch import Tensor

from photostyle_native import VGG19, Objective, PhotostyleError, transfer
from photostyle_native.pipeline.references import listed, style_shares


def test_shares_add_up_to_one() -> None:
    assert style_shares(4, None) == [0.25] * 4
    assert style_shares(2, (3, 1)) == [0.75, 0.25]
    assert style_shares(3, [0, 0, 5]) == [0, 0, 1]


@pytest.mark.parametrize(
    ("weights", "problem"),
    [
        ([1], "a number for each of 2 style photos, got 1"),
        ([1, -1], "must not be negative"),
        ([0, 0], "not all zero"),
        ([1, float("nan")], "must not be negative"),
        ([1, float("inf")], "must not be negative"),
    ],
)
def test_weights_are_checked(weights: list[float], problem: str) -> None:
    with pytest.raises(PhotostyleError, match=f"`style_weights` .*{problem}"):
        style_shares(2, weights)


def test_one_photo_or_a_list() -> None:
    assert listed("a", None, None) == (["a"], [(None, None)])
    assert listed(["a", "b"], None, None) == (["a", "b"], [(None, None)] * 2)
    assert listed(["a"], "c", "m") == (["a"], [("c", "m")])
    assert listed("a", "c", ["m"]) == (["a"], [("c", "m")])
    assert listed(["a", "b"], "c", ["m", "n"]) == (["a", "b"], [("c", "m"), ("c", "n")])
    assert listed(["a", "b"], ["c", "d"], ["m", "n"]) == (["a", "b"], [("c", "m"), ("d", "n")])
    with pytest.raises(PhotostyleError, match="`content_mask` must have a mask for each of 2 style photos, got 1"):
        listed(["a", "b"], ["c"], ["m", "n"])
    with pytest.raises(PhotostyleError, match="`style_mask` must have a mask for each of 2 style photos, got 1"):
        listed(["a", "b"], None, "m")
    with pytest.raises(PhotostyleError, match="at least one of the style photos"):
        style_shares(0, None)


@pytest.fixture
def photos() -> tuple[Tensor, Tensor, Tensor]:
    content = smooth_picture(64, 80)
    return content, smooth_picture(56, 72).flip(0), 0.5 * smooth_picture(48, 64).flip(1) ** 2


@pytest.mark.parametrize("preset", ["default", "colour"])
def test_a_style_of_weight_zero_is_as_good_as_absent(
    photos: tuple[Tensor, Tensor, Tensor], vgg: VGG19, preset: str
) -> None:
    content, one, other = photos
    arguments = {"size": 64, "preset": preset, "weights": vgg, "device": "cpu", "auto_mask": "none"}
    arguments |= {"iterations": 3} if preset == "default" else {}
    alone = transfer(content, other, **arguments).image
    assert torch.equal(transfer(content, [one, other], style_weights=(0, 2), **arguments).image, alone)
    assert torch.equal(transfer(content, [other], **arguments).image, alone)


def test_colours_are_the_mean_of_both(photos: tuple[Tensor, Tensor, Tensor]) -> None:
    content, *styles = photos
    arguments = {"preset": "mk", "device": "cpu", "keep_skin": 0}
    one, other = (transfer(content, style, **arguments).working for style in styles)
    mixed = transfer(content, styles, style_weights=(1, 3), **arguments).working
    torch.testing.assert_close(mixed, 0.25 * one + 0.75 * other, atol=1e-5, rtol=0)


def test_masks_of_each_style_are_its_own(photos: tuple[Tensor, Tensor, Tensor], vgg: VGG19) -> None:
    content, *styles = photos
    masks = [labels(56, 72), 1 - labels(48, 64)]
    arguments = {"content_mask": labels(64, 80), "size": 64, "iterations": 2, "weights": vgg, "device": "cpu"}
    mixed = transfer(content, styles, style_mask=masks, **arguments)
    assert len(mixed.labels) == 4
    assert [label.split(": ")[0] for label in mixed.labels] == ["style 1", "style 1", "style 2", "style 2"]
    arguments["content_mask"] = [labels(64, 80), labels(64, 80)]
    assert torch.equal(transfer(content, styles, style_mask=masks, **arguments).image, mixed.image)
    with pytest.raises(PhotostyleError, match="belong together"):
        transfer(content, styles, **arguments)


def test_the_style_term_is_that_of_the_mean_gram_matrix(vgg: VGG19) -> None:
    """For equal masks of the content; up to a constant, so in differences between two pictures."""
    content, one, other = smooth_picture(40, 48), smooth_picture(40, 48).flip(1), smooth_picture(36, 44).flip(0)
    ones, others = torch.ones(1, 40, 48), torch.ones(1, 36, 44)
    mixed = Objective(content, [one, other], [ones, ones], [ones, others], vgg, shares=(0.25, 0.75))
    first, second = Objective(content, one, ones, ones, vgg), Objective(content, other, ones, others, vgg)
    x, y = torch.rand(3, 40, 48), content
    for image in (x, y):
        expected = 0.25 * float(first(image).style) + 0.75 * float(second(image).style)
        assert float(mixed(image).style) == pytest.approx(expected, rel=1e-4)
    assert float(mixed.style_parts(x).sum()) == pytest.approx(float(mixed(x).style), rel=1e-4)
    with pytest.raises(PhotostyleError, match="each of the 2 style photos needs its `content_masks`"):
        Objective(content, [one, other], ones, [ones, others], vgg)
