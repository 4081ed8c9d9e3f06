"""Convolution with 3 x 3 kernels by Winograd's minimal filtering, with bias and ReLU: a fourth of the products.

On the CPU a kernel transforms the tiles of the image, torch multiplies 36 pairs of matrices, and a second kernel
makes the outputs of their products. ``csrc/winograd/params.h`` states what the two compute.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..errors import PhotostyleError
from ..reference import winograd as reference
from . import _backend
from ._autograd import differentiable, save
from .checks import require_dtype, require_image, require_tensor, wants_derivative

# Gradients are convolutions with the adjoint, whose factors are in the same tensor.
_backend.LIBRARY.define(
    "winograd_convolution(Tensor x, Tensor factors, Tensor? bias, bool relu, bool adjoint) -> Tensor"
)
_backend.LIBRARY.define("winograd_gated(Tensor x, Tensor gate, Tensor factors, bool adjoint) -> Tensor")

_DTYPES = (torch.float32, torch.float64)
_STEP, _PRODUCTS = reference.STEP, reference.SIDE**2
# Of tiles and products that are made at a time, so that they stay in the cache; but not fewer tiles than pay for
# reading the factors.
_BYTES, _TILES = 16 << 20, 256


def _check(x: Tensor, factors: Tensor, bias: Tensor | None, adjoint: bool) -> None:
    require_tensor("x", x)
    require_image("x", x)
    require_dtype("x", x, _DTYPES)
    require_tensor("factors", factors)
    if factors.dim() != 4 or tuple(factors.shape[:2]) != (2, _PRODUCTS):
        raise PhotostyleError(f"`factors` must have shape (2, {_PRODUCTS}, D, C), got {tuple(factors.shape)}")
    count, channels = _kernels(factors, adjoint).shape[1:]
    if x.shape[-3] != channels:
        raise PhotostyleError(f"`x` must have the {channels} channels of `factors`, got {x.shape[-3]}")
    if bias is not None:
        require_tensor("bias", bias)
        if tuple(bias.shape) != (count,):
            raise PhotostyleError(f"`bias` must have shape ({count},), got {tuple(bias.shape)}")
    for name, value in (("factors", factors), ("bias", bias)):
        if value is not None and (value.dtype != x.dtype or value.device != x.device):
            raise PhotostyleError(
                f"`{name}` must be {x.dtype} on {x.device} like `x`, got {value.dtype} on {value.device}"
            )


def _kernels(factors: Tensor, adjoint: bool) -> Tensor:
    """The factors (36, D, C) of the convolution, or (36, C, D) of its adjoint."""
    return factors[1].mT if adjoint else factors[0]


def _like(x: Tensor, factors: Tensor, adjoint: bool) -> Tensor:
    return x.new_empty(*x.shape[:-3], factors.shape[3 if adjoint else 2], *x.shape[-2:])


def _convolve(x: Tensor, gate: Tensor | None, kernels: Tensor, bias: Tensor | None, relu: bool, out: Tensor) -> None:
    """Run the kernels, a few rows of tiles at a time."""
    (channels, height, width), count = x.shape[-3:], kernels.shape[1]
    shape = {"batch": x.numel() // (channels * height * width), "height": height, "width": width}
    down, across = -(-height // _STEP), -(-width // _STEP)
    total = shape["batch"] * down
    parts = -(-total // _rows_at_a_time(across, channels + count, x.element_size()))
    together = -(-total // parts)
    shape["is_double"] = x.dtype == torch.float64
    tiles, products = (x.new_empty(_PRODUCTS * n * together * across) for n in (channels, count))
    for first in range(0, total, together):
        shape.update(first=first, rows=min(together, total - first))
        size = shape["rows"] * across
        some, made = (
            memory[: _PRODUCTS * n * size].view(_PRODUCTS, n, size)
            for memory, n in ((tiles, channels), (products, count))
        )
        _backend.launch("winograd_input", x.device, x=x, gate=gate, tiles=some, channels=channels, **shape)
        torch.bmm(kernels, some, out=made)
        _backend.launch(
            "winograd_output", x.device, tiles=made, bias=bias, out=out, channels=count, relu=relu, **shape
        )


def _rows_at_a_time(across: int, channels: int, itemsize: int) -> int:
    """How many rows of tiles fit into `_BYTES`, or hold `_TILES`."""
    return max(_BYTES // (_PRODUCTS * across * channels * itemsize), -(-_TILES // across))


def _plain(tensor: Tensor) -> Tensor:
    return tensor.resolve_neg().contiguous()


def _native(x: Tensor, factors: Tensor, bias: Tensor | None, relu: bool, adjoint: bool) -> Tensor:
    _check(x, factors, bias, adjoint)  # the registered op can be called directly, and may not crash
    if not _backend.has_kernel("winograd_input", x.device):
        return _reference(x, factors, bias, relu, adjoint)
    out = _like(x, factors, adjoint)
    if out.numel() and x.numel():
        _convolve(
            _plain(x),
            None,
            _kernels(factors.resolve_neg(), adjoint),
            None if bias is None else _plain(bias),
            relu,
            out,
        )
    elif out.numel():
        out.copy_(_with_bias(torch.zeros_like(out), bias, relu))
    return out


def _gated_native(x: Tensor, gate: Tensor, factors: Tensor, adjoint: bool) -> Tensor:
    _check(x, factors, None, adjoint)
    if gate.shape != x.shape or gate.dtype != x.dtype or gate.device != x.device:
        raise PhotostyleError(f"`gate` must be like `x`, got {gate.dtype} {tuple(gate.shape)}")
    if not _backend.has_kernel("winograd_input", x.device):
        return _gated_reference(x, gate, factors, adjoint)
    out = _like(x, factors, adjoint)
    if x.numel() == 0:
        return out.zero_()
    if out.numel():
        _convolve(_plain(x), _plain(gate), _kernels(factors.resolve_neg(), adjoint), None, False, out)
    return out


def _with_bias(out: Tensor, bias: Tensor | None, relu: bool) -> Tensor:
    out = out if bias is None else out + bias[:, None, None]
    return out.relu() if relu else out


def _reference(x: Tensor, factors: Tensor, bias: Tensor | None, relu: bool, adjoint: bool) -> Tensor:
    return _with_bias(reference.winograd_convolution(x, _kernels(factors, adjoint)), bias, relu)


def _gated_reference(x: Tensor, gate: Tensor, factors: Tensor, adjoint: bool) -> Tensor:
    return reference.winograd_gated(x, gate, _kernels(factors, adjoint))


def _fake(x: Tensor, factors: Tensor, bias: Tensor | None, relu: bool, adjoint: bool) -> Tensor:
    return _like(x, factors, adjoint)


def _gated_fake(x: Tensor, gate: Tensor, factors: Tensor, adjoint: bool) -> Tensor:
    return _like(x, factors, adjoint)


_backend.register("winograd_convolution", _native, _reference, _fake)
_backend.register("winograd_gated", _gated_native, _gated_reference, _gated_fake)


def _save(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    _, factors, _, ctx.relu, ctx.adjoint = inputs
    save(ctx, factors, *((output,) if ctx.relu else ()))


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    factors, *gate = ctx.saved_tensors
    if gate:
        return _gated(grad, gate[0], factors, not ctx.adjoint), None, None, None, None
    return _differentiable(grad, factors, None, False, not ctx.adjoint), None, None, None, None


def _jvp(ctx: Any, tangent: Tensor, *_: Any) -> Tensor:
    factors, *gate = ctx.saved_tensors
    out: Tensor = _differentiable(tangent, factors, None, False, ctx.adjoint)
    return torch.where(gate[0] > 0, out, 0) if gate else out


def _save_gate(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    _, gate, factors, ctx.adjoint = inputs
    save(ctx, gate, factors)


def _gated_backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    gate, factors = ctx.saved_tensors
    through = _differentiable(grad, factors, None, False, not ctx.adjoint)
    return torch.where(gate > 0, through, 0), None, None, None


def _gated_jvp(ctx: Any, tangent: Tensor, *_: Any) -> Tensor:
    out: Tensor = _gated(tangent, *ctx.saved_tensors, ctx.adjoint)
    return out


_differentiable = differentiable("winograd_convolution", _save, _backward, _jvp, dims=(3, 0, 0))
_gated = differentiable("winograd_gated", _save_gate, _gated_backward, _gated_jvp, dims=(3, 3, 0))


def winograd_factors(weight: Tensor) -> Tensor:
    """What `winograd_convolution` needs to know of kernels, computed once for many calls.

    Args:
        weight: (D, C, 3, 3), float32 or float64.

    Returns:
        (2, 36, D, C), of the dtype of `weight`: for the convolution, and for its gradient.

    Raises:
        PhotostyleError: `weight` does not fit the above.
    """
    require_tensor("weight", weight)
    require_dtype("weight", weight, _DTYPES)
    if weight.dim() != 4 or tuple(weight.shape[2:]) != (3, 3):
        raise PhotostyleError(f"`weight` must have shape (D, C, 3, 3), got {tuple(weight.shape)}")
    with torch.autocast(weight.device.type, enabled=False):  # it would multiply the matrices in half precision
        return reference.winograd_factors(weight.detach())


def winograd_convolution(x: Tensor, factors: Tensor, bias: Tensor | None = None, relu: bool = False) -> Tensor:
    """Convolve images with 3 x 3 kernels, stride 1 and zero padding 1, by minimal filtering F(4 x 4, 3 x 3).

    It computes what ``torch.nn.functional.conv2d(x, weight, bias, padding=1)`` does, and perhaps its ReLU, with a
    fourth of the multiplications and rounding errors of about 1e-6 in float32.

    Args:
        x: shape (..., C, H, W), float32 or float64.
        factors: (2, 36, D, C), `winograd_factors` of the kernels; same dtype and device as `x`.
        bias: (D,).
        relu: whether negative outputs become zero.

    Returns:
        Shape (..., D, H, W). Differentiable in `x`, any number of times; not in the others. On CUDA the plain-PyTorch
        reference runs.

    Raises:
        PhotostyleError: an argument does not fit the above.
        NotImplementedError: `factors` or `bias` require a gradient.

    Source: Lavin, Gray: *Fast Algorithms for Convolutional Neural Networks* (CVPR 2016).
    """
    _check(x, factors, bias, False)
    if wants_derivative(factors, *(() if bias is None else (bias,))):
        raise NotImplementedError("there is no gradient with respect to kernels and bias: pass detached tensors")
    out: Tensor = _differentiable(x, factors, bias, relu, False)
    return out
