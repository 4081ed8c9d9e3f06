"""Masked Gram matrices, forward and backward, without a copy of the features per mask.

Luan et al. 2017, eq. 5 (augmented style loss); masks enter squared, as in the authors' released code.
``csrc/masked_gram.h`` states what the kernels compute.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from .. import _core
from ..reference import masked_gram as reference
from . import _backend as backend
from ._autograd import differentiable, save
from .checks import require, require_batch, require_dtype, require_image, require_same_device, require_same_size, require_tensor, wants_derivative

_TYPES = {torch.float32: 0, torch.float64: 1, torch.bfloat16: 2, torch.float16: 3}
_MAX_PIXELS = 2**31 - 1


def _sum_dtype(features: Tensor) -> torch.dtype:
    return torch.float64 if features.dtype == torch.float64 else torch.float32


def _check(features: Tensor, masks: Tensor) -> None:
    require_tensor("features", features)
    require_tensor("masks", masks)
    require_image("features", features)
    require(masks.dim() >= 3, f"`masks` must have shape (..., K, H, W), got {tuple(masks.shape)}")
    require_dtype("features", features, tuple(_TYPES))
    require_dtype("masks", masks, (_sum_dtype(features),))
    require_same_device("masks", masks, "features", features)
    require_same_size("masks", masks, "features", features)
    require_batch("masks", masks, "features", features)
    pixels = features.shape[-1] * features.shape[-2]
    require(pixels <= _MAX_PIXELS, f"`features` must have at most 2^31 - 1 pixels, got {pixels}")


def _shape(features: Tensor, masks: Tensor) -> tuple[int, int, int, int, int]:
    """Batch, mask batch, masks, channels, pixels."""
    channels, height, width = features.shape[-3:]
    count = masks.shape[-3]
    pixels = height * width
    return features.numel() // (channels * pixels), masks.numel() // (count * pixels), count, channels, pixels


backend.LIBRARY.define("masked_gram(Tensor features, Tensor masks, bool tf32=False) -> Tensor")
backend.LIBRARY.define("masked_gram_backward(Tensor upstream, Tensor features, Tensor masks, bool tf32=False) -> Tensor")


def _gram_like(features: Tensor, masks: Tensor, tf32: bool = False) -> Tensor:
    channels = features.shape[-3]
    shape = (*features.shape[:-3], masks.shape[-3], channels, channels)
    return features.new_empty(shape, dtype=_sum_dtype(features))


def _readable(features: Tensor) -> Tensor:
    """Contiguous, and of a type that the device's kernels read: those of the CPU do not know half precision."""
    half_on_cpu = features.dtype == torch.float16 and backend.kernels(features.device)[0] is _core
    return (features.float() if half_on_cpu else features).contiguous()


def _gram(features: Tensor, masks: Tensor, tf32: bool = False) -> Tensor:
    out = _gram_like(features, masks)
    if features.numel() == 0 or masks.numel() == 0:
        return out.zero_()
    _check(features, masks)  # the registered op can be called directly, and may not crash
    features, masks = _readable(features), masks.contiguous()
    shape = (*_shape(features, masks), _TYPES[features.dtype])
    backend.launch("masked_gram", features.device, (features, masks, out), (*shape, tf32), shape)
    return out


def _backward(upstream: Tensor, features: Tensor, masks: Tensor, tf32: bool = False) -> Tensor:
    if features.numel() == 0 or masks.numel() == 0:
        return torch.zeros_like(features, memory_format=torch.contiguous_format)
    _check(features, masks)
    require_dtype("upstream", upstream, (_sum_dtype(features),))
    want = tuple(_gram_like(features, masks).shape)
    require(tuple(upstream.shape) == want, f"`upstream` must have shape {want}, got {tuple(upstream.shape)}")
    readable, upstream, masks = _readable(features), upstream.contiguous(), masks.contiguous()
    out = torch.empty_like(readable)
    shape = (*_shape(readable, masks), _TYPES[readable.dtype])
    backend.launch("masked_gram_backward", out.device, (readable, masks, upstream, out), (*shape, tf32), shape)
    return out.to(features.dtype)


def _reference_gram(features: Tensor, masks: Tensor, tf32: bool = False) -> Tensor:
    return reference.masked_gram(features.to(_sum_dtype(features)), masks)


