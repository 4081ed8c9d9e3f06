"""Masked Gram matrices and the style loss on them, without a copy of the features per mask.

Luan et al. 2017, eq. 5 (augmented style loss); masks enter squared, as in the authors' released code. On CUDA the
loss is one kernel that never writes the matrices: it compares them with the targets where they are summed, and does
not wait for the host. The CPU has no kernel for the loss, and computes it from the matrices.
``csrc/masked_gram/params.h`` states what the kernels compute.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..errors import PhotostyleError
from ..reference import masked_gram as reference
from . import _backend
from ._autograd import differentiable, save
from .checks import (
    require,
    require_batch,
    require_dtype,
    require_image,
    require_like,
    require_same_device,
    require_same_size,
    require_tensor,
    wants_derivative,
)

# FeatureType of csrc/masked_gram/params.h
_TYPES = {torch.float32: 0, torch.float64: 1, torch.bfloat16: 2, torch.float16: 3}
_MAX_PIXELS = 2**31 - 1
# Kernels that read features whose channels are last in memory exist in code for this compute capability and newer.
_ROWS_CODE = 80


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


def _shape(features: Tensor, masks: Tensor) -> dict[str, int]:
    """What every kernel of this family is told of its features and masks."""
    channels, height, width = features.shape[-3:]
    count, pixels = masks.shape[-3], height * width
    return {
        "batch": features.numel() // (channels * pixels),
        "mask_batch": masks.numel() // (count * pixels),
        "masks_count": count,
        "channels": channels,
        "pixels": pixels,
        "type": _TYPES[features.dtype],
    }


_backend.LIBRARY.define("masked_gram(Tensor features, Tensor masks, bool tf32=False) -> Tensor")
_backend.LIBRARY.define(
    "masked_gram_backward(Tensor upstream, Tensor features, Tensor masks, bool tf32=False) -> Tensor"
)


def _gram_like(features: Tensor, masks: Tensor, tf32: bool = False) -> Tensor:
    channels = features.shape[-3]
    shape = (*features.shape[:-3], masks.shape[-3], channels, channels)
    return features.new_empty(shape, dtype=_sum_dtype(features))


def _readable(features: Tensor) -> Tensor:
    """Contiguous, and of a type that the device's kernels read: those of the CPU do not know half precision."""
    half_on_cpu = features.dtype == torch.float16 and _backend.uses_cpu_kernels(features.device)
    return (features.float() if half_on_cpu else features).contiguous()


def _has_channels_last(features: Tensor) -> bool:
    """Whether the channels are last in memory, as torch.channels_last has them, and not also first."""
    return not features.is_contiguous() and features.movedim(-3, -1).is_contiguous()


def _gradient_like(features: Tensor) -> Tensor:
    """Memory for the gradient: laid out as the features are if their channels are last, else contiguous."""
    if not _has_channels_last(features):
        return torch.empty_like(features, memory_format=torch.contiguous_format)
    *lead, channels, height, width = features.shape
    return features.new_empty((*lead, height, width, channels)).movedim(-1, -3)


def _reads_channels_last(features: Tensor) -> bool:
    """Whether there is a kernel that reads these features with their channels last in memory, where they are."""
    return (
        features.element_size() == 2
        and features.shape[-3] % 8 == 0
        and _has_channels_last(features)
        and features.data_ptr() % 16 == 0
        and _backend.loaded_code(features.device) >= _ROWS_CODE
    )


def _laid_out(features: Tensor) -> tuple[Tensor, bool]:
    """The features in memory that the device's kernels read, and whether the channels are last in it."""
    last = _reads_channels_last(features)
    return (features if last else _readable(features)), last


def _gram(features: Tensor, masks: Tensor, tf32: bool = False) -> Tensor:
    out = _gram_like(features, masks)
    if features.numel() == 0 or masks.numel() == 0:
        return out.zero_()
    _check(features, masks)  # the registered op can be called directly, and may not crash
    (features, channels_last), masks = _laid_out(features), masks.contiguous()
    _backend.launch(
        "masked_gram",
        features.device,
        features=features,
        masks=masks,
        gram=out,
        tf32=tf32,
        channels_last=channels_last,
        **_shape(features, masks),
    )
    return out


