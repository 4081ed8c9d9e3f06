"""The picture that the optimisation starts from, where that is not the colour transfer."""

from __future__ import annotations

import torch
from torch import Tensor

from ..network.vgg19 import CAFFE_MEAN


def noise_start(size: tuple[int, int], seed: int) -> Tensor:
    """The authors' noise, (3, h, w): tiny deviations from the mean colour of the network's training images."""
    noise = torch.randn((3, *size), generator=torch.Generator().manual_seed(seed))
    return torch.tensor(CAFFE_MEAN).view(3, 1, 1) / 255 + noise * (1e-3 / 255)
