"""Guided filter: against the reference, against its definition in simple cases, and its errors."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from checks import relative_error
from pictures import smooth_picture
from torch import Tensor

from photostyle_native import PhotostyleError, ops
from photostyle_native.reference import guided_filter as reference

pytestmark = pytest.mark.kernel

SHAPES = [(3, 1, 1), (3, 2, 5), (3, 3, 3), (1, 7, 11), (2, 3, 67, 131), (5, 70, 150), (2, 2, 4, 19, 263)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("radius", [1, 4])
def test_agrees_with_the_reference(shape: tuple[int, ...], radius: int, device: torch.device) -> None:
    x = torch.rand(shape, device=device)
    image = torch.rand(*shape[:-3], 3, *shape[-2:], device=device)
    truth = reference.guided_filter(x.double(), image.double(), radius=radius)
    assert relative_error(ops.guided_filter(x, image, radius=radius), truth) <= 3e-7


def test_an_affine_function_of_the_guide_comes_back(device: torch.device) -> None:
    image = smooth_picture(40, 53, torch.float64).to(device)
    x = (image * torch.tensor([0.3, -0.5, 0.9], device=device)[:, None, None]).sum(0, keepdim=True) + 0.1
    torch.testing.assert_close(ops.guided_filter(x, image, eps=1e-12, radius=3), x, rtol=0, atol=1e-6)


def test_under_a_flat_guide_it_is_the_mean_of_the_windows_means(device: torch.device) -> None:
    x = torch.rand(1, 20, 30, dtype=torch.float64, device=device)
    result = ops.guided_filter(x, torch.full((3, 20, 30), 0.4, dtype=torch.float64, device=device), radius=2)
    mean = torch.nn.functional.avg_pool2d  # windows, like the filter's, are cut at the border
    options: dict[str, Any] = {"kernel_size": 5, "stride": 1, "padding": 2, "count_include_pad": False}
    torch.testing.assert_close(result, mean(mean(x, **options), **options), rtol=0, atol=1e-12)


def test_gradients_are_refused() -> None:
    x, image = torch.rand(1, 5, 5), torch.rand(3, 5, 5)
    with pytest.raises(NotImplementedError, match="guided_filter"):
        ops.guided_filter(x.requires_grad_(), image)
    with pytest.raises(NotImplementedError, match="guided_filter"):
        ops.guided_filter(x.detach(), image.requires_grad_())


IMAGE = torch.rand(3, 5, 5)


@pytest.mark.parametrize(
    ("x", "image", "options", "message"),
    [
        (IMAGE, IMAGE[..., 1:], {}, r"`image` must have the height and width of `x`, \(5, 5\), got \(5, 4\)"),
        (IMAGE, IMAGE.double(), {}, "`image` must have x's dtype float32, got float64"),
        (IMAGE, IMAGE, {"radius": 0}, "`radius` must be an integer from 1"),
        (IMAGE, IMAGE, {"eps": 0.0}, "`eps` must be finite"),
        ([1.0], IMAGE, {}, "`x` must be a torch.Tensor, got list"),
    ],
)
def test_arguments_are_checked(x: Tensor, image: Tensor, options: dict[str, Any], message: str) -> None:
    with pytest.raises(PhotostyleError, match=message):
        ops.guided_filter(x, image, **options)