def _backward(upstream: Tensor, features: Tensor, masks: Tensor, tf32: bool = False) -> Tensor:
    if features.numel() == 0 or masks.numel() == 0:
        return _gradient_like(features).zero_()
    _check(features, masks)
    require_dtype("upstream", upstream, (_sum_dtype(features),))
    want = tuple(_gram_like(features, masks).shape)
    require(tuple(upstream.shape) == want, f"`upstream` must have shape {want}, got {tuple(upstream.shape)}")
    (readable, channels_last), upstream, masks = _laid_out(features), upstream.contiguous(), masks.contiguous()
    out = _gradient_like(readable)
    _backend.launch(
        "masked_gram_backward",
        out.device,
        features=readable,
        masks=masks,
        upstream=upstream,
        grad=out,
        tf32=tf32,
        channels_last=channels_last,
        **_shape(readable, masks),
    )
    return _in_layout_of(features, out)


def _in_layout_of(features: Tensor, gradient: Tensor) -> Tensor:
    """The gradient in the features' type and in the memory layout that `_gradient_like` states."""
    if gradient.dtype == features.dtype and _has_channels_last(gradient) == _has_channels_last(features):
        return gradient
    return _gradient_like(features).copy_(gradient)


def _reference_gram(features: Tensor, masks: Tensor, tf32: bool = False) -> Tensor:
    return reference.masked_gram(features.to(_sum_dtype(features)), masks)


def _reference_backward(upstream: Tensor, features: Tensor, masks: Tensor, tf32: bool = False) -> Tensor:
    gradient = reference.masked_gram_backward(upstream, features.to(_sum_dtype(features)), masks)
    return _in_layout_of(features, gradient.to(features.dtype).contiguous())


def _backward_like(upstream: Tensor, features: Tensor, masks: Tensor, tf32: bool = False) -> Tensor:
    return _gradient_like(features)


_backend.register("masked_gram", _gram, _reference_gram, _gram_like)
_backend.register("masked_gram_backward", _backward, _reference_backward, _backward_like)


def _cross(features: Tensor, v: Tensor, masks: Tensor, tf32: bool) -> Tensor:
    """sum_p m_k^2 (F V^T + V F^T): by polarisation, half the difference of the Gram matrices of F + V and F - V."""
    total = _differentiable_gram(features + v, masks, tf32) - _differentiable_gram(features - v, masks, tf32)
    return total / 2


def _save(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    features, masks, ctx.tf32 = inputs
    save(ctx, features, masks)


def _gram_backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None, None]:
    features, masks = ctx.saved_tensors
    return _differentiable_backward(upstream, features, masks, ctx.tf32), None, None


def _gram_jvp(ctx: Any, tangent: Tensor, *_: Any) -> Tensor:
    features, masks = ctx.saved_tensors
    return _cross(features, tangent, masks, ctx.tf32)


