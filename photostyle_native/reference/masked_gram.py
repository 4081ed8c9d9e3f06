"""Masked Gram matrices by the definition."""

from __future__ import annotations

from torch import Tensor


def masked_gram(features: Tensor, masks: Tensor) -> Tensor:
    """G_k = sum_p m_k(p)^2 F(:,p) F(:,p)^T: (..., C, H, W) and (..., K, H, W) -> (..., K, C, C)."""
    masked = masks.unsqueeze(-3).flatten(-2) * features.unsqueeze(-4).flatten(-2)  # (..., K, C, N)
    return masked @ masked.mT
