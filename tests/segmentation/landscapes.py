"""Landscapes by day and at dusk."""

from __future__ import annotations

import torch
from torch import Tensor


def landscape(height: int, width: int, horizon: float, sky: float, ground: float, seed: int = 0) -> Tensor:
    """(3, H, W): even sky of one brightness above rough ground of another; the horizon at a share of the height."""
    generator = torch.Generator().manual_seed(seed)
    image = torch.full((3, height, width), sky) * torch.tensor([0.8, 0.9, 1.0]).view(3, 1, 1)
    top = round(horizon * height)
    grain = torch.rand(1, height - top, width, generator=generator) * 0.5
    image[:, top:] = (ground + grain - 0.25).clamp(0, 1) * torch.tensor([1.0, 0.9, 0.5]).view(3, 1, 1)
    return image


DAY = landscape(160, 224, 0.4, 0.9, 0.5)


DUSK = landscape(192, 192, 0.6, 0.3, 0.15, seed=1)
