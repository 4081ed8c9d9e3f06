"""The network VGG-19 up to its layer conv5_1.

Simonyan, Zisserman: *Very Deep Convolutional Networks for Large-Scale Image Recognition* (ICLR 2015). Weights of the
original Caffe model keep its conventions: BGR, 0 to 255, channel means subtracted. Pooling windows may reach over the
border (ceil mode), as in Caffe.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import PhotostyleError
from ..ops import winograd_factors
from .convolution import convolution_relu, convolution_relu_pool, pool

# The blocks of the whole network; between two blocks is a pooling.
CONVOLUTIONS_PER_BLOCK = (2, 2, 4, 4, 4)
CHANNELS_PER_BLOCK = (64, 128, 256, 512, 512)
ALL_LAYERS = tuple(f"conv{block}_{i}" for block, n in enumerate(CONVOLUTIONS_PER_BLOCK, 1) for i in range(1, n + 1))
LAYERS = ALL_LAYERS[: ALL_LAYERS.index("conv5_1") + 1]  # the layers that this module computes
BLOCKS = len(CONVOLUTIONS_PER_BLOCK)  # the number of blocks; the convolutions of a block have one resolution
MIN_SIDE = 32  # pixels; at this size the deepest layer has 2 x 2 positions, the fewest for statistics

CAFFE_MEAN = (123.68, 116.779, 103.939)  # the mean of the training images, RGB in [0, 255]
_TORCHVISION_MEAN, _TORCHVISION_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def block_of(layer: str) -> int:
    """The index of a layer's block, from 0; it is also the number of poolings before the layer."""
    return int(layer.removeprefix("conv").partition("_")[0]) - 1


@dataclass(frozen=True)
class _Source:
    """Convolution weights and biases by layer name, and whether they expect input as in Caffe or torchvision."""

    parameters: dict[str, tuple[Tensor, Tensor]]
    caffe: bool
    name: str


