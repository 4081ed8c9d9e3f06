"""A filter that multiplies the coefficients of the cosine transform, which mirrors a picture at its borders.

On a CPU two products with the transform's matrices are the fastest. On CUDA, where they would be a large part of an
iteration, the transform is made of a Fourier transform of the picture in another order of rows and columns;
``csrc/cosine_filter/params.h`` states what the kernel in its middle computes.
"""

from __future__ import annotations

import functools
from typing import Any

import torch
from torch import Tensor

from ..reference import cosine_filter as reference
from . import _backend
from ._autograd import differentiable, save
from .checks import require, require_dtype, require_image, require_like, require_tensor, wants_derivative

_backend.LIBRARY.define("cosine_filter(Tensor x, Tensor gain) -> Tensor")


def _check(x: Tensor, gain: Tensor) -> None:
    require_tensor("x", x)
    require_tensor("gain", gain)
    require_image("x", x)
    require_dtype("x", x, (torch.float32, torch.float64))
    require_like("gain", gain, "x", x)
    size = tuple(x.shape[-2:])
    require(gain.shape == size, f"`gain` must have the height and width of `x`, {size}, got {tuple(gain.shape)}")


def _like(x: Tensor, gain: Tensor) -> Tensor:
    return torch.empty_like(x, memory_format=torch.contiguous_format)


@functools.lru_cache(maxsize=4)  # for the two sides of two sizes
def _cosines(n: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    with torch.inference_mode(False):  # a tensor made in that mode could not take part in a gradient later
        return reference.cosines(n, torch.empty(0, dtype=dtype, device=device))


@functools.cache  # without a limit, because CUDA graphs keep no reference to what they read; it is 16 bytes a row
def _order(n: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """The order 0, 2, 4, ..., 5, 3, 1 of n samples, and its inverse."""
    with torch.inference_mode(False):
        order = torch.cat((torch.arange(0, n, 2, device="cpu"), torch.arange(1, n, 2, device="cpu").flip(0)))
        return order.to(device), order.argsort().to(device)


def _by_matrices(x: Tensor, gain: Tensor) -> Tensor:
    _check(x, gain)
    if x.numel() == 0:
        return _like(x, gain)
    down, across = (_cosines(n, x.device, x.dtype) for n in x.shape[-2:])
    with torch.autocast(x.device.type, enabled=False):  # it would multiply the matrices in half precision
        return reference.filtered(x, gain, down, across).contiguous()


def _native(x: Tensor, gain: Tensor) -> Tensor:
    if not _backend.has_kernel("cosine_filter", x.device):
        return _by_matrices(x, gain)
    _check(x, gain)
    if x.numel() == 0:
        return _like(x, gain)
    height, width = x.shape[-2:]
    (rows, back_down), (columns, back_across) = (_order(n, x.device) for n in (height, width))
    spectrum = torch.fft.rfft2(x[..., rows[:, None], columns]).contiguous()
    _backend.launch(
        "cosine_filter",
        x.device,
        spectrum=spectrum,
        gain=gain.resolve_neg().contiguous(),
        batch=x.numel() // (height * width),
        height=height,
        width=width,
        is_double=x.dtype == torch.float64,
    )
    return torch.fft.irfft2(spectrum, s=(height, width))[..., back_down[:, None], back_across]


_backend.register("cosine_filter", _native, _by_matrices, _like)


def _save(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    save(ctx, inputs[1])


def _again(ctx: Any, v: Tensor, *_: Any) -> Tensor:
    (gain,) = ctx.saved_tensors
    filtered: Tensor = _differentiable(v, gain)
    return filtered


def _backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None]:
    return _again(ctx, upstream), None  # the filter is its own adjoint


_differentiable = differentiable("cosine_filter", _save, _backward, _again, dims=(3, 0))


def cosine_filter(x: Tensor, gain: Tensor) -> Tensor:
    """Multiply the coefficients of the orthonormal cosine transform (DCT-II) of each channel by a gain.

    Args:
        x: shape (..., C, H, W), float32 or float64.
        gain: shape (H, W), same dtype and device. Row k and column l belong to the frequencies k / (2 H) and
            l / (2 W), in cycles per pixel.

    Returns:
        Shaped like `x`, same dtype. Linear in `x` and its own adjoint; differentiable in `x`, any number of times;
        not in `gain`.

    Raises:
        PhotostyleError: an argument does not fit the above.
        NotImplementedError: `gain` requires a gradient.

    Source: Makhoul, A fast cosine transform in one and two dimensions (1980), for the way on CUDA.
    """
    _check(x, gain)
    if wants_derivative(gain):
        raise NotImplementedError("the gradient with respect to `gain` is not implemented: pass gain.detach()")
    filtered: Tensor = _differentiable(x, gain)
    return filtered
