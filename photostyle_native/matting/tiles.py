"""The Matting Laplacian between the pixels that a solver may change: tiles around them, and nothing elsewhere.

A trimap leaves a few percent of a photo open. Vectors hold those pixels only; a product copies them into tiles, runs
the kernel on the tiles as a batch, and takes them out again.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .. import ops
from .diagonal import diagonal

_INTERIOR = 32  # pixels along a tile: small enough to follow a boundary, large enough to make little of the halo


class Tiles:
    """L restricted to the free pixels, without a matrix.

    Args:
        image: the guide, (3, H, W), contiguous.
        free: (H, W), bool: the unknowns. Vectors are (C, n), the n free pixels in row-major order.
    """

    def __init__(self, image: Tensor, free: Tensor, eps: float, radius: int) -> None:
        self.eps, self.radius, self.size = eps, radius, tuple(free.shape)
        height, width = free.shape
        # A pixel meets those in the windows around it, up to 2 radius away: with that halo its row of L is whole.
        halo, interior = 2 * radius, max(_INTERIOR, 4 * radius)
        high, wide = min(height, interior + 2 * halo), min(width, interior + 2 * halo)
        down, across = _cells(free, interior).nonzero().unbind(1)
        # Tiles stay inside the image, whose border ends windows; at the border the halo is all on the other side.
        self.rows = _span(down * interior - halo, high, height)  # (T, h)
        self.columns = _span(across * interior - halo, wide, width)  # (T, w)
        self.own_rows = self.rows // interior == down[:, None]
        self.own_columns = self.columns // interior == across[:, None]
        at = (self.rows[:, :, None], self.columns[:, None, :])
        self.guide = image[:, at[0], at[1]].transpose(0, 1).contiguous()  # (T, 3, h, w)
        self.count = int(free.sum())
        number = torch.full(free.shape, self.count, dtype=torch.int32, device=free.device)
        number[free] = torch.arange(self.count, dtype=torch.int32, device=free.device)
        # For every pixel of a tile, which free pixel it is; `count` for one that is not free.
        self._source = number[at]
        owned = self.own_rows[:, :, None] & self.own_columns[:, None, :] & (self._source < self.count)
        place = owned.flatten().nonzero()[:, 0]
        self._home = torch.empty(self.count, dtype=torch.int32, device=free.device)
        self._home[self._source.flatten()[place].long()] = place.to(torch.int32)

    def spread(self, vector: Tensor) -> Tensor:
        """(C, n) -> (C, T, h, w): tiles with their halos, zero where nothing is free."""
        padded = torch.nn.functional.pad(vector, (0, 1))
        return padded.index_select(1, self._source.flatten()).view(len(vector), *self._source.shape)

    def collect(self, tiles: Tensor) -> Tensor:
        """(C, T, h, w) -> (C, n): of every free pixel, the value in the tile that it belongs to."""
        return tiles.reshape(len(tiles), -1).index_select(1, self._home)

    def product(self, vector: Tensor) -> Tensor:
        """L v for v (C, n)."""
        tiles = self.spread(vector).transpose(0, 1)
        out = ops.matting_laplacian(tiles, self.guide, eps=self.eps, radius=self.radius)
        return self.collect(out.transpose(0, 1))

    def diagonal(self) -> Tensor:
        """L_pp, (n,)."""
        return self.collect(diagonal(self.guide, self.eps, self.radius)[None])[0]


class Whole:
    """The same where every pixel is free: no copies."""

    def __init__(self, image: Tensor, eps: float, radius: int) -> None:
        self.image, self.eps, self.radius = image, eps, radius

    def product(self, vector: Tensor) -> Tensor:
        """L v for v (C, n)."""
        x = vector.view(len(vector), *self.image.shape[-2:])
        return ops.matting_laplacian(x, self.image, eps=self.eps, radius=self.radius).flatten(1)

    def diagonal(self) -> Tensor:
        """L_pp, (n,)."""
        return diagonal(self.image[None], self.eps, self.radius).flatten()


def _cells(free: Tensor, interior: int) -> Tensor:
    """Which cells of a grid have a free pixel, (ceil(H / interior), ceil(W / interior))."""
    height, width = free.shape
    padded = torch.nn.functional.pad(free, (0, -width % interior, 0, -height % interior))
    down, across = padded.shape[0] // interior, padded.shape[1] // interior
    return padded.view(down, interior, across, interior).any(3).any(1)


def _span(start: Tensor, length: int, limit: int) -> Tensor:
    start = start.clamp(min=0).clamp(max=limit - length)
    return start[:, None] + torch.arange(length, device=start.device)
