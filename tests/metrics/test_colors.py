"""The distance of colours."""

from __future__ import annotations

import pytest
import torch
from pictures import smooth_picture
from scipy.stats import wasserstein_distance
from torch import Tensor

from photostyle_native import PhotostyleError
from photostyle_native.metrics.colors import color_distance


def test_distance_is_that_of_others(masked_pair: tuple[Tensor, ...]) -> None:
    content, style, *_ = masked_pair
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