class VGG19(torch.nn.Module):
    """The convolutional features of VGG-19 up to conv5_1; `load_vgg19` makes this module.

    The weights are buffers without gradients. Features are differentiable in the image.
    """

    def __init__(self, source: _Source) -> None:
        super().__init__()
        self.source = source.name
        mean = [value / 255 for value in CAFFE_MEAN] if source.caffe else _TORCHVISION_MEAN
        self.mean: Tensor
        self.conv1_1_weight: Tensor
        self.register_buffer("mean", torch.tensor(mean).view(3, 1, 1))
        for layer, (weight, bias) in source.parameters.items():
            if layer == "conv1_1":
                # The first convolution takes over the scale of the input and Caffe's order of channels, but not the
                # mean, because the zero padding is added after the mean is subtracted.
                scale = torch.full((3,), 255.0) if source.caffe else 1 / torch.tensor(_TORCHVISION_STD)
                weight = (weight.flip(1) if source.caffe else weight) * scale.view(1, 3, 1, 1)
            self.register_buffer(f"{layer}_weight", weight.contiguous())
            self.register_buffer(f"{layer}_bias", bias)

    @property
    def precision(self) -> torch.dtype:
        """The floating-point type of the weights, in which the network computes."""
        return self.conv1_1_weight.dtype

    def at_precision(self, dtype: torch.dtype) -> VGG19:
        """A copy of this network that computes in `dtype`, or the network itself if it already does."""
        if dtype == self.precision:
            return self
        other = copy.copy(self)
        other._buffers = {
            name: b if name == "mean" else b.to(dtype)
            for name, b in self.named_buffers()
            if not name.endswith("_factors")  # these are for float32 only
        }
        return other

    def by_winograd(self) -> VGG19:
        """A copy of this network that convolves by `ops.winograd_convolution`, in float32.

        With gradients it takes 0.5 to 0.65 of the time of direct convolution. The factors take 400 MB.
        """
        other = copy.copy(self.at_precision(torch.float32))
        other._buffers = dict(other._buffers)
        for layer in LAYERS[1:]:  # the first has three channels, and so little to gain
            other._buffers[f"{layer}_factors"] = winograd_factors(self.get_buffer(f"{layer}_weight"))
        return other

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> VGG19:
        """What `to`, `cuda` and their like call; on a GPU weights are kept as convolutions read them."""
        super()._apply(fn, recurse)
        layout = torch.channels_last if self.conv1_1_weight.is_cuda else torch.contiguous_format
        for name, weight in self._buffers.items():
            if weight is not None and name.endswith("_weight"):
                self._buffers[name] = weight.contiguous(memory_format=layout)
        return self

    def forward(self, image: Tensor, layers: Sequence[str]) -> dict[str, Tensor]:
        """The features of an image, after the ReLU of each of `layers`.

        Args:
            image: (B, 3, H, W) or (3, H, W), RGB in [0, 1]; sides of at least `MIN_SIDE` (32) pixels.
            layers: names among `LAYERS`, "conv1_1" to "conv5_1".

        Returns:
            The features by layer name, (B, C, h, w) or (C, h, w), in the network's type. On an NVIDIA GPU their
            channels are innermost in memory (torch.channels_last).

        Raises:
            PhotostyleError: a layer is unknown, or the image is too small.
        """
        unknown = [name for name in layers if name not in LAYERS]
        if unknown:
            raise PhotostyleError(f"`layers` must be among {', '.join(LAYERS)}, got {unknown[0]!r}")
        if min(image.shape[-2:]) < MIN_SIDE:
            raise PhotostyleError(
                f"`image` must have sides of at least {MIN_SIDE} pixels, got {tuple(image.shape[-2:])}"
            )
        features: dict[str, Tensor] = {}
        x = self.prepare(image)
        for index in range(BLOCKS):
            x, found = self.block(index, x, layers)
            features.update(found)
            if len(features) == len(set(layers)):
                break
        return {name: x if image.dim() == 4 else x.squeeze(0) for name, x in features.items()}

    def prepare(self, image: Tensor) -> Tensor:
        """Make the input of the first block: subtract the mean and convert to the network's type.

        Args:
            image: (B, 3, H, W) or (3, H, W), RGB in [0, 1].

        Returns:
            (B, 3, H, W); B is 1 for a single image.
        """
        x = (image - self.mean).to(self.precision)
        return x if image.dim() == 4 else x.unsqueeze(0)

    def block(self, index: int, x: Tensor, layers: Sequence[str]) -> tuple[Tensor, dict[str, Tensor]]:
        """Run one block of the network: convolutions with their ReLU, then a pooling.

        Args:
            index: the block, from 0.
            x: the input, from `prepare` or from the block before, (B, C', h', w').
            layers: names among `LAYERS`. What comes after the last of them, in all blocks, is not computed.

        Returns:
            The input of the next block, and the features, (B, C, h, w), of those `layers` that are in this block.
        """
        with torch.autocast(x.device.type, enabled=False):  # the network has a precision of its own
            return self._block(index, x, layers)

    def _block(self, index: int, x: Tensor, layers: Sequence[str]) -> tuple[Tensor, dict[str, Tensor]]:
        features: dict[str, Tensor] = {}
        names = [name for name in LAYERS if block_of(name) == index]
        last = max((LAYERS.index(name) for name in layers), default=-1)
        for name in names:
            if LAYERS.index(name) > last:
                return x, features
            weight, bias = (self.get_buffer(f"{name}_{kind}") for kind in ("weight", "bias"))
            factors = self._buffers.get(f"{name}_factors")
            pooled = name == names[-1] and LAYERS.index(name) < last
            if pooled and name not in layers:
                return convolution_relu_pool(x, weight, bias, factors), features
            x = convolution_relu(x, weight, bias, factors)
            if name in layers:
                features[name] = x
            if pooled:
                x = pool(x)
        return x, features
