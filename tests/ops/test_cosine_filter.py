"""The filter in the cosine transform: against SciPy's transform, and what a linear self-adjoint filter must do."""

from __future__ import annotations

import pytest
import torch
from checks import relative_error
from scipy.fft import dctn, idctn
from torch import Tensor

from photostyle_native import PhotostyleError, ops

pytestmark = pytest.mark.kernel

# Even, odd and prime sides, a side of one, and rows around the 128 columns of a CUDA block.
SHAPES = [(1, 1, 1), (3, 1, 6), (3, 7, 1), (3, 2, 2), (2, 3, 5, 8), (1, 13, 11), (3, 6, 255), (1, 4, 258)]
TOLERANCE = {torch.float32: 1e-6, torch.float64: 1e-13}  # products of up to 258 terms, twice each way


def _by_scipy(x: Tensor, gain: Tensor) -> Tensor:
    spectrum = dctn(x.double().cpu().numpy(), axes=(-2, -1), norm="ortho") * gain.double().cpu().numpy()
    return torch.from_numpy(idctn(spectrum, axes=(-2, -1), norm="ortho"))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", list(TOLERANCE), ids=str)
def test_agrees_with_the_transform_of_scipy(shape: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> None:
    x = torch.randn(shape, dtype=dtype, device=device)
    gain = torch.randn(shape[-2:], dtype=dtype, device=device)
    result = ops.cosine_filter(x, gain)
    assert result.dtype == dtype
    assert result.is_contiguous()
    assert relative_error(result.cpu(), _by_scipy(x, gain)) <= TOLERANCE[dtype]


@pytest.mark.parametrize("size", [(9, 14), (16, 21)])
def test_a_gain_of_one_changes_nothing(size: tuple[int, int], device: torch.device) -> None:
    x = torch.rand(3, *size, device=device)
    assert relative_error(ops.cosine_filter(x, torch.ones(size, device=device)), x) <= 1e-6


def test_one_coefficient_alone(device: torch.device) -> None:
    gain = torch.zeros(6, 10, dtype=torch.float64, device=device)
    gain[0, 0] = 1
    x = torch.rand(2, 6, 10, dtype=torch.float64, device=device)
    torch.testing.assert_close(ops.cosine_filter(x, gain), x.mean((-2, -1), keepdim=True).expand_as(x))


def test_is_its_own_adjoint(device: torch.device) -> None:
    gain = torch.randn(12, 17, dtype=torch.float64, device=device)
    a, b = torch.randn(2, 3, 12, 17, dtype=torch.float64, device=device)
    left, right = (ops.cosine_filter(a, gain) * b).sum(), (a * ops.cosine_filter(b, gain)).sum()
    torch.testing.assert_close(left, right)


def test_no_pixels(device: torch.device) -> None:
    assert ops.cosine_filter(torch.zeros(3, 0, 5, device=device), torch.zeros(0, 5, device=device)).shape == (3, 0, 5)


def test_after_inference_mode_there_is_a_gradient(device: torch.device) -> None:
    x, gain = torch.rand(3, 19, 23, device=device), torch.rand(19, 23, device=device)
    with torch.inference_mode():  # which makes what is kept between calls
        expected = ops.cosine_filter(x, gain).clone()
    leaf = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(ops.cosine_filter(leaf, gain), leaf, x)
    torch.testing.assert_close(gradient, expected)


@pytest.mark.parametrize(
    ("x", "gain", "message"),
    [
        (torch.zeros(4, 4), torch.zeros(4, 4), r"`x` must have shape \(\.\.\., C, H, W\)"),
        (torch.zeros(3, 4, 4, dtype=torch.float16), torch.zeros(4, 4), "`x` must be float32 or float64, got float16"),
        (torch.zeros(3, 4, 4), torch.zeros(4, 4, dtype=torch.float64), "`gain` must have `?x`?'s dtype float32"),
        (torch.zeros(3, 4, 4), torch.zeros(4, 5), r"`gain` must have the height and width of `x`, \(4, 4\)"),
    ],
)
def test_arguments_are_checked(x: Tensor, gain: Tensor, message: str) -> None:
    with pytest.raises(PhotostyleError, match=message):
        ops.cosine_filter(x, gain)


def test_the_gain_has_no_derivative() -> None:
    with pytest.raises(NotImplementedError, match="`gain`"):
        ops.cosine_filter(torch.zeros(3, 4, 4), torch.zeros(4, 4, requires_grad=True))
