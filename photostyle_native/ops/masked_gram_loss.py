"""Style loss on masked Gram matrices: the matrices, their distance to the targets and its gradient in one op.

Luan et al. 2017, eq. 5. On CUDA the matrices are never written: their distance is taken where they are summed, and
nothing waits for the host.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from .. import _core
from . import _backend as backend
from ._autograd import differentiable, save
from .masked_gram import _TYPES, _check, _gram_like, _readable, _shape, _sum_dtype, cross, differentiable_backward
from .checks import require, require_batch, require_like, require_tensor, wants_derivative

backend.LIBRARY.define(
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
        require(
            tail == shape and (name == "targets" or value.dim() == 1),
            f"`{name}` must have shape {'(..., ' if name == 'targets' else '('}{str(shape)[1:]}, "
            f"got {tuple(value.shape)}",
        )
    require_batch("targets", targets, "features", features)


def _from_grams(gram: Tensor, targets: Tensor, scales: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """The loss and its gradient with respect to the matrices, (...) and (..., K, C, C)."""
    scales, weights = scales[:, None, None], weights[:, None, None]
    difference = gram * scales - targets
    loss = (difference.double().square() * weights).sum((-3, -2, -1))
    return loss.to(gram.dtype), difference * (2 * weights * scales)


def _composed(
    features: Tensor, masks: Tensor, targets: Tensor, scales: Tensor, weights: Tensor, tf32: bool = False
) -> tuple[Tensor, Tensor]:
    _check_loss(features, masks, targets, scales, weights)
    gram = torch.ops.photostyle.masked_gram(features, masks, tf32)
    return _from_grams(gram, targets, scales, weights)


def _loss(
    features: Tensor, masks: Tensor, targets: Tensor, scales: Tensor, weights: Tensor, tf32: bool = False
) -> tuple[Tensor, Tensor]:
    if backend.kernels(features.device)[0] is _core or features.numel() == 0 or masks.numel() == 0:
        return _composed(features, masks, targets, scales, weights, tf32)
    _check_loss(features, masks, targets, scales, weights)
    features, masks = _readable(features), masks.contiguous()
    targets, scales, weights = targets.contiguous(), scales.contiguous(), weights.contiguous()
    loss = torch.empty(features.shape[:-3], dtype=torch.float64, device=features.device)
    upstream = _gram_like(features, masks)
    batch, mask_batch, *rest = _shape(features, masks)
    target_batch = 1 if targets.dim() == 3 else batch
    kind = _TYPES[features.dtype]
    backend.launch(
        "masked_gram_loss",
        features.device,
        (features, masks, targets, scales, weights, loss, upstream),
        (batch, mask_batch, target_batch, *rest, kind, tf32),
        (batch, mask_batch, *rest, kind),
    )
    return loss.to(upstream.dtype), upstream


def _loss_like(
    features: Tensor, masks: Tensor, targets: Tensor, scales: Tensor, weights: Tensor, tf32: bool = False
) -> tuple[Tensor, Tensor]:
    return features.new_empty(features.shape[:-3], dtype=_sum_dtype(features)), _gram_like(features, masks)


backend.register("masked_gram_loss", _loss, _composed, _loss_like)


def _save(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    features, masks, _, scales, weights, ctx.tf32 = inputs
    save(ctx, features, masks, scales, weights, output[1])
    ctx.set_materialize_grads(False)


def _backward(ctx: Any, grad_loss: Tensor | None, grad_upstream: Tensor | None) -> tuple[Tensor | None, ...]:
    # The gradient with respect to the matrices is an output too, so it carries its own graph and a second derivative
    # comes for free.
    features, masks, scales, weights, upstream = ctx.saved_tensors
    total = None if grad_loss is None else grad_loss[..., None, None, None] * upstream
    if grad_upstream is not None:
        through = grad_upstream * (2 * weights * scales * scales)[:, None, None]
        total = through if total is None else total + through
    if total is None:
        return (None,) * 6
    return differentiable_backward(total, features, masks, ctx.tf32), *((None,) * 5)


def _jvp(ctx: Any, tangent: Tensor, *_: Any) -> tuple[Tensor, Tensor]:
    features, masks, scales, weights, upstream = ctx.saved_tensors
    gram = cross(features, tangent, masks, ctx.tf32)
    along = (upstream * gram).sum((-3, -2, -1))
    return along, gram * (2 * weights * scales * scales)[:, None, None]


_differentiable_loss = differentiable("masked_gram_loss", _save, _backward, _jvp, dims=(3, 3, 3, 0, 0), shared=(1, 2))


def masked_gram_loss(
    features: Tensor, masks: Tensor, targets: Tensor, scales: Tensor, weights: Tensor, *, tf32: bool = False
) -> Tensor:
    """Style loss sum_k w_k |s_k G_k - T_k|^2 (Frobenius) of the features' masked Gram matrices G_k.

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
