"""The picture that the optimisation starts from."""

from __future__ import annotations

import torch
from torch import Tensor

from ..color.transport import masked_transport
from ..masks.pairs import MaskPair
from ..network.vgg19 import CAFFE_MEAN
from .presets import Preset


def starting_picture(preset: Preset, content: Tensor, style: Tensor, masks: MaskPair, seed: int) -> Tensor:
    if preset.start == "colour":
        return masked_transport(content, style, masks.content, masks.style)
    return noise_start((content.shape[1], content.shape[2]), seed)


def noise_start(size: tuple[int, int], seed: int) -> Tensor:
    """The authors' noise, (3, h, w): tiny deviations from the mean colour of the network's training images."""
    noise = torch.randn((3, *size), generator=torch.Generator().manual_seed(seed))
    return torch.tensor(CAFFE_MEAN).view(3, 1, 1) / 255 + noise * (1e-3 / 255)
