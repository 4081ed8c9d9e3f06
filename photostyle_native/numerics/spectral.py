"""Spectral clustering by normalised cuts, into clusters whose points are more alike than those of different clusters.

J. Shi, J. Malik: *Normalized Cuts and Image Segmentation* (PAMI 2000). Several clusters at once come from k-means of
the eigenvectors, as in M. Meila, J. Shi: *A Random Walks View of Spectral Segmentation* (AISTATS 2001).
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.sparse.linalg import eigsh  # type: ignore[import-untyped]
from torch import Tensor

_SIGMA = 0.25  # width of the kernel, as a multiple of the median distance
_RESTARTS, _ROUNDS = 10, 60  # of k-means: the number of starts, and the largest number of rounds of each


def affinity(points: Tensor) -> Tensor:
    """The similarities exp(-d^2 / (2 sigma^2)) of points (n, D) at distances d, (n, n).

    sigma is `_SIGMA` times the median distance, which for many points is estimated from a sample of the pairs.
    """
    squared = torch.cdist(points, points).square_()
    typical = float(squared.flatten()[:: max(1, squared.numel() // 1_000_000)].median())
    return torch.exp_(squared.mul_(-1 / (2 * _SIGMA**2 * max(typical, 1e-12))))


def embed(weights: Tensor, dimensions: int) -> Tensor:
    """Embed the nodes of a graph with weights W, (n, n), so that nodes are close if random walks treat them alike.

    The result, (n, dimensions) float32, has the eigenvectors of D^-1 W with the largest eigenvalues in descending
    order, without the constant one. The root mean square of each is its eigenvalue, or zero if that is negative.
    """
    degree = weights.sum(1)
    root = degree.rsqrt()
    symmetric = (root[:, None] * weights * root).numpy()
    start = np.random.default_rng(0).standard_normal(len(weights)).astype(np.float32)
    values, vectors = eigsh(symmetric, k=dimensions + 1, which="LA", v0=start, tol=1e-5)
    order = np.argsort(-values)[1:]
    walk = torch.from_numpy(vectors[:, order].copy()) * root[:, None]
    return walk / walk.square().mean(0).sqrt().clamp_min(1e-12) * torch.from_numpy(values[order].copy()).clamp_min(0)


def kmeans(points: Tensor, count: int) -> Tensor:
    """Divide points (n, D) into `count` clusters by k-means, the best of several starts by k-means++.

    Returns the number of each point's cluster, (n,) int64. Every call gives the same result.
    """
    if count == 1:
        return torch.zeros(len(points), dtype=torch.long)
    generator = torch.Generator().manual_seed(0)
    best, labels = float("inf"), torch.zeros(len(points), dtype=torch.long)
    for _ in range(_RESTARTS):
        centres = _spread(points, count, generator)
        for _ in range(_ROUNDS):
            found = torch.cdist(points, centres).argmin(1)
            members = torch.nn.functional.one_hot(found, count).to(points)
            size = members.sum(0)[:, None]
            moved = torch.where(size > 0, members.mT @ points / size.clamp_min(1), centres)
            if torch.equal(moved, centres):
                break
            centres = moved
        distance, found = torch.cdist(points, centres).min(1)
        error = float(distance.square().sum())
        if error < best:
            best, labels = error, found
    return labels


def _spread(points: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Draw starting centres that tend to be far from each other: Arthur, Vassilvitskii, k-means++ (2007)."""
    centres = points[torch.randint(len(points), (1,), generator=generator)]
    while len(centres) < count:
        squared = torch.cdist(points, centres).amin(1).square() + 1e-12
        centres = torch.cat((centres, points[torch.multinomial(squared, 1, generator=generator)]))
    return centres
