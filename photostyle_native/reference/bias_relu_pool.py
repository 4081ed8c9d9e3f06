"""Bias, ReLU and 2 x 2 maximum pooling in plain PyTorch: what `ops.bias_relu_pool` is tested against."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

NONE_POSITIVE = 4  # the code of a window without a positive value


def bias_relu_pool(x: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """The pooled features (..., C, ceil(H / 2), ceil(W / 2)), and which pixel of each window they are, uint8.

    x: (..., C, H, W), bias: (C,). A code is 2 row + column of the first of the largest values, or `NONE_POSITIVE`.
    """
    *lead, channels, height, width = x.shape
    active = torch.relu(x + bias[:, None, None]).reshape(-1, channels, height, width)
    pooled, index = F.max_pool2d(active, 2, 2, ceil_mode=True, return_indices=True)
    codes = 2 * (index // width % 2) + index % width % 2
    codes = torch.where(pooled <= 0, NONE_POSITIVE, codes).to(torch.uint8)
    shape = (*lead, *pooled.shape[1:])
    return pooled.reshape(shape), codes.reshape(shape)


def bias_relu_pool_backward(upstream: Tensor, codes: Tensor, height: int, width: int) -> Tensor:
    """The gradient in x, (..., C, height, width), for the upstream gradient of the pooled features."""
    out = upstream.new_zeros((*upstream.shape[:-2], height + height % 2, width + width % 2))
    for code in range(4):
        out[..., code // 2 :: 2, code % 2 :: 2] = torch.where(codes == code, upstream, 0)
    return out[..., :height, :width].contiguous()


def picked(v: Tensor, codes: Tensor) -> Tensor:
    """The transpose of `bias_relu_pool_backward`: of v (..., C, H, W) the pixels that the codes name, else zero."""
    padded = F.pad(v, (0, v.shape[-1] % 2, 0, v.shape[-2] % 2))
    four = [padded[..., code // 2 :: 2, code % 2 :: 2] for code in range(4)]
    return torch.stack([*four, torch.zeros_like(four[0])]).gather(0, codes[None].long())[0]