def _reference_backward(upstream: Tensor, features: Tensor, masks: Tensor, tf32: bool = False) -> Tensor:
    flat = features.to(upstream.dtype).flatten(-2).unsqueeze(-3)  # (..., 1, C, N)
    weighted = (upstream + upstream.mT) @ (flat * masks.square().flatten(-2).unsqueeze(-2))
    return weighted.sum(-3).reshape(features.shape).to(features.dtype)


def _backward_like(upstream: Tensor, features: Tensor, masks: Tensor, tf32: bool = False) -> Tensor:
    return torch.empty_like(features, memory_format=torch.contiguous_format)


backend.register("masked_gram", _gram, _reference_gram, _gram_like)
backend.register("masked_gram_backward", _backward, _reference_backward, _backward_like)


def cross(features: Tensor, v: Tensor, masks: Tensor, tf32: bool) -> Tensor:
    """sum_p m_k^2 (F V^T + V F^T): by polarisation, half the difference of the Gram matrices of F + V and F - V."""
    total = _differentiable_gram(features + v, masks, tf32) - _differentiable_gram(features - v, masks, tf32)
    return total / 2


def _save(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    features, masks, ctx.tf32 = inputs
    save(ctx, features, masks)


def _gram_backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None, None]:
    features, masks = ctx.saved_tensors
    return differentiable_backward(upstream, features, masks, ctx.tf32), None, None


def _gram_jvp(ctx: Any, tangent: Tensor, *_: Any) -> Tensor:
    features, masks = ctx.saved_tensors
    return cross(features, tangent, masks, ctx.tf32)


def _save_all(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    *tensors, ctx.tf32 = inputs
    save(ctx, *tensors)


def _second_backward(ctx: Any, v: Tensor) -> tuple[Tensor, Tensor, None, None]:
    # dF is linear in D and in F, and <V, dF> = sum_k <D_k, sum_p m_k^2 (F V^T + V F^T)>.
    upstream, features, masks = ctx.saved_tensors
    through = differentiable_backward(upstream, v, masks, ctx.tf32)
    return cross(features, v, masks, ctx.tf32), through, None, None


def _backward_jvp(ctx: Any, upstream_tangent: Tensor, features_tangent: Tensor, *_: Any) -> Tensor:
    upstream, features, masks = ctx.saved_tensors
    along = differentiable_backward(upstream_tangent, features, masks, ctx.tf32)
    return along + differentiable_backward(upstream, features_tangent, masks, ctx.tf32)


_differentiable_gram = differentiable("masked_gram", _save, _gram_backward, _gram_jvp, dims=(3, 3), shared=(1,))
differentiable_backward = differentiable(
    "masked_gram_backward", _save_all, _second_backward, _backward_jvp, dims=(3, 3, 3), shared=(2,)
)


def masked_gram(features: Tensor, masks: Tensor, *, tf32: bool = False) -> Tensor:
    """Gram matrix of the features under each mask: G_k = sum_p m_k(p)^2 F(:,p) F(:,p)^T.

    Args:
        features: shape (..., C, H, W); float32, float64, bfloat16 or float16 (which the CPU reads as a float32 copy).
        masks: shape (K, H, W), or with the batch dimensions of `features`; any real values, also overlapping. float32
            (float64 with float64 features). Pixels where a mask is zero cost nothing for it.
        tf32: on CUDA, let the tensor cores round float32 features to TF32 (10 bits of mantissa): about three times
            the speed and errors near 1e-3 instead of 1e-7. Ignored by other devices and types.

    Returns:
        Shape (..., K, C, C), symmetric, not normalised; float32 (float64 with float64 features), also summed in
        that type. Differentiable in `features`, any number of times; not in `masks`.

    Raises:
        PhotostyleError: an argument does not fit the above.
        NotImplementedError: `masks` require a gradient.

    Source: Luan et al. 2017, eq. 5, with the masks squared as in the authors' released code. The same bits for any
    number of threads.
    """
    _check(features, masks)
    if wants_derivative(masks):
        raise NotImplementedError("the gradient with respect to `masks` is not implemented: pass masks.detach()")
    return _differentiable_gram(features, masks, tf32)
