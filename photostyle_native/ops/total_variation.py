"""Squared total variation and its gradient in one pass.

The smoothness term of the authors' released code. ``csrc/total_variation/params.h`` states what the kernel computes.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..reference import total_variation as reference
from . import _backend
from ._autograd import differentiable, save
from .checks import require_dtype, require_image, require_tensor

_backend.LIBRARY.define("total_variation(Tensor x) -> (Tensor, Tensor)")


def _check(x: Tensor) -> None:
    require_tensor("x", x)
    require_image("x", x)
    require_dtype("x", x, (torch.float32, torch.float64))


def _like(x: Tensor) -> tuple[Tensor, Tensor]:
    return x.new_empty(x.shape[:-3]), torch.empty_like(x, memory_format=torch.contiguous_format)


def _native(x: Tensor) -> tuple[Tensor, Tensor]:
    _check(x)  # the registered op can be called directly, and may not crash
    energy, gradient = _like(x)
    if x.numel() == 0:
        return energy.zero_(), gradient
    channels, height, width = x.shape[-3:]
    _backend.launch(
        "total_variation",
        x.device,
        x=x.resolve_neg().contiguous(),
        gradient=gradient,
        energy=energy,
        batch=x.numel() // (channels * height * width),
        channels=channels,
        height=height,
        width=width,
        is_double=x.dtype == torch.float64,
    )
    return energy, gradient


def _reference(x: Tensor) -> tuple[Tensor, Tensor]:
    return reference.total_variation(x), reference.gradient(x)


_backend.register("total_variation", _native, _reference, _like)


def _save(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    save(ctx, output[1])
    ctx.set_materialize_grads(False)


def _backward(ctx: Any, grad_energy: Tensor | None, grad_gradient: Tensor | None) -> tuple[Tensor | None]:
    # The gradient is an output too, a symmetric linear map of x, so a second derivative comes for free.
    (gradient,) = ctx.saved_tensors
    grad = None if grad_energy is None else grad_energy[..., None, None, None] * gradient
    if grad_gradient is not None:
        through = _differentiable(grad_gradient)[1]
        grad = through if grad is None else grad + through
    return (grad,)


def _jvp(ctx: Any, tangent: Tensor) -> tuple[Tensor, Tensor]:
    (gradient,) = ctx.saved_tensors
    return (gradient * tangent).sum((-3, -2, -1)), _differentiable(tangent)[1]


_differentiable = differentiable("total_variation", _save, _backward, _jvp, dims=(3,))


def total_variation(x: Tensor) -> Tensor:
    """Half the sum of the squared forward differences of 255 x; its gradient is computed in the same pass.

    The sum is over the first H - 1 rows and W - 1 columns of every channel, as in the authors' code. Each of these
    pixels has a difference to the right and one downwards.

    Args:
        x: shape (..., C, H, W), float32 or float64, any number of channels.

    Returns:
        Shape (...): one energy per batch item, summed in float64, in the dtype of `x`. Differentiable in `x`, any
        number of times.

    Raises:
        PhotostyleError: an argument does not fit the above.

    Source: the released code of Luan et al. 2017, for colours in [0, 1]. The same bits for any number of threads.
    """
    _check(x)
    return _differentiable(x)[0]
