"""A layer of the network, convolution and ReLU, forward and backward, beside the ways in which torch computes it.

Ours is Winograd's minimal filtering on the CPU, and on a GPU cuDNN's convolution with bias and ReLU in one call.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from ...network.convolution import convolution_relu
from ...ops import winograd_factors
from ..case import Call, Case, Family, check
from ..scenes import layer_size

_COPIES = 3
LAYERS = ("conv1_2", "conv2_2", "conv3_2", "conv4_2")  # of as many input as output channels
WAYS = ("ours", "torch", "torch, channels last", "torch, bfloat16", "NNPACK, forward only")


def build(device: torch.device, layer: str, width: int) -> Case:
    channels, height, row = layer_size(layer, width)
    weight = torch.randn(channels, channels, 3, 3, device=device) / (3 * channels**0.5)
    bias = torch.randn(channels, device=device)
    factors = winograd_factors(weight) if device.type == "cpu" else None
    pictures = [torch.rand(1, channels, height, row, device=device) for _ in range(_COPIES)]
    upstream = torch.rand(1, channels, height, row, device=device)

    def direct(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return F.conv2d(x, weight, bias, padding=1).relu_()

    def by_torch(dtype: torch.dtype, layout: torch.memory_format) -> list[Call]:
        kernels = weight.to(dtype, memory_format=layout), bias.to(dtype)
        return [
            _both(lambda y: direct(y, *kernels), x.to(dtype, memory_format=layout), upstream.to(dtype))
            for x in pictures
        ]

    plain = torch.contiguous_format
    case = Case(height * row, operations=36.0 * channels**2 * height * row)
    truth = _both(lambda y: direct(y, weight.double(), bias.double()), pictures[0].double(), upstream.double())()

    def right(limit: float) -> Callable[[tuple[Tensor, Tensor]], None]:
        def both(result: tuple[Tensor, Tensor]) -> None:
            check("features", result[0], truth[0], limit)
            # Where rounding decides whether an activation is positive, the gradient jumps.
            check("gradient", result[1], truth[1], max(30 * limit, 1e-3))

        return both

    cpu_only = "" if device.type == "cpu" else "CPU only"
    case.offer(
        "ours",
        lambda: [_both(lambda y: convolution_relu(y, weight, bias, factors), x, upstream) for x in pictures],
        right=right(1e-5),
    )
    case.offer("torch", lambda: by_torch(torch.float32, plain), right=right(1e-5))
    case.offer("torch, channels last", lambda: by_torch(torch.float32, torch.channels_last), right=right(1e-5))
    case.offer("torch, bfloat16", lambda: by_torch(torch.bfloat16, plain), right=right(1e-2))
    case.offer("NNPACK, forward only", lambda: [_by_nnpack(x, weight, bias) for x in pictures], unless=cpu_only)
    return case


def _both(layer: Callable[[Tensor], Tensor], x: Tensor, upstream: Tensor) -> Callable[[], tuple[Tensor, Tensor]]:
    x = x.detach().requires_grad_()

    def step() -> tuple[Tensor, Tensor]:
        out = layer(x)
        return out.detach(), torch.autograd.grad(out, x, upstream)[0]

    return step


def _by_nnpack(x: Tensor, weight: Tensor, bias: Tensor) -> Call:
    return lambda: torch._nnpack_spatial_convolution(x, weight, bias, 1).relu_()


FAMILY = Family("convolution", "A convolution of the network with its ReLU, forward and backward", WAYS, build)
