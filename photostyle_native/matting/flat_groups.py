"""A correction for photos that were enlarged by repeating their pixels, to be added to a preconditioner.

A 3 x 3 window of such a photo has at most four colours, and an affine function of colour takes any four values. So L
is nearly zero, a multiple of eps, on every picture that has one value for each group of connected pixels with one
colour, while it is about one within a group: conjugate gradients need more than a thousand iterations. On pictures of
this kind the system is small, and is solved here exactly (a coarse space of aggregates, as in Vanek, Mandel, Brezina:
*Algebraic multigrid by smoothed aggregation*, 1996, but without smoothing).
"""

from __future__ import annotations

import numpy as np
import scipy.sparse  # type: ignore[import-untyped]
import torch
from scipy.sparse.csgraph import connected_components  # type: ignore[import-untyped]
from scipy.sparse.linalg import splu  # type: ignore[import-untyped]
from torch import Tensor

from .matrix_entries import matrix_entries
from .tiles import Tiles

_SHARE = 0.5  # of the free pixels that must have a neighbour of their colour; photos as cameras make them have less
_GROUPS = 1 << 20  # the largest number of groups, whose factors take about 1.6 kB each, and together 15 s
_FLOOR = 1e-12  # added to the diagonal, for groups that neither a window nor a weight determines


class FlatGroups:
    """The map v -> P (P^T A P)^-1 P^T v, where P repeats a value for each group of equal pixels over its pixels.

    Args:
        groups: (n,), the group of each free pixel; `count` for a pixel without a neighbour of its colour.
        count: the number of groups.
        matrix: P^T A P.
    """

    def __init__(self, groups: Tensor, count: int, matrix: scipy.sparse.csc_array) -> None:
        self.groups, self.count = groups, count
        # Without pivoting the factors keep the sparsity that the ordering found; A is symmetric positive definite.
        self._factors = splu(
            matrix, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True}
        )

    def __call__(self, vector: Tensor) -> Tensor:
        """The correction (C, n) for a residual (C, n)."""
        sums = vector.new_zeros(len(vector), self.count + 1, dtype=torch.float64)
        sums.index_add_(1, self.groups, vector.double())
        solved = self._factors.solve(np.ascontiguousarray(sums[:, :-1].T.cpu().numpy()))
        sums[:, :-1] = torch.from_numpy(solved.T.copy()).to(sums.device)
        sums[:, -1] = 0
        return sums.index_select(1, self.groups).to(vector.dtype)


def flat_groups(image: Tensor, free: Tensor, weights: Tensor, eps: float, radius: int) -> FlatGroups | None:
    """The correction for A = L + diag(weights) on the free pixels, or None for a photo that does not need it.

    Args:
        image: the guide, (3, H, W).
        free: (H, W), bool; true at the n unknown pixels.
        weights: (n,).
        eps, radius: the parameters of L.
    """
    pairs = _equal_neighbors(image, free)
    grouped = torch.zeros_like(free).flatten()
    grouped[pairs.flatten()] = True
    if not bool(grouped.sum() >= _SHARE * free.sum()):
        return None
    groups, count = _numbers(pairs, grouped, free)
    if count > _GROUPS:
        return None
    product = Tiles(image.double(), free, eps, radius).product
    size = (count + 1, count + 1)
    total = scipy.sparse.csr_array(size)
    for rows, columns, values in matrix_entries(product, free, radius):
        pair = groups[rows].cpu().numpy(), groups[columns].cpu().numpy()
        total += scipy.sparse.coo_array((values.cpu().numpy(), pair), shape=size).tocsr()
    added = np.bincount(groups.cpu().numpy(), weights.double().cpu().numpy(), minlength=count + 1) + _FLOOR
    matrix = (total + scipy.sparse.diags_array(added)).tocsc()[:count, :count]
    return FlatGroups(groups, count, matrix)


def _equal_neighbors(image: Tensor, free: Tensor) -> Tensor:
    """The pairs of neighbouring free pixels of one colour, (2, m), as row-major numbers of pixels."""
    at = torch.arange(free.numel(), device=free.device).view(free.shape)
    pairs = []
    for dim in (0, 1):
        length = free.shape[dim] - 1
        near, far = ([x.narrow(d, k, length) for x, d in ((image, dim + 1), (free, dim), (at, dim))] for k in (0, 1))
        same = (near[0] == far[0]).all(0) & near[1] & far[1]
        pairs.append(torch.stack([near[2][same], far[2][same]]))
    return torch.cat(pairs, 1)


def _numbers(pairs: Tensor, grouped: Tensor, free: Tensor) -> tuple[Tensor, int]:
    """The group of each free pixel, (n,), the number of groups for a pixel of none; and the number of groups."""
    first, second = pairs.cpu().numpy()
    graph = scipy.sparse.coo_array((np.ones(len(first), bool), (first, second)), shape=(free.numel(),) * 2)
    labels = torch.from_numpy(connected_components(graph, directed=False)[1]).to(free.device)
    names, groups = labels[grouped].unique(return_inverse=True)
    numbers = torch.full_like(labels, len(names), dtype=torch.int64)
    numbers[grouped] = groups
    return numbers[free.flatten()], len(names)
