"""Slicing a bilateral grid and applying its maps, and the gradient to the grid, beside torch's grid_sample."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from ...reference import bilateral_grid as reference
from ..case import Case, Family, calls, check
from ..scenes import height_of, photo, views

_COPIES = 3
_GRID = (12, 9, 33, 33)
WAYS = ("ours", "grid_sample + apply", "grid_sample + apply, torch.compile")


def _with_grid_sample(grid: Tensor, at: Tensor, image: Tensor) -> Tensor:
    maps = F.grid_sample(grid[None], at, align_corners=True)[0, :, 0].unflatten(0, (3, 4))
    return (maps[:, :3] * image).sum(1) + maps[:, 3]


def build(device: torch.device, width: int) -> Case:
    height = height_of(width)
    images = views(photo(width).to(device), _COPIES)
    guides = [i.mean(0).contiguous() for i in images]
    grid, upstream = torch.randn(_GRID, device=device), torch.randn_like(images[0])
    forward = torch.ops.photostyle.slice_bilateral_grid
    backward = torch.ops.photostyle.slice_bilateral_grid_backward_grid
    wanted = grid.clone().requires_grad_()

    def ours(g: Tensor, i: Tensor) -> tuple[Tensor, Tensor]:
        return forward(grid, g, i, False), backward(upstream, g, i, grid.shape, False)

    def stepping(slice_and_apply: Callable[..., Tensor]) -> Callable[..., tuple[Tensor, Tensor]]:
        def step(at: Tensor, i: Tensor) -> tuple[Tensor, Tensor]:
            out = slice_and_apply(wanted, at, i)
            return out.detach(), torch.autograd.grad(out, wanted, upstream)[0]

        return step

    theirs = stepping(_with_grid_sample)
    # With align_corners, -1 and 1 are the outer vertices. This package has these on the borders of the picture.
    y = ((torch.arange(height, device=device) + 0.5) / height * 2 - 1)[:, None].expand(height, width)
    x = ((torch.arange(width, device=device) + 0.5) / width * 2 - 1).expand(height, width)
    places = [torch.stack([x, y, g * 2 - 1], -1)[None, None] for g in guides]
    pixels = height * width
    case = Case(pixels, bytes=56.0 * pixels, operations=(114.0 + 120.0) * pixels)
    part = [t[..., : max(height // 8, 1), :] for t in (upstream, guides[0], images[0])]
    truth = reference.backward_grid(part[0].double(), part[1].double(), part[2].double(), grid.shape)
    check("ours, gradient to the grid", backward(*part, grid.shape, False), truth, 1e-6)
    for name, mine, other in zip(
        ("slice", "gradient"), ours(guides[0], images[0]), theirs(places[0], images[0]), strict=True
    ):
        check(f"ours against grid_sample, {name}", mine, other, 1e-4)
    case.ways["ours"] = calls(ours, zip(guides, images, strict=True))
    pairs = list(zip(places, images, strict=True))
    case.ways["grid_sample + apply"] = calls(theirs, pairs)
    case.offer_compiled("grid_sample + apply, torch.compile", _with_grid_sample, pairs, stepping)
    return case


FAMILY = Family("bilateral_grid", "Bilateral grid: slice, apply, gradient to the grid", WAYS, build)
