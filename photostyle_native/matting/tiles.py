"""The Matting Laplacian restricted to the pixels that a solver may change, computed on tiles around them.

A trimap leaves only a few percent of a photo unknown. Vectors hold only those pixels. A product copies them into
tiles, runs the kernel on the tiles as a batch, and reads the results from the tiles.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .. import ops
from .diagonal import diagonal

_INTERIOR = 32  # side of a tile without halo, in pixels: small enough to follow a boundary, large against the halo


class Tiles:
    """The Laplacian L restricted to the free pixels, without a stored matrix.

    Vectors are (C, n), with the n free pixels in row-major order.

    Args:
        image: the guide, (3, H, W), contiguous.
        free: (H, W), bool; true at the unknown pixels.
        eps, radius: the parameters of L.
    """

    def __init__(self, image: Tensor, free: Tensor, eps: float, radius: int) -> None:
        self.eps, self.radius, self.size = eps, radius, tuple(free.shape)
        height, width = free.shape
        # The row of a pixel in L refers to pixels up to 2 radius away, so tiles get a halo of this width.
        halo, interior = 2 * radius, max(_INTERIOR, 4 * radius)
        high, wide = min(height, interior + 2 * halo), min(width, interior + 2 * halo)
        down, across = _cells(free, interior).nonzero().unbind(1)
        # Tiles stay inside the image, because windows do. At the border the whole halo is on the opposite side.
        self.rows = _span(down * interior - halo, high, height)  # (T, h)
        self.columns = _span(across * interior - halo, wide, width)  # (T, w)
        self.own_rows = self.rows // interior == down[:, None]
        self.own_columns = self.columns // interior == across[:, None]
        at = (self.rows[:, :, None], self.columns[:, None, :])
        self.guide = image[:, at[0], at[1]].transpose(0, 1).contiguous()  # (T, 3, h, w)
        self.count = int(free.sum())
        number = torch.full(free.shape, self.count, dtype=torch.int32, device=free.device)
        number[free] = torch.arange(self.count, dtype=torch.int32, device=free.device)
        # For every pixel of a tile, its number among the free pixels, or `count` if it is not free.
        self._source = number[at]
        owned = self.own_rows[:, :, None] & self.own_columns[:, None, :] & (self._source < self.count)
        place = owned.flatten().nonzero()[:, 0]
        self._home = torch.empty(self.count, dtype=torch.int32, device=free.device)
        self._home[self._source.flatten()[place].long()] = place.to(torch.int32)

    def spread(self, vector: Tensor) -> Tensor:
        """Copy vectors (C, n) into tiles with their halos, (C, T, h, w), zero at pixels that are not free."""
        padded = torch.nn.functional.pad(vector, (0, 1))
        return padded.index_select(1, self._source.flatten()).view(len(vector), *self._source.shape)

    def collect(self, tiles: Tensor) -> Tensor:
        """Read vectors (C, n) from tiles (C, T, h, w), each free pixel from the tile whose interior contains it."""
        return tiles.reshape(len(tiles), -1).index_select(1, self._home)

    def product(self, vector: Tensor) -> Tensor:
        """The product L v for v of shape (C, n)."""
        tiles = self.spread(vector).transpose(0, 1)
        out = ops.matting_laplacian(tiles, self.guide, eps=self.eps, radius=self.radius)
        return self.collect(out.transpose(0, 1))

    def diagonal(self) -> Tensor:
        """The diagonal entries L_pp, (n,)."""
        return self.collect(diagonal(self.guide, self.eps, self.radius)[None])[0]


class Whole:
    """The counterpart of `Tiles` where every pixel is free; it needs no copies."""

    def __init__(self, image: Tensor, eps: float, radius: int) -> None:
        self.image, self.eps, self.radius = image, eps, radius

    def product(self, vector: Tensor) -> Tensor:
        """The product L v for v of shape (C, n)."""
        x = vector.view(len(vector), *self.image.shape[-2:])
        return ops.matting_laplacian(x, self.image, eps=self.eps, radius=self.radius).flatten(1)

    def diagonal(self) -> Tensor:
        """The diagonal entries L_pp, (n,)."""
        return diagonal(self.image[None], self.eps, self.radius).flatten()


def _cells(free: Tensor, interior: int) -> Tensor:
    """Whether each cell of a grid contains a free pixel, (ceil(H / interior), ceil(W / interior)), bool."""
    height, width = free.shape
    padded = torch.nn.functional.pad(free, (0, -width % interior, 0, -height % interior))
    down, across = padded.shape[0] // interior, padded.shape[1] // interior
    return padded.view(down, interior, across, interior).any(3).any(1)


def _span(start: Tensor, length: int, limit: int) -> Tensor:
    start = start.clamp(min=0).clamp(max=limit - length)
    return start[:, None] + torch.arange(length, device=start.device)
