"""Masked Gram matrices, their gradient and the style loss, by the definition.

Source: Luan, Paris, Shechtman, Bala: Deep Photo Style Transfer (2017), eq. 5, with the masks squared as in the
authors' released code.
"""

from __future__ import annotations

from torch import Tensor


def masked_gram(features: Tensor, masks: Tensor) -> Tensor:
    """Gram matrix of the features under each mask: G_k = sum_p m_k(p)^2 F(:,p) F(:,p)^T.

    Args:
        features: F, shape (..., C, H, W).
        masks: m, shape (K, H, W), or with the batch dimensions of `features`.

    Returns:
        Shape (..., K, C, C), not normalised.
    """
    masked = masks.unsqueeze(-3).flatten(-2) * features.unsqueeze(-4).flatten(-2)  # (..., K, C, N)
    return masked @ masked.mT


def masked_gram_backward(upstream: Tensor, features: Tensor, masks: Tensor) -> Tensor:
    """Gradient of `masked_gram` with respect to the features: sum_k m_k(p)^2 (D_k + D_k^T) F(:,p).

    `upstream` is D, shape (..., K, C, C). The result is shaped like `features`.
    """
    flat = features.flatten(-2).unsqueeze(-3)  # (..., 1, C, N)
    weighted = (upstream + upstream.mT) @ (flat * masks.square().flatten(-2).unsqueeze(-2))
    return weighted.sum(-3).reshape(features.shape)


def gram_loss(gram: Tensor, targets: Tensor, scales: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Style loss of Gram matrices, sum_k w_k |s_k G_k - T_k|^2 (Frobenius), and its gradient with respect to G.

    Args:
        gram: G, shape (..., K, C, C).
        targets: T, shape (K, C, C), or with the batch dimensions of `gram`.
        scales: s, shape (K,).
        weights: w, shape (K,).

    Returns:
        The loss, shape (...), summed in float64, and the gradient, shaped like `gram`.
    """
    scales, weights = scales[:, None, None], weights[:, None, None]
    difference = gram * scales - targets
    loss = (difference.double().square() * weights).sum((-3, -2, -1))
    return loss.to(gram.dtype), difference * (2 * weights * scales)


def masked_gram_loss(
    features: Tensor, masks: Tensor, targets: Tensor, scales: Tensor, weights: Tensor
) -> tuple[Tensor, Tensor]:
    """The results of `gram_loss` for the masked Gram matrices of features; shapes as for `masked_gram`."""
    return gram_loss(masked_gram(features, masks), targets, scales, weights)
