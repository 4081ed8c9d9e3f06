"""Masked Gram matrices, their gradient and the style loss, by the definition."""

from __future__ import annotations

from torch import Tensor


def masked_gram(features: Tensor, masks: Tensor) -> Tensor:
    """G_k = sum_p m_k(p)^2 F(:,p) F(:,p)^T: (..., C, H, W) and (..., K, H, W) -> (..., K, C, C)."""
    masked = masks.unsqueeze(-3).flatten(-2) * features.unsqueeze(-4).flatten(-2)  # (..., K, C, N)
    return masked @ masked.mT


def masked_gram_backward(upstream: Tensor, features: Tensor, masks: Tensor) -> Tensor:
    """Gradient to the features, sum_k m_k(p)^2 (D_k + D_k^T) F(:,p) for the upstream gradient D (..., K, C, C)."""
    flat = features.flatten(-2).unsqueeze(-3)  # (..., 1, C, N)
    weighted = (upstream + upstream.mT) @ (flat * masks.square().flatten(-2).unsqueeze(-2))
    return weighted.sum(-3).reshape(features.shape)


def gram_loss(gram: Tensor, targets: Tensor, scales: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """The loss sum_k w_k |s_k G_k - T_k|^2 and its gradient with respect to G, (...) and (..., K, C, C)."""
    scales, weights = scales[:, None, None], weights[:, None, None]
    difference = gram * scales - targets
    loss = (difference.double().square() * weights).sum((-3, -2, -1))
    return loss.to(gram.dtype), difference * (2 * weights * scales)


def masked_gram_loss(
    features: Tensor, masks: Tensor, targets: Tensor, scales: Tensor, weights: Tensor
) -> tuple[Tensor, Tensor]:
    """`gram_loss` of the features' masked Gram matrices."""
    return gram_loss(masked_gram(features, masks), targets, scales, weights)
