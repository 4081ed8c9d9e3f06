"""Convolution with 3 x 3 kernels by minimal filtering, tile by tile.

Winograd: *Arithmetic Complexity of Computations* (1980); Lavin, Gray: *Fast Algorithms for Convolutional Neural
Networks* (CVPR 2016), whose matrices of F(4 x 4, 3 x 3) these are.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

# From 6 inputs, from 3 weights, and to 4 outputs.
INPUT = (
    (4.0, 0.0, -5.0, 0.0, 1.0, 0.0),
    (0.0, -4.0, -4.0, 1.0, 1.0, 0.0),
    (0.0, 4.0, -4.0, -1.0, 1.0, 0.0),
    (0.0, -2.0, -1.0, 2.0, 1.0, 0.0),
    (0.0, 2.0, -1.0, -2.0, 1.0, 0.0),
    (0.0, 4.0, 0.0, -5.0, 0.0, 1.0),
)
WEIGHT = (
    (1 / 4, 0.0, 0.0),
    (-1 / 6, -1 / 6, -1 / 6),
    (-1 / 6, 1 / 6, -1 / 6),
    (1 / 24, 1 / 12, 1 / 6),
    (1 / 24, -1 / 12, 1 / 6),
    (0.0, 0.0, 1.0),
)
OUTPUT = (
    (1.0, 1.0, 1.0, 1.0, 1.0, 0.0),
    (0.0, 1.0, -1.0, 2.0, -2.0, 0.0),
    (0.0, 1.0, 1.0, 4.0, 4.0, 0.0),
    (0.0, 1.0, -1.0, 8.0, -8.0, 1.0),
)
STEP, SIDE = 4, 6


def winograd_factors(weight: Tensor) -> Tensor:
    """The 36 products' factors of kernels (D, C, 3, 3), and those of the kernels turned by 180 degrees, of which the
    adjoint is made: (2, 36, D, C)."""
    matrix = torch.tensor(WEIGHT, dtype=torch.float64, device=weight.device)
    square = torch.einsum("ia,jb->ijab", matrix, matrix).reshape(SIDE**2, -1).to(weight.dtype)
    both = torch.stack([weight, weight.flip(2, 3)]).reshape(2, -1, 9)
    return (square @ both.mT).view(2, SIDE**2, *weight.shape[:2])


def winograd_convolution(x: Tensor, factors: Tensor) -> Tensor:
    """The convolution of `x` (..., C, H, W), zero outside, with the factors (36, D, C) of kernels: (..., D, H, W)."""
    height, width = x.shape[-2:]
    down, across = -(-height // STEP), -(-width // STEP)
    padded = F.pad(x, (1, STEP * across - width + 1, 1, STEP * down - height + 1))
    tiles = padded.unfold(-2, SIDE, STEP).unfold(-2, SIDE, STEP)  # (..., C, down, across, 6, 6)
    into, out_of = x.new_tensor(INPUT), x.new_tensor(OUTPUT)
    values = into @ tiles @ into.T
    products = torch.einsum("ijdc,...cyxij->...dyxij", factors.view(SIDE, SIDE, *factors.shape[1:]), values)
    outputs = out_of @ products @ out_of.T  # (..., D, down, across, 4, 4)
    joined = outputs.transpose(-3, -2).reshape(*outputs.shape[:-4], STEP * down, STEP * across)
    return joined[..., :height, :width].contiguous()


def winograd_gated(x: Tensor, gate: Tensor, factors: Tensor) -> Tensor:
    """The same where `gate` is positive; elsewhere `x` counts as zero. The gradient of a convolution with ReLU."""
    return winograd_convolution(torch.where(gate > 0, x, 0), factors)
