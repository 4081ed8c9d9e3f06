"""A multilevel preconditioner for the Matting Laplacian, whose coarse functions are locally affine in colour.

Conjugate gradients converge slowly on pictures that are locally an affine function of the guide's colours, because
L is nearly zero on them (Levin et al. 2008 construct L so). The coarse pictures of common multigrid, which are
interpolated, are not of this kind where the guide has detail. Here every node of a coarse grid has an affine function
of colour, and these are interpolated linearly between the nodes: x(p) = sum_j hat_j(p) (a_j . I_p + b_j). The spaces
of spacing 4, 16, 64, ... are nested. On each, the 4 x 4 block of every node is inverted, and the corrections of all
spaces are added (Bramble, Pasciak, Xu: *Parallel multilevel preconditioners*, 1990), so no coarse matrix is stored.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from .tiles import Tiles

_SPACING = 4  # pixels from node to node of the finest grid; nodes of a grid from node to node of the next
_COARSEST = 16  # the largest number of nodes of the coarsest grid in either direction
_APART = 3  # nodes; the functions of nodes that are this far apart do not interact
_RIDGE = 1e-5  # added to blocks with unit diagonal, which are singular where the guide has a single colour


class AffinePreconditioner:
    """The map v -> M v, where M approximates the inverse of A = L + diag(weights) on the free pixels of `tiles`.

    Args:
        tiles: L on the n free pixels.
        operator: the map v -> A v for v of shape (C, n).
        diagonal: the diagonal of A, (n,), positive.
    """

    def __init__(self, tiles: Tiles, operator: Callable[[Tensor], Tensor], diagonal: Tensor) -> None:
        self._tiles, self._diagonal = tiles, diagonal
        height, width = tiles.size
        dtype = tiles.guide.dtype
        hat_rows, rows = _hats(tiles.rows, tiles.own_rows, height, dtype)
        hat_columns, columns = _hats(tiles.columns, tiles.own_columns, width, dtype)
        self._hat_rows, self._hat_columns = hat_rows[:, None], hat_columns[:, None]  # (T, 1, k, h) and (T, 1, k, w)
        self._shape = (_nodes(height), _nodes(width))
        self._nodes = (rows[:, :, None] * self._shape[1] + columns[:, None, :]).flatten()
        centred = tiles.guide - tiles.guide.mean((0, 2, 3), keepdim=True)
        self._basis = torch.cat([torch.ones_like(centred[:, :1]), centred], 1)  # (T, 4, h, w)
        self._grids = [self._shape]  # nodes down and across, finest first
        while max(self._grids[-1]) > _COARSEST:
            self._grids.append((_nodes(self._grids[-1][0]), _nodes(self._grids[-1][1])))
        self._inverses = [self._invert(level, operator) for level in range(len(self._grids))]

    def __call__(self, vector: Tensor) -> Tensor:
        level = self._restrict(vector)
        pieces = [self._inverses[0](level)]
        for inverse in self._inverses[1:]:
            level = _coarser(_coarser(level, -2), -1)
            pieces.append(inverse(level))
        total = pieces.pop()
        for piece in pieces[::-1]:
            total = piece + _finer(_finer(total, piece.shape[-1], -1), piece.shape[-2], -2)
        return self._prolong(total).add_(vector / self._diagonal)

    def _restrict(self, vector: Tensor) -> Tensor:
        """Apply the adjoint of `_prolong`: from (C, n) to (C, 4, nodes down, nodes across)."""
        out = vector.new_zeros(len(vector), 4, self._shape[0] * self._shape[1])
        for into, tiles in zip(out, self._tiles.spread(vector), strict=True):
            moments = tiles[:, None] * self._basis @ self._hat_columns.mT
            local = self._hat_rows @ moments  # (T, 4, k, k)
            into.index_add_(1, self._nodes, local.transpose(0, 1).reshape(4, -1))
        return out.view(len(vector), 4, *self._shape)

    def _prolong(self, coefs: Tensor) -> Tensor:
        """Evaluate the nodes' affine functions at the free pixels: (C, 4, nodes down, nodes across) to (C, n)."""
        out = []
        high, wide = self._hat_rows.shape[-2], self._hat_columns.shape[-2]
        for function in coefs.flatten(2):
            local = function.index_select(1, self._nodes).view(4, -1, high, wide).transpose(0, 1)
            blended = self._hat_rows.mT @ (local @ self._hat_columns)  # (T, 4, h, w)
            out.append(self._tiles.collect(blended.mul_(self._basis).sum(1)[None]))
        return torch.cat(out)

    def _invert(self, level: int, operator: Callable[[Tensor], Tensor]) -> _Blocks:
        """The inverses of the diagonal blocks that A has for the nodes of one level.

        One application of `operator` gives the same column of the blocks of every third node in both directions.
        """
        shape = self._grids[level]
        block = self._basis.new_zeros(4, 4, *shape)
        for i in range(min(_APART, shape[0])):
            for j in range(min(_APART, shape[1])):
                probe = torch.zeros_like(block)
                for k in range(4):
                    probe[k, k, i::_APART, j::_APART] = 1
                for high, wide in self._grids[:level][::-1]:
                    probe = _finer(_finer(probe, wide, -1), high, -2)
                answer = self._restrict(operator(self._prolong(probe)))
                for _ in range(level):
                    answer = _coarser(_coarser(answer, -2), -1)
                block[..., i::_APART, j::_APART] = answer[..., i::_APART, j::_APART]
        return _Blocks(block)


