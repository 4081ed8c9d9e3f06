"""A 3 x 3 convolution with bias and ReLU, and perhaps pooling: fewer passes on NVIDIA GPUs; elsewhere torch's calls,
or minimal filtering.

cuDNN computes with channels innermost (torch.channels_last). In torch's usual layout it would transpose input and
output of every convolution, and bias and ReLU would read and write the output once more each.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..ops import bias_relu_pool, winograd_convolution

_CHANNELS = 8  # tensor cores want multiples of this; the image has 3


_ONE = (1, 1)
# For float32, cuDNN's options: no tuning, the same bits every time, no TF32. Without the last, torch's settings would
# decide, which allow TF32 with its 10 bits of fraction.
_EXACT = (False, True, False)


class _ConvolutionReLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        if x.dtype == torch.float32:
            out = _convolution(x, weight).add_(bias[:, None, None]).relu_()
        else:
            out = torch.cudnn_convolution_relu(x, weight, bias, _ONE, _ONE, _ONE, 1)
        ctx.save_for_backward(x, weight, out)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, None, None]:
        x, weight, out = ctx.saved_tensors
        return data_gradient(torch.ops.aten.threshold_backward(grad, out, 0), x, weight), None, None


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return _convolution(x, weight)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, None]:
        return data_gradient(grad, *ctx.saved_tensors), None


def _convolution(x: Tensor, weight: Tensor) -> Tensor:
    if x.dtype == torch.float32:
        return torch.cudnn_convolution(x, weight, _ONE, _ONE, _ONE, 1, *_EXACT)
    return F.conv2d(x, weight, padding=1)


def data_gradient(grad: Tensor, x: Tensor, weight: Tensor) -> Tensor:
    """The gradient in the input `x` of a convolution with padding 1, from that in its output."""
    if grad.dtype == torch.float32:
        return torch.cudnn_convolution_transpose(grad, weight, _ONE, (0, 0), _ONE, _ONE, 1, *_EXACT)
    # Stride, padding, dilation, transposed, output padding, groups; and of the three gradients only the first.
    steps = (_ONE, _ONE, _ONE, False, (0, 0), 1, (True, False, False))
    return torch.ops.aten.convolution_backward(grad, x, weight, None, *steps)[0]


def _by_cudnn(x: Tensor) -> bool:
    return x.is_cuda and torch.version.hip is None and torch.backends.cudnn.is_available()


def convolution_relu(x: Tensor, weight: Tensor, bias: Tensor, factors: Tensor | None = None) -> Tensor:
    """The ReLU of a 3 x 3 convolution with padding 1.

    Args:
        x: (B, C, H, W).
        weight, bias: (D, C, 3, 3) and (D,), of the same type as `x`.
        factors: `ops.winograd_factors` of `weight`, to convolve by them.

    Returns:
        (B, D, H, W). On an NVIDIA GPU it has channels innermost, and no gradient in `weight` and `bias`.
    """
    if factors is not None:
        return winograd_convolution(x, factors, bias, relu=True)
    if not _by_cudnn(x):
        return F.conv2d(x, weight, bias, padding=1).relu_()
    x, weight = _channels_last(x, weight)
    return _ConvolutionReLU.apply(x, weight, bias)


def convolution_relu_pool(x: Tensor, weight: Tensor, bias: Tensor, factors: Tensor | None = None) -> Tensor:
    """`pool` of `convolution_relu`; on the CPU and on NVIDIA GPUs the full-size activation is never written."""
    if factors is not None:
        return bias_relu_pool(winograd_convolution(x, factors), bias)
    if _by_cudnn(x):
        x, weight = _channels_last(x, weight)
        return bias_relu_pool(_Convolution.apply(x, weight), bias)
    if x.device.type == "cpu":
        # In half precision a bias that came after the convolution would cost a rounding more.
        return bias_relu_pool(F.conv2d(x, weight, bias, padding=1), torch.zeros_like(bias))
    return pool(convolution_relu(x, weight, bias))


def pool(x: Tensor) -> Tensor:
    """The maxima of windows of 2 x 2 pixels, (B, C, ceil(H / 2), ceil(W / 2)), as Caffe pools."""
    return F.max_pool2d(x, 2, 2, ceil_mode=True)


def _channels_last(x: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    missing, last = (0, 0, 0, 0, 0, -x.shape[1] % _CHANNELS), torch.channels_last
    x, weight = x.contiguous(memory_format=last), weight.contiguous(memory_format=last)
    return (F.pad(x, missing), F.pad(weight, missing)) if missing[-1] else (x, weight)
