"""A 3 x 3 convolution with bias and ReLU, and perhaps pooling: fewer passes on NVIDIA GPUs, torch's calls elsewhere.

cuDNN computes with channels innermost (torch.channels_last). In torch's usual layout it would transpose input and
output of every convolution, and bias and ReLU would read and write the output once more each.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..ops import bias_relu_pool

_CHANNELS = 8  # tensor cores want multiples of this; the image has 3


class _ConvolutionReLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        out = torch.cudnn_convolution_relu(x, weight, bias, (1, 1), (1, 1), (1, 1), 1)
        ctx.save_for_backward(x, weight, out)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, None, None]:
        return data_gradient(grad, *ctx.saved_tensors), None, None


def data_gradient(grad: Tensor, x: Tensor, weight: Tensor, out: Tensor) -> Tensor:
    """The gradient in the input `x` of a convolution with ReLU whose output is `out`."""
    through = torch.ops.aten.threshold_backward(grad, out, 0)
    steps = (
        (1, 1),
        (1, 1),
        (1, 1),
        False,
        (0, 0),
        1,
    )  # stride, padding, dilation, transposed, output padding, groups
    wanted = (True, False, False)
    return torch.ops.aten.convolution_backward(through, x, weight, None, *steps, wanted)[0]


def _by_cudnn(x: Tensor) -> bool:
    return x.is_cuda and torch.version.hip is None and torch.backends.cudnn.is_available()


def convolution_relu(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """The ReLU of a 3 x 3 convolution with padding 1.

    Args:
        x: (B, C, H, W).
        weight, bias: (D, C, 3, 3) and (D,), of the same type as `x`.

    Returns:
        (B, D, H, W). On an NVIDIA GPU it has channels innermost, and no gradient in `weight` and `bias`.
    """
    if not _by_cudnn(x):
        return F.conv2d(x, weight, bias, padding=1).relu_()
    x, weight = _channels_last(x, weight)
    return _ConvolutionReLU.apply(x, weight, bias)


def convolution_relu_pool(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """`pool` of `convolution_relu`; on an NVIDIA GPU the full-size activation is never written."""
    if not _by_cudnn(x):
        return pool(convolution_relu(x, weight, bias))
    x, weight = _channels_last(x, weight)
    return bias_relu_pool(F.conv2d(x, weight, padding=1), bias)


def pool(x: Tensor) -> Tensor:
    """The maxima of windows of 2 x 2 pixels, (B, C, ceil(H / 2), ceil(W / 2)), as Caffe pools."""
    return F.max_pool2d(x, 2, 2, ceil_mode=True)


def _channels_last(x: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    missing = (0, 0, 0, 0, 0, -x.shape[1] % _CHANNELS)
    if missing[-1]:
        x, weight = F.pad(x, missing), F.pad(weight, missing)
    last = torch.channels_last
    return x.contiguous(memory_format=last), weight.contiguous(memory_format=last)
