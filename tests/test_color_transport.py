"""Colours by optimal transport: the distance that it is to lower, and what it must not do."""

from __future__ import annotations

import pytest
import torch
from pictures import smooth_picture
from scipy.stats import wasserstein_distance
from torch import Tensor

from photostyle_native import PhotostyleError
from photostyle_native.color.linear import masked_mk_transfer
from photostyle_native.color.transport import masked_transport
from photostyle_native.metrics.colors import color_distance
from photostyle_native.numerics.quantiles import QUANTILES, color_quantiles


@pytest.fixture
def pair() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Two pictures in two halves each, with colours that are no linear map of one another."""
    content, style = smooth_picture(48, 64), smooth_picture(40, 56).flip(0) ** 3
    masks, style_masks = torch.zeros(2, 48, 64), torch.zeros(2, 40, 56)
    masks[0, :24], masks[1, 24:] = 1, 1
    style_masks[0, :, :20], style_masks[1, :, 20:] = 1, 1
    return content, style, masks, style_masks


def test_quantiles_of_soft_weights() -> None:
    colors = torch.rand(3, 500)
    weight = torch.randint(0, 4, (500,)).float()
    repeated = colors.repeat_interleave(weight.long(), 1)  # a weight is a number of copies
    directions = torch.randn(4, 3, dtype=torch.float64)
    ours = color_quantiles(colors, weight, directions)
    torch.testing.assert_close(ours, color_quantiles(repeated, torch.ones(repeated.shape[1]), directions))
    assert ours.shape == (4, QUANTILES)
    assert bool((ours.diff(dim=1) >= 0).all())
    assert bool(torch.isin(ours, directions @ colors.double()).all())


def test_distance_is_that_of_others(pair: tuple[Tensor, ...]) -> None:
    content, style, *_ = pair
    one = torch.ones(1, 48, 64), torch.ones(1, 40, 56)
    g = torch.Generator().manual_seed(3)
    directions = torch.nn.functional.normalize(torch.randn(2000, 3, generator=g), dim=1)
    sliced = [
        wasserstein_distance((d @ content.flatten(1)).numpy(), (d @ style.flatten(1)).numpy())
        for d in directions[:300]
    ]
    assert color_distance(content, style, *one) == pytest.approx(sum(sliced) / len(sliced), rel=0.05)


def test_distance_of_known_pictures() -> None:
    one = torch.ones(1, 8, 8)
    black, white = torch.zeros(3, 8, 8), torch.ones(3, 8, 8)
    assert color_distance(black, white, one, one) == pytest.approx(3**0.5 / 2, rel=0.01)
    picture = smooth_picture(8, 8)
    shuffled = picture.flatten(1)[:, torch.randperm(64)].view(3, 8, 8)
    assert color_distance(picture, shuffled, one, one) == pytest.approx(0, abs=1e-12)
    assert color_distance(picture, 0.5 * picture, one, one) > 0.05
    halves = torch.zeros(2, 8, 8)
    halves[0, :4], halves[1, 4:] = 1, 1
    swapped = torch.cat((picture[:, 4:], picture[:, :4]), 1)
    assert color_distance(picture, swapped, one, one) == pytest.approx(0, abs=1e-12)
    assert color_distance(picture, swapped, halves, halves) > 0.05  # label by label it is another picture
    assert color_distance(picture, swapped, halves, halves.flip(0)) == pytest.approx(0, abs=1e-12)


def test_distance_checks_its_input() -> None:
    picture, one = torch.rand(3, 8, 8), torch.ones(1, 8, 8)
    with pytest.raises(PhotostyleError, match="must have shape"):
        color_distance(picture, picture[:2], one, one)
    with pytest.raises(PhotostyleError, match="as many masks"):
        color_distance(picture, picture, one, torch.ones(2, 8, 8))
    with pytest.raises(PhotostyleError, match="no label"):
        color_distance(picture, picture, one, 0 * one)


def test_comes_closer_than_a_linear_map(pair: tuple[Tensor, ...]) -> None:
    content, style, masks, style_masks = pair
    linear, moved = masked_mk_transfer(*pair), masked_transport(*pair)
    distance = [color_distance(x, style, masks, style_masks) for x in (content, linear, moved)]
    assert distance[2] < 0.75 * distance[1] < distance[0]
    assert moved.shape == content.shape
    assert float(moved.min()) >= 0
    assert float(moved.max()) <= 1


def test_same_bits_each_time(pair: tuple[Tensor, ...]) -> None:
    state = torch.random.get_rng_state()
    assert torch.equal(masked_transport(*pair), masked_transport(*pair))
    assert torch.equal(torch.random.get_rng_state(), state)


def test_equal_photos_stay_as_they_are(pair: tuple[Tensor, ...]) -> None:
    content, _, masks, _ = pair
    torch.testing.assert_close(masked_transport(content, content, masks, masks), content, atol=2e-3, rtol=0)


@pytest.mark.parametrize("flat", ["content", "style"])
def test_flat_photos(pair: tuple[Tensor, ...], flat: str) -> None:
    content, style, masks, style_masks = pair
    if flat == "content":
        content = torch.full_like(content, 0.3)
    else:
        style = torch.full_like(style, 0.3)
    moved = masked_transport(content, style, masks, style_masks)
    assert bool(moved.isfinite().all())
    if flat == "style":
        torch.testing.assert_close(moved, torch.full_like(moved, 0.3), atol=0.02, rtol=0)


def test_labels_too_small_for_a_distribution(pair: tuple[Tensor, ...]) -> None:
    content, style, masks, style_masks = pair
    masks = masks.clone()
    masks[0], masks[1] = 0, 1
    masks[:, 0, :5] = masks[:, 0, :5].flip(0)
    assert bool(masked_transport(content, style, masks, style_masks).isfinite().all())
    masks[0], masks[1] = 0, 1
    assert bool(masked_transport(content, style, masks, style_masks).isfinite().all())
