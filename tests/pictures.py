"""Small pictures that many tests use."""

from __future__ import annotations

import torch


def smooth_picture(height: int, width: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """A colourful picture with soft and hard edges and a little grain, (3, H, W) in [0, 1]."""
    y = torch.linspace(0, 1, height, dtype=torch.float64)[:, None]
    x = torch.linspace(0, 1, width, dtype=torch.float64)[None, :]
    planes = [0.5 + 0.4 * torch.sin(5 * x + 3 * y), 0.2 + 0.6 * y + 0 * x, ((x + y) > 0.9) * 0.5 + 0.2 * x]
    grain = torch.rand(3, height, width, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    return (torch.stack(planes) + 0.05 * grain).clamp(0, 1).to(dtype)
