"""A picture, and what can be done to it."""

from __future__ import annotations

import torch
from scipy import ndimage
from torch import Tensor

HEIGHT, WIDTH = 91, 123


def scene() -> Tensor:
    """A sky with a little grain over a building and two discs: soft edges, texture below, flat above."""
    y, x = torch.meshgrid(torch.arange(HEIGHT), torch.arange(WIDTH), indexing="ij")
    picture = torch.stack([0.45 + 0 * y, 0.55 + 0 * y, 0.75 - 0.0005 * y])
    building = (y > 45) & (x > 20) & (x < 100) & ~((y > 60) & (x % 17 < 6) & (y % 13 < 6))
    picture[:, building] = torch.tensor([0.3, 0.24, 0.2])[:, None]
    for row, column, radius, level in ((20, 30, 9, 0.85), (22, 85, 12, 0.3)):
        picture[:, (y - row) ** 2 + (x - column) ** 2 < radius**2] = level
    soft = torch.from_numpy(ndimage.gaussian_filter(picture.numpy(), (0, 1, 1)))
    return (soft + 2 / 255 * torch.randn(HEIGHT, WIDTH)).clamp(0, 1)  # grey grain: of luma, 2/255


def shifted(image: Tensor) -> Tensor:
    return image.roll((2, 3), (1, 2))


def curved(image: Tensor) -> Tensor:
    return image.clamp(0, 1) ** 1.6
