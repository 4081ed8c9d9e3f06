"""The luma that metrics compare, and what they refuse before they compute it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from photostyle_native import PhotostyleError
from photostyle_native.metrics.luma import check_pair, luma, luma_pair


def test_primaries_have_the_weights_of_rec_601() -> None:
    primaries = torch.eye(3)[:, None]  # a row of three pixels: red, green, blue
    np.testing.assert_allclose(luma(primaries), [[0.299, 0.587, 0.114]])
    assert luma(torch.full((3, 2, 2), 0.25)) == pytest.approx(0.25)


def test_a_pair_is_measured_in_float64() -> None:
    one, other = torch.rand(2, 3, 4, 5)
    for values, image in zip(luma_pair(one, other), (one, other), strict=True):
        assert values.dtype == np.float64
        np.testing.assert_array_equal(values, luma(image))


@pytest.mark.parametrize(
    ("content", "output", "message"),
    [
        (torch.rand(1, 4, 4), torch.rand(3, 4, 4), r"`content` must have shape \(3, H, W\), got \(1, 4, 4\)"),
        (torch.rand(3, 4, 4), torch.rand(3, 4), r"`output` must have shape \(3, H, W\), got \(3, 4\)"),
        (torch.rand(3, 0, 4), torch.rand(3, 0, 4), r"`content` must have shape \(3, H, W\)"),
        (torch.rand(3, 4, 4), torch.rand(3, 4, 5), r"content's shape \(3, 4, 4\), got \(3, 4, 5\)"),
        (torch.rand(3, 4, 4), torch.full((3, 4, 4), torch.nan), "`output` must be finite"),
        (torch.full((3, 4, 4), torch.inf), torch.rand(3, 4, 4), "`content` must be finite"),
    ],
)
def test_pictures_that_cannot_be_compared(content: torch.Tensor, output: torch.Tensor, message: str) -> None:
    with pytest.raises(PhotostyleError, match=message):
        check_pair(content, output)
