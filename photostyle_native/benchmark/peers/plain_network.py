"""VGG-19 as a plain PyTorch port has it: convolutions, ReLU and pooling of torch, in its usual memory layout."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor

from ...network.vgg19 import LAYERS, VGG19, block_of


class PlainNetwork:
    """The features of an image (3, H, W) by layer, (C, h, w), with the weights of a `VGG19`."""

    def __init__(self, vgg: VGG19) -> None:
        self.prepare = vgg.prepare
        buffers = dict(vgg.named_buffers())
        self.weights = {name: buffers[f"{name}_weight"].contiguous() for name in LAYERS}
        self.biases = {name: buffers[f"{name}_bias"] for name in LAYERS}

    def __call__(self, image: Tensor, layers: Sequence[str]) -> dict[str, Tensor]:
        x = self.prepare(image)
        found = {}
        block = 0
        for name in LAYERS:
            if block_of(name) != block:
                block = block_of(name)
                x = F.max_pool2d(x, 2, 2, ceil_mode=True)
            x = F.relu(F.conv2d(x, self.weights[name], self.biases[name], padding=1))
            if name in layers:
                found[name] = x[0]
        return found
