"""The checks of arguments that all ops share: what they let through, and what they say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from photostyle_native import PhotostyleError
from photostyle_native.ops import checks

X, IMAGE = torch.rand(2, 4, 5, 6), torch.rand(3, 5, 6)


def test_what_fits_passes() -> None:
    checks.require_tensor("x", X)
    checks.require_dtype("x", X, (torch.float32, torch.float64))
    checks.require_image("x", X)
    checks.require_image("image", IMAGE, 3)
    checks.require_like("image", IMAGE, "x", X)
    checks.require_same_size("image", IMAGE, "x", X)
    checks.require_batch("image", IMAGE, "x", X)
    checks.require_batch("image", IMAGE.expand(2, 3, 5, 6), "x", X)


def test_numbers_become_plain_ones() -> None:
    radius = checks.require_integer("radius", np.int64(3), 1, 5)
    assert type(radius) is int
    assert radius == 3
    eps = checks.require_at_least("eps", np.float32(0.5), 0.1)
    assert type(eps) is float
    assert eps == 0.5


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: checks.require(False, "`x` must fit"), "`x` must fit"),
        (lambda: checks.require_tensor("x", [1.0]), "`x` must be a torch.Tensor, got list"),
        (lambda: checks.require_dtype("x", X, (torch.float64,)), "`x` must be float64, got float32"),
        (
            lambda: checks.require_dtype("x", X.half(), (torch.float32, torch.float64)),
            "`x` must be float32 or float64, got float16",
        ),
        (lambda: checks.require_image("x", X[0, 0]), "`x` must have shape"),
        (lambda: checks.require_image("x", X, 3), r"`x` must have shape \(\.\.\., 3, H, W\), got \(2, 4, 5, 6\)"),
        (lambda: checks.require_like("image", IMAGE.double(), "x", X), "`image` must have x's dtype float32"),
        (
            lambda: checks.require_like("image", IMAGE.to("meta"), "x", X),
            "`image` must be on x's device cpu, got meta",
        ),
        (
            lambda: checks.require_same_size("image", IMAGE[..., 1:], "x", X),
            r"`image` must have the height and width of `x`, \(5, 6\), got \(5, 5\)",
        ),
        (
            lambda: checks.require_batch("image", IMAGE[None], "x", X),
            r"`image` must have x's batch dimensions \(2,\) or none, got \(1,\)",
        ),
        (lambda: checks.require_integer("radius", True, 1, 5), "`radius` must be an integer from 1 to 5, got True"),
        (lambda: checks.require_integer("radius", 6, 1, 5), "`radius` must be an integer from 1 to 5, got 6"),
        (lambda: checks.require_integer("radius", 1.0, 1, 5), "`radius` must be an integer from 1 to 5, got 1.0"),
        (lambda: checks.require_at_least("eps", 0.01, 0.1), "`eps` must be finite and at least 0.1, got 0.01"),
        (lambda: checks.require_at_least("eps", float("nan"), 0.1), "`eps` must be finite and at least 0.1, got nan"),
        (lambda: checks.require_at_least("eps", "1", 0.1), "`eps` must be finite and at least 0.1, got '1'"),
    ],
)
def test_what_does_not_fit_is_said(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(PhotostyleError, match=message):
        call()


def test_who_wants_a_derivative() -> None:
    leaf = torch.rand(3, requires_grad=True)
    assert checks.wants_derivative(X, leaf)
    assert not checks.wants_derivative(X, leaf.detach())
    with torch.no_grad():
        assert not checks.wants_derivative(leaf)
    with torch.autograd.forward_ad.dual_level():
        assert checks.wants_derivative(torch.autograd.forward_ad.make_dual(X, X))
