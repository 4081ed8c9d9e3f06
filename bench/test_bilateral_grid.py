"""Slicing a bilateral grid and applying the maps: ours against torch's grid_sample of all 12 coefficients."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from conftest import photo
from torch import Tensor

from photostyle_native import ops
from photostyle_native.reference import bilateral_grid as reference

SIZES = {"350 px": (350, (9, 33, 33)), "700 px": (700, (9, 33, 33)), "2048 px": (2048, (8, 16, 16))}
WAYS = ["ours", "grid_sample + apply"]


def with_grid_sample(grid: Tensor, guide: Tensor, image: Tensor) -> Tensor:
    """The same function: align_corners puts -1 and 1 on the outer vertices."""
    height, width = guide.shape
    y = ((torch.arange(height, device=guide.device) + 0.5) / height * 2 - 1)[:, None].expand(height, width)
    x = ((torch.arange(width, device=guide.device) + 0.5) / width * 2 - 1).expand(height, width)
    at = torch.stack([x, y, guide.clamp(0, 1) * 2 - 1], -1)[None, None]
    maps = F.grid_sample(grid[None], at, align_corners=True)[0, :, 0].view(3, 4, height, width)
    return (maps[:, :3] * image).sum(1) + maps[:, 3]


def _slice(how: str, grid: Tensor, guide: Tensor, image: Tensor) -> Tensor:
    return (ops.slice_bilateral_grid if how == "ours" else with_grid_sample)(grid, guide, image)


def _data(size: str) -> tuple[Tensor, Tensor, Tensor]:
    width, grid = SIZES[size]
    image = photo(width)
    return torch.randn(12, *grid), image.mean(0), image


@pytest.mark.parametrize("size", list(SIZES))
@pytest.mark.parametrize("how", WAYS)
def test_slice(benchmark: Any, how: str, size: str) -> None:
    benchmark.group = f"bilateral grid slice {size}"
    grid, guide, image = _data(size)
    truth = reference.slice_bilateral_grid(grid, guide, image)
    assert (_slice(how, grid, guide, image) - truth).norm() <= 1e-5 * truth.norm()
    benchmark(lambda: _slice(how, grid, guide, image))


@pytest.mark.parametrize("size", list(SIZES))
@pytest.mark.parametrize("how", WAYS)
def test_gradient_to_the_grid(benchmark: Any, how: str, size: str) -> None:
    benchmark.group = f"bilateral grid slice + gradient to the grid {size}"
    grid, guide, image = _data(size)
    upstream = torch.randn_like(image)
    grid.requires_grad_()

    def step() -> Tensor:
        return torch.autograd.grad(_slice(how, grid, guide, image), grid, upstream)[0]

    truth = reference.backward_grid(upstream, guide, image, grid.shape)
    assert (step() - truth).norm() <= 1e-5 * truth.norm()
    benchmark(step)
