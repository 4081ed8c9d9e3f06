"""Bias, ReLU and 2 x 2 maximum pooling of a convolution's output in one pass.

Between two blocks of VGG-19 nobody needs the full-size activation, only its pooled values and, for the gradient,
which pixel of a window was the largest. One kernel reads the output of the convolution once and writes both; its
backward pass writes every pixel once. On CUDA it works on channels that are last in memory, and makes copies of
others; on the CPU the other way round, and there float16 is composed of torch's operations.
``csrc/bias_relu_pool/params.h`` states what the kernels compute.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from ..reference import bias_relu_pool as reference
from . import _backend
from ._autograd import differentiable, save
from .checks import (
    require,
    require_dtype,
    require_image,
    require_like,
    require_same_device,
    require_tensor,
    wants_derivative,
)
from .layouts import as_rows, empty_in_layout, has_channels_last, in_layout
from .masked_gram import _TYPES

_MOST = 2**31 - 1  # pooled values

_backend.LIBRARY.define("bias_relu_pool(Tensor x, Tensor bias) -> (Tensor, Tensor)")
_backend.LIBRARY.define("bias_relu_pool_backward(Tensor upstream, Tensor codes, int height, int width) -> Tensor")


def _check(x: Tensor, bias: Tensor) -> None:
    require_tensor("x", x)
    require_tensor("bias", bias)
    require_image("x", x)
    require_dtype("x", x, tuple(_TYPES))
    require_like("bias", bias, "x", x)
    require(bias.shape == x.shape[-3:-2], f"`bias` must have shape ({x.shape[-3]},), got {tuple(bias.shape)}")
    require(x.numel() // 4 <= _MOST, f"`x` must have at most 2^33 values, got {x.numel()}")


def _check_backward(upstream: Tensor, codes: Tensor, height: int, width: int) -> None:
    require_tensor("upstream", upstream)
    require_tensor("codes", codes)
    require_image("upstream", upstream)
    require_dtype("upstream", upstream, tuple(_TYPES))
    require_dtype("codes", codes, (torch.uint8,))
    require_same_device("codes", codes, "upstream", upstream)
    require(
        codes.shape == upstream.shape and tuple(upstream.shape[-2:]) == _halves(height, width),
        f"`upstream` and `codes` must have shape (..., C, {_halves(height, width)[0]}, {_halves(height, width)[1]}), "
        f"got {tuple(upstream.shape)} and {tuple(codes.shape)}",
    )


def _halves(height: int, width: int) -> tuple[int, int]:
    return -(-height // 2), -(-width // 2)


def _sizes(height: int, width: int, channels: int, values: int, dtype: torch.dtype) -> dict[str, int]:
    batch = values // max(1, channels * height * width)
    return {"batch": batch, "height": height, "width": width, "channels": channels, "type": _TYPES[dtype]}


def _pooled_like(x: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    shape = (*x.shape[:-2], *_halves(*x.shape[-2:]))
    return empty_in_layout(x, shape), empty_in_layout(x, shape, torch.uint8)


def _pool(x: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    _check(x, bias)
    if x.numel() == 0 or not _has_kernel(x.dtype, x):
        return _composed(x, bias)
    if _backend.uses_cpu_kernels(x.device):
        pooled, codes = _pooled_like(x, bias)
        _launch_pool(x.resolve_neg().contiguous(), bias.resolve_neg(), pooled, codes, x)
        return pooled, codes
    rows = as_rows(x)
    *lead, height, width, channels = rows.shape
    pooled = rows.new_empty((*lead, *_halves(height, width), channels))
    codes = torch.empty_like(pooled, dtype=torch.uint8)
    _launch_pool(rows, bias, pooled, codes, x)
    return in_layout(x, pooled), in_layout(x, codes)


def _has_kernel(dtype: torch.dtype, like: Tensor) -> bool:
    """Whether there is a kernel for features of a type, in the memory layout of `like`."""
    if not _backend.has_kernel("bias_relu_pool", like.device):
        return False
    return not _backend.uses_cpu_kernels(like.device) or (dtype != torch.float16 and not has_channels_last(like))


def _launch_pool(x: Tensor, bias: Tensor, pooled: Tensor, codes: Tensor, shaped: Tensor) -> None:
    """Run the kernel on `x` as it lies in memory; `shaped` has its shape as (..., C, H, W)."""
    channels, height, width = shaped.shape[-3:]
    sizes = _sizes(height, width, channels, x.numel(), x.dtype)
    _backend.launch("bias_relu_pool", x.device, x=x, bias=bias.contiguous(), pooled=pooled, codes=codes, **sizes)


def _composed(x: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    made = _pooled_like(x, bias)
    if x.numel() == 0:
        return made
    for out, value in zip(made, reference.bias_relu_pool(x, bias), strict=True):
        out.copy_(value)
    return made


def _grad_like(upstream: Tensor, codes: Tensor, height: int, width: int) -> Tensor:
    return empty_in_layout(codes, (*upstream.shape[:-2], height, width), upstream.dtype)


def _backward(upstream: Tensor, codes: Tensor, height: int, width: int) -> Tensor:
    _check_backward(upstream, codes, height, width)
    if upstream.numel() == 0 or not _has_kernel(upstream.dtype, codes):
        return _composed_backward(upstream, codes, height, width)
    channels, values = upstream.shape[-3], math.prod(upstream.shape[:-2]) * height * width
    sizes = _sizes(height, width, channels, values, upstream.dtype)
    if _backend.uses_cpu_kernels(upstream.device):
        grad = _grad_like(upstream, codes, height, width)
        planes = upstream.resolve_neg().contiguous()
        _backend.launch(
            "bias_relu_pool_backward", grad.device, upstream=planes, codes=codes.contiguous(), grad=grad, **sizes
        )
        return grad
    rows, code_rows = as_rows(upstream), as_rows(codes)
    grad = rows.new_empty((*rows.shape[:-3], height, width, channels))
    _backend.launch("bias_relu_pool_backward", grad.device, upstream=rows, codes=code_rows, grad=grad, **sizes)
    return in_layout(codes, grad)


def _composed_backward(upstream: Tensor, codes: Tensor, height: int, width: int) -> Tensor:
    made = _grad_like(upstream, codes, height, width)
    return made.copy_(reference.bias_relu_pool_backward(upstream, codes, height, width))


_backend.register("bias_relu_pool", _pool, _composed, _pooled_like)
_backend.register("bias_relu_pool_backward", _backward, _composed_backward, _grad_like)


def _save(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    ctx.size = inputs[0].shape[-2:]
    ctx.mark_non_differentiable(output[1])
    ctx.set_materialize_grads(False)  # otherwise torch makes zeros as the gradient of the codes
    save(ctx, output[1])


def _pool_backward(ctx: Any, upstream: Tensor | None, *_: Any) -> tuple[Tensor | None, None]:
    if upstream is None:
        return None, None
    (codes,) = ctx.saved_tensors
    return _differentiable_backward(upstream, codes, *ctx.size), None


def _pool_jvp(ctx: Any, tangent: Tensor, *_: Any) -> tuple[Tensor, None]:
    (codes,) = ctx.saved_tensors
    return reference.picked(tangent, codes), None


def _save_codes(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    _, codes, *ctx.size = inputs
    save(ctx, codes)


def _second_backward(ctx: Any, v: Tensor) -> tuple[Tensor, None, None, None]:
    (codes,) = ctx.saved_tensors
    return reference.picked(v, codes), None, None, None


def _backward_jvp(ctx: Any, tangent: Tensor, *_: Any) -> Tensor:
    (codes,) = ctx.saved_tensors
    return _differentiable_backward(tangent, codes, *ctx.size)


_differentiable = differentiable("bias_relu_pool", _save, _pool_backward, _pool_jvp, dims=(3, 0))
_differentiable_backward = differentiable(
    "bias_relu_pool_backward", _save_codes, _second_backward, _backward_jvp, dims=(3, 3)
)


def bias_relu_pool(x: Tensor, bias: Tensor) -> Tensor:
    """The maximum of max(0, x + bias) in windows of 2 x 2 pixels that do not overlap.

    Args:
        x: shape (..., C, H, W), such as the output of a convolution without bias; float32, float64, bfloat16 or
            float16. With channels last in memory (torch.channels_last) nothing is copied on CUDA.
        bias: shape (C,), same dtype and device.

    Returns:
        Shape (..., C, ceil(H / 2), ceil(W / 2)), same dtype and memory layout; windows at the end of an odd side have
        one row or column. Differentiable in `x`, any number of times; not in `bias`. The gradient goes to the first
        of a window's largest values, and is zero where none is positive.

    Raises:
        PhotostyleError: an argument does not fit the above.
        NotImplementedError: `bias` requires a gradient.

    Source: what torch computes as ``max_pool2d(relu(x + bias), 2, 2, ceil_mode=True)``.
    """
    _check(x, bias)
    if wants_derivative(bias):
        raise NotImplementedError("the gradient with respect to `bias` is not implemented: pass bias.detach()")
    pooled: Tensor = _differentiable(x, bias)[0]
    return pooled
