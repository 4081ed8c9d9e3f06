"""Bias, ReLU and pooling in one op: torch's own result and gradient, in both memory layouts and every type."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from photostyle_native import PhotostyleError, ops
from photostyle_native.ops.layouts import has_channels_last

pytestmark = pytest.mark.kernel
SIZES = [(1, 1), (2, 2), (5, 8), (6, 7), (9, 3)]
DTYPES = [torch.float32, torch.float64, torch.bfloat16, torch.float16]


def _plain(x: Tensor, bias: Tensor) -> Tensor:
    """In the type of the sums, and rounded once."""
    wide = x.float() if x.element_size() == 2 else x
    return F.max_pool2d(F.relu(wide + bias.to(wide)[:, None, None]), 2, 2, ceil_mode=True).to(x.dtype)


def _problem(size: tuple[int, int], channels: int, dtype: torch.dtype, device: torch.device) -> tuple[Tensor, Tensor]:
    # Whole numbers, so that windows have equal values, and values that bias makes zero.
    x = torch.randint(-3, 4, (2, channels, *size), device=device).to(dtype)
    return x, torch.randint(-2, 2, (channels,), device=device).to(dtype)


@pytest.mark.parametrize("last", [False, True], ids=["channels first", "channels last"])
@pytest.mark.parametrize("channels", [3, 16])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("size", SIZES)
def test_as_torch_does_it(
    size: tuple[int, int], dtype: torch.dtype, channels: int, last: bool, device: torch.device
) -> None:
    x, bias = _problem(size, channels, dtype, device)
    if last:
        x = x.contiguous(memory_format=torch.channels_last)
    ours, plain = x.clone().requires_grad_(), x.clone().requires_grad_()
    result, expected = ops.bias_relu_pool(ours, bias), _plain(plain, bias)
    assert torch.equal(result, expected)
    upstream = torch.randn_like(expected)
    gradients = [torch.autograd.grad(r, t, upstream)[0] for r, t in ((result, ours), (expected, plain))]
    assert torch.equal(*gradients)
    assert has_channels_last(result) == has_channels_last(expected) or 1 in result.shape[-2:]
    assert gradients[0].stride() == x.stride() or 1 in result.shape[-2:]


def test_sub_tensors_that_are_not_aligned(device: torch.device) -> None:
    x, bias = _problem((4, 6), 9, torch.bfloat16, device)
    rows = x.contiguous(memory_format=torch.channels_last)[:, 1:]  # 8 channels, from the second on
    assert torch.equal(ops.bias_relu_pool(rows, bias[1:]), _plain(rows, bias[1:]))
    flat = torch.randn(8 * 24 + 1, device=device)[1:].view(1, 4, 6, 8).permute(0, 3, 1, 2)
    assert torch.equal(
        ops.bias_relu_pool(flat, torch.zeros(8, device=device)), _plain(flat, torch.zeros(8, device=device))
    )


def test_what_is_not_a_number_stays(device: torch.device) -> None:
    x = torch.full((1, 8, 4, 4), -1.0, device=device)
    x[0, 0, 1, 0], x[0, 1, 2, 2] = torch.nan, torch.inf
    result = ops.bias_relu_pool(x, torch.zeros(8, device=device))
    assert bool(result[0, 0, 0, 0].isnan())
    assert float(result[0, 1, 1, 1]) == float("inf")
    assert int((result == 0).sum()) == result.numel() - 2


@pytest.mark.parametrize(
    ("x", "bias", "message"),
    [
        (torch.rand(4, 4), torch.rand(4), r"`x` must have shape \(..., C, H, W\), got \(4, 4\)"),
        (torch.rand(3, 4, 4), torch.rand(2), r"`bias` must have shape \(3,\), got \(2,\)"),
        (torch.rand(3, 4, 4), torch.rand(3).double(), "`bias` must have x's dtype float32, got float64"),
        (torch.ones(3, 4, 4, dtype=torch.int32), torch.ones(3), "`x` must be float32 or float64 or"),
    ],
)
def test_arguments_are_checked(x: Tensor, bias: Tensor, message: str) -> None:
    with pytest.raises(PhotostyleError, match=message):
        ops.bias_relu_pool(x, bias)


def test_the_bias_has_no_derivative() -> None:
    with pytest.raises(NotImplementedError, match="with respect to `bias`"):
        ops.bias_relu_pool(torch.rand(3, 4, 4), torch.rand(3, requires_grad=True))
