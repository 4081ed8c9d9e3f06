"""Weights of VGG-19 drawn at random."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from photostyle_native.network.vgg19 import LAYERS

TORCHVISION_INDEX = (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28)


def random_weights(torchvision_names: bool, width: Mapping[str, int] | None = None) -> dict[str, Tensor]:
    channels, state = 3, {}
    for layer, index in zip(LAYERS, TORCHVISION_INDEX, strict=True):
        out = 64 * min(2 ** (int(layer[4]) - 1), 8)
        prefix = f"features.{index}" if torchvision_names else layer
        state[f"{prefix}.weight"] = torch.randn(out, channels, 3, 3) / (3 * channels**0.5)
        state[f"{prefix}.bias"] = torch.randn(out) / 10
        channels = out
    return state
