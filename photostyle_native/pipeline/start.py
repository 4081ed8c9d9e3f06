"""The pictures that the optimisation starts from, where that is not the colour transfer."""

from __future__ import annotations

import torch
from torch import Tensor

from ..errors import PhotostyleError
from ..network.vgg19 import CAFFE_MEAN


def noise_start(size: tuple[int, int], seed: int) -> Tensor:
    """The authors' noise, (3, h, w): tiny deviations from the mean colour of the network's training images."""
    noise = torch.randn((3, *size), generator=torch.Generator().manual_seed(seed))
    return torch.tensor(CAFFE_MEAN).view(3, 1, 1) / 255 + noise * (1e-3 / 255)


def checked_start(start: Tensor, size: tuple[int, int]) -> Tensor:
    """A picture to go on from. Raises PhotostyleError unless it is finite, (3, h, w), of the working size."""
    if tuple(start.shape) != (3, *size) or not start.is_floating_point() or not bool(start.isfinite().all()):
        raise PhotostyleError(f"`start` must be (3, {size[0]}, {size[1]}) of finite floats, got {tuple(start.shape)}")
    return start.detach().float().clamp(0, 1)
