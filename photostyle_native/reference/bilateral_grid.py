"""Slicing of a bilateral grid of affine colour maps, by the definition: a pixel mixes the eight vertices around it.

A grid has shape (..., 12, D, Gh, Gw): D levels of the guide and Gh x Gw vertices over the image. The 12 values of a
vertex are, for the red, green and blue output in turn, A_r, A_g, A_b, b.

Sources: Chen, Paris, Durand: Real-time Edge-aware Image Processing with the Bilateral Grid (2007); Gharbi et al.:
Deep Bilateral Learning for Real-Time Image Enhancement (2017), eqs. 4 and 5.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor


def _axis(pixels: int, vertices: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """The vertex before each pixel along one axis, and the distance from it to the pixel in units of the grid.

    The first and the last vertex lie on the borders of the image.
    """
    position = (torch.arange(pixels, device=like.device).double() + 0.5) / pixels * (vertices - 1)
    before = position.floor().clamp(max=max(vertices - 2, 0))
    return before.long(), (position - before).to(like.dtype)


def _levels(guide: Tensor, depth: int, derivative: bool) -> tuple[Tensor, Tensor, Tensor]:
    """The level below the guide at each pixel, and the weights of this level and the next.

    With `derivative`, the weights' derivatives with respect to the guide instead. A NaN has level 0 and weight NaN.
    """
    z = guide.clamp(0, 1) * (depth - 1)
    below = z.detach().nan_to_num(0.0).floor().clamp(max=max(depth - 2, 0))
    if derivative:
        slope = (depth - 1) * ((guide >= 0) & (guide <= 1)).to(guide.dtype)
        return below.long(), -slope, slope
    return below.long(), 1 - (z - below), z - below


def _corners(guide: Tensor, shape: Sequence[int], derivative: bool) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield, for each of the 8 vertices around a pixel, its index among the D Gh Gw and its weight: (..., H, W)."""
    depth, grid_height, grid_width = shape
    y, down = _axis(guide.shape[-2], grid_height, guide)
    x, right = _axis(guide.shape[-1], grid_width, guide)
    z, lower, upper = _levels(guide, depth, derivative)
    for dz, wz in ((0, lower), (1, upper)):
        for dy, wy in ((0, 1 - down), (1, down)):
            for dx, wx in ((0, 1 - right), (1, right)):
                level = (z + dz).clamp(max=depth - 1)  # a level beyond the last one has weight zero
                row, column = (y + dy).clamp(max=grid_height - 1), (x + dx).clamp(max=grid_width - 1)
                yield (level * grid_height + row[:, None]) * grid_width + column, wz * wy[:, None] * wx


def _maps(grid: Tensor, guide: Tensor, derivative: bool) -> Tensor:
    """The interpolated map at every pixel, shape (..., 3, 4, H, W)."""
    vertices = grid.flatten(-3).expand(*guide.shape[:-2], 12, -1)
    maps = torch.zeros((), dtype=grid.dtype, device=grid.device)
    for index, weight in _corners(guide, grid.shape[-3:], derivative):
        at = index.flatten(-2).unsqueeze(-2).expand(*guide.shape[:-2], 12, -1)
        maps = maps + vertices.gather(-1, at).unflatten(-1, guide.shape[-2:]) * weight.unsqueeze(-3)
    return maps.unflatten(-3, (3, 4))


def slice_bilateral_grid(grid: Tensor, guide: Tensor, image: Tensor, derivative: bool = False) -> Tensor:
    """Recolour an image by the maps of a grid: A(p) image(p) + b(p), interpolated at (guide, y, x).

    Args:
        grid: shape (12, D, Gh, Gw), or with the batch dimensions of `image`.
        guide: shape (..., H, W), clamped to [0, 1].
        image: shape (..., 3, H, W).
        derivative: return the derivative of the result with respect to the guide instead.

    Returns:
        Shape (..., 3, H, W), not clamped.
    """
    maps = _maps(grid, guide, derivative)
    return (maps[..., :3, :, :] * image.unsqueeze(-4)).sum(-3) + maps[..., 3, :, :]


def backward_grid(
    upstream: Tensor, guide: Tensor, image: Tensor, grid_shape: Sequence[int], derivative: bool = False
) -> Tensor:
    """Gradient of `slice_bilateral_grid` with respect to the grid, for the gradient `upstream` (..., 3, H, W).

    It has shape `grid_shape`. If the grid has no batch dimensions, the gradient is summed over the batch.
    """
    homogeneous = torch.cat([image, torch.ones_like(image[..., :1, :, :])], -3)
    products = (upstream.unsqueeze(-3) * homogeneous.unsqueeze(-4)).flatten(-4, -3).flatten(-2)
    depth, grid_height, grid_width = grid_shape[-3:]
    grad = products.new_zeros(*products.shape[:-1], depth * grid_height * grid_width)
    for index, weight in _corners(guide, grid_shape[-3:], derivative):
        at = index.flatten(-2).unsqueeze(-2).expand(products.shape)
        grad = grad.scatter_add(-1, at, products * weight.flatten(-2).unsqueeze(-2))
    return (
        grad.sum_to_size(12, grad.shape[-1]).reshape(grid_shape) if len(grid_shape) == 4 else grad.reshape(grid_shape)
    )


def backward_image(upstream: Tensor, grid: Tensor, guide: Tensor, derivative: bool = False) -> Tensor:
    """Gradient of `slice_bilateral_grid` with respect to the image: A(p)^T upstream(p), shape (..., 3, H, W)."""
    return (_maps(grid, guide, derivative)[..., :3, :, :] * upstream.unsqueeze(-3)).sum(-4)


def backward_guide(upstream: Tensor, grid: Tensor, guide: Tensor, image: Tensor) -> Tensor:
    """Gradient of `slice_bilateral_grid` with respect to the guide, shape (..., H, W).

    It is the derivative with respect to the guide, times `upstream`, and zero outside [0, 1].
    """
    return (slice_bilateral_grid(grid, guide, image, True) * upstream).sum(-3)