def _save_all(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    *tensors, ctx.tf32 = inputs
    save(ctx, *tensors)


def _second_backward(ctx: Any, v: Tensor) -> tuple[Tensor, Tensor, None, None]:
    # dF is linear in D and in F, and <V, dF> = sum_k <D_k, sum_p m_k^2 (F V^T + V F^T)>.
    upstream, features, masks = ctx.saved_tensors
    through = _differentiable_backward(upstream, v, masks, ctx.tf32)
    return _cross(features, v, masks, ctx.tf32), through, None, None


def _backward_jvp(ctx: Any, upstream_tangent: Tensor, features_tangent: Tensor, *_: Any) -> Tensor:
    upstream, features, masks = ctx.saved_tensors
    along = _differentiable_backward(upstream_tangent, features, masks, ctx.tf32)
    return along + _differentiable_backward(upstream, features_tangent, masks, ctx.tf32)


_differentiable_gram = differentiable("masked_gram", _save, _gram_backward, _gram_jvp, dims=(3, 3), shared=(1,))
_differentiable_backward = differentiable(
    "masked_gram_backward", _save_all, _second_backward, _backward_jvp, dims=(3, 3, 3), shared=(2,)
)


# ---- the style loss

_backend.LIBRARY.define(
    "masked_gram_loss(Tensor features, Tensor masks, Tensor targets, Tensor scales, Tensor weights, bool tf32=False)"
    " -> (Tensor, Tensor)"
)


def _check_loss(features: Tensor, masks: Tensor, targets: Tensor, scales: Tensor, weights: Tensor) -> None:
    _check(features, masks)
    count, channels = masks.shape[-3], features.shape[-3]
    for name, value, shape in (
        ("targets", targets, (count, channels, channels)),
        ("scales", scales, (count,)),
        ("weights", weights, (count,)),
    ):
        require_tensor(name, value)
        require_like(name, value, "masks", masks)
        tail = tuple(value.shape[-len(shape) :])
        if tail != shape or (name != "targets" and value.dim() != 1):
            # Only now: torch.compile cannot write sizes that it traces.
            wanted = f"{'(..., ' if name == 'targets' else '('}{str(shape)[1:]}"
            raise PhotostyleError(f"`{name}` must have shape {wanted}, got {tuple(value.shape)}")
    require_batch("targets", targets, "features", features)


def _loss_in_two_steps(
    features: Tensor, masks: Tensor, targets: Tensor, scales: Tensor, weights: Tensor, tf32: bool = False
) -> tuple[Tensor, Tensor]:
    _check_loss(features, masks, targets, scales, weights)
    gram = torch.ops.photostyle.masked_gram(features, masks, tf32)
    return reference.gram_loss(gram, targets, scales, weights)


def _loss(
    features: Tensor, masks: Tensor, targets: Tensor, scales: Tensor, weights: Tensor, tf32: bool = False
) -> tuple[Tensor, Tensor]:
    has_kernel = _backend.has_kernel("masked_gram_loss", features.device)
    if not has_kernel or features.numel() == 0 or masks.numel() == 0:
        return _loss_in_two_steps(features, masks, targets, scales, weights, tf32)
    _check_loss(features, masks, targets, scales, weights)
    (features, channels_last), masks = _laid_out(features), masks.contiguous()
    targets, scales, weights = targets.contiguous(), scales.contiguous(), weights.contiguous()
    loss = torch.empty(features.shape[:-3], dtype=torch.float64, device=features.device)
    upstream = _gram_like(features, masks)
    shape = _shape(features, masks)
    _backend.launch(
        "masked_gram_loss",
        features.device,
        features=features,
        masks=masks,
        targets=targets,
        scales=scales,
        weights=weights,
        loss=loss,
        upstream=upstream,
        target_batch=1 if targets.dim() == 3 else shape["batch"],
        tf32=tf32,
        channels_last=channels_last,
        **shape,
    )
    return loss.to(upstream.dtype), upstream


def _reference_loss(
    features: Tensor, masks: Tensor, targets: Tensor, scales: Tensor, weights: Tensor, tf32: bool = False
) -> tuple[Tensor, Tensor]:
    _check_loss(features, masks, targets, scales, weights)
    return reference.masked_gram_loss(features.to(_sum_dtype(features)), masks, targets, scales, weights)


def _loss_like(
    features: Tensor, masks: Tensor, targets: Tensor, scales: Tensor, weights: Tensor, tf32: bool = False
) -> tuple[Tensor, Tensor]:
    return features.new_empty(features.shape[:-3], dtype=_sum_dtype(features)), _gram_like(features, masks)


_backend.register("masked_gram_loss", _loss, _reference_loss, _loss_like)


def _save_loss(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    features, masks, _, scales, weights, ctx.tf32 = inputs
    save(ctx, features, masks, scales, weights, output[1])
    ctx.set_materialize_grads(False)


def _loss_backward(ctx: Any, grad_loss: Tensor | None, grad_upstream: Tensor | None) -> tuple[Tensor | None, ...]:
    # The gradient with respect to the matrices is an output too, so it carries its own graph and a second derivative
    # comes for free.
    features, masks, scales, weights, upstream = ctx.saved_tensors
    total = None if grad_loss is None else grad_loss[..., None, None, None] * upstream
    if grad_upstream is not None:
        through = grad_upstream * (2 * weights * scales * scales)[:, None, None]
        total = through if total is None else total + through
    if total is None:
        return (None,) * 6
    return _differentiable_backward(total, features, masks, ctx.tf32), *((None,) * 5)


def _loss_jvp(ctx: Any, tangent: Tensor, *_: Any) -> tuple[Tensor, Tensor]:
    features, masks, scales, weights, upstream = ctx.saved_tensors
    gram = _cross(features, tangent, masks, ctx.tf32)
    along = (upstream * gram).sum((-3, -2, -1))
    return along, gram * (2 * weights * scales * scales)[:, None, None]


_differentiable_loss = differentiable(
    "masked_gram_loss", _save_loss, _loss_backward, _loss_jvp, dims=(3, 3, 3, 0, 0), shared=(1, 2)
)


# ---- the public functions


def gram_normalisation(masks: Tensor, channels: int) -> tuple[Tensor, Tensor]:
    """The mean of each mask, and the factor by which the authors' style loss scales its Gram matrix.

    Args:
        masks: (K, H, W), not negative.
        channels: C, of the features.

    Returns:
        mean(m_k), (K,), and 1 / (C N mean(m_k)), (K,), with N = H W; zero for an empty mask.

    Source: the released code of Luan et al. 2017.
    """
    share = masks.mean((-2, -1))
    pixels = masks.shape[-1] * masks.shape[-2]
    scale = torch.where(share > 0, 1 / (channels * pixels * share.clamp(min=1e-30)), torch.zeros_like(share))
    return share, scale


def masked_gram(features: Tensor, masks: Tensor, *, tf32: bool = False) -> Tensor:
    """Gram matrix of the features under each mask: G_k = sum_p m_k(p)^2 F(:,p) F(:,p)^T.

    Args:
        features: shape (..., C, H, W); float32, float64, bfloat16 or float16 (which the CPU reads as a float32 copy).
            In memory their channels may be last, as a channels-last network makes them: CUDA then reads bfloat16 and
            float16 where they are, if C is a multiple of 8, and others are copied. The gradient lies in memory as
            such features do.
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


def masked_gram_loss(
    features: Tensor, masks: Tensor, targets: Tensor, scales: Tensor, weights: Tensor, *, tf32: bool = False
) -> Tensor:
    """Style loss ``sum_k w_k |s_k G_k - T_k|^2`` (Frobenius) of the features' masked Gram matrices G_k.

    Args:
        features, masks, tf32: as for `masked_gram`, K masks and C channels.
        targets: T, shape (K, C, C), or with the batch dimensions of `features`; dtype of the masks.
        scales: s, shape (K,), dtype of the masks; the authors' normalisation is 1 / (C N mean(m_k)).
        weights: w, shape (K,), dtype of the masks; the authors' is mean(m_k) / C^2.

    Returns:
        Shape (...): one loss per batch item, summed in float64, in the dtype of the masks. Differentiable in
        `features`, any number of times; not in the others.

    Raises:
        PhotostyleError: an argument does not fit the above.
        NotImplementedError: another argument than `features` requires a gradient.

    Source: Luan et al. 2017, eq. 5, with the masks squared as in the authors' released code.
    """
    _check_loss(features, masks, targets, scales, weights)
    for name, value in (("masks", masks), ("targets", targets), ("scales", scales), ("weights", weights)):
        if wants_derivative(value):
            raise NotImplementedError(
                f"the gradient with respect to `{name}` is not implemented: pass {name}.detach()"
            )
    return _differentiable_loss(features, masks, targets, scales, weights, tf32)[0]