class _Blocks:
    """The inverse of a block-diagonal matrix with a block per node; zero blocks stay zero.

    A zero block belongs to a node without free pixels nearby.

    Args:
        blocks: (4, 4, nodes down, nodes across).
    """

    def __init__(self, blocks: Tensor) -> None:
        flat = blocks.flatten(2).permute(2, 0, 1)
        self._at = flat.diagonal(dim1=-2, dim2=-1).amax(-1).gt(0).nonzero()[:, 0]
        some = flat[self._at].double()
        scale = some.diagonal(dim1=-2, dim2=-1).clamp(min=0).sqrt()
        scale = torch.where(scale > 0, 1 / scale.clamp(min=1e-30), 0.0)
        some = (some + some.mT) / 2 * scale[:, :, None] * scale[:, None, :]
        values, vectors = torch.linalg.eigh(some)
        inverse = (vectors / (values.clamp(min=0) + _RIDGE)[:, None, :]) @ vectors.mT
        self._inverse = (inverse * scale[:, :, None] * scale[:, None, :]).to(blocks.dtype)

    def __call__(self, level: Tensor) -> Tensor:
        """Multiply coefficients (C, 4, nodes down, nodes across) by the inverse blocks; the shape stays."""
        flat = level.flatten(2)
        out = torch.zeros_like(flat)
        solved = self._inverse @ flat[:, :, self._at].permute(2, 1, 0)  # (nodes, 4, C)
        out[:, :, self._at] = solved.permute(2, 1, 0)
        return out.view_as(level)


def _nodes(size: int) -> int:
    """The number of nodes whose grid covers `size` points."""
    return -(-(size - 1) // _SPACING) + 1


def _hats(at: Tensor, owned: Tensor, size: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """The interpolation weights of k nodes for the rows `at` (T, h) of T tiles: (T, k, h), and the nodes, (T, k).

    Weights are zero for rows that do not belong to the tile (`owned`). `size` is the picture's number of rows.
    """
    count = (at.shape[1] - 1) // _SPACING + 2
    nodes = at[:, :1] // _SPACING + torch.arange(count, device=at.device)
    weights = (1 - (at[:, None, :] / _SPACING - nodes[:, :, None]).abs()).clamp(min=0) * owned[:, None, :]
    return weights.to(dtype), nodes.clamp(max=_nodes(size) - 1)  # beyond the last node all weights are zero


def _slices(size: int, dim: int) -> list[tuple[float, tuple[Any, ...]]]:
    """For every offset from a coarse node within its hat, the weight and the slice of a padded grid at the offset."""
    span = _SPACING * (_nodes(size) - 1) + 1
    tail = (slice(None),) * (-1 - dim)
    return [
        (1 - abs(k) / _SPACING, (..., slice(k + _SPACING - 1, k + _SPACING - 1 + span, _SPACING), *tail))
        for k in range(1 - _SPACING, _SPACING)
    ]


def _padded(size: int) -> int:
    return _SPACING * (_nodes(size) - 1) + 2 * _SPACING - 1


def _coarser(x: Tensor, dim: int) -> Tensor:
    """Sum a grid with the weights of the next grid's hats, in the dimension `dim`, which is negative."""
    size = x.shape[dim]
    after = _padded(size) - size - (_SPACING - 1)
    padded = torch.nn.functional.pad(x, (0, 0) * (-1 - dim) + (_SPACING - 1, after))
    (first, at), *rest = _slices(size, dim)
    out = first * padded[at]
    for weight, at in rest:
        out.add_(padded[at], alpha=weight)
    return out


def _finer(x: Tensor, size: int, dim: int) -> Tensor:
    """Interpolate linearly to `size` nodes, the adjoint of `_coarser`."""
    shape = list(x.shape)
    shape[dim] = _padded(size)
    out = x.new_zeros(shape)
    for weight, at in _slices(size, dim):
        out[at].add_(x, alpha=weight)
    return out.narrow(dim, _SPACING - 1, size)
