"""Regions that two photos share, found on the cells of both: how many, which, and how well they match.

The cells of both photos are nodes of one graph, so normalised cuts find a region in both photos at once. The cuts
give clusters of cells. A cluster that only one photo has joins the cluster to which it is connected most strongly. A
region matches if those cells of the other photo that look most like its own belong to the same region.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..numerics.spectral import embed, kmeans

_GROUPS = 12  # most clusters, before those that only one photo has join others
_SHARED = 0.01  # a cluster with less than this share of a photo counts as one that only the other photo has
_NEIGHBOURS = 10  # most cells of the other photo that a cell is compared with
_NEIGHBOURHOOD = 0.05  # the same as a share of the smaller photo's cells: on a tiny photo ten cells are half of it
_MOST_CHOSEN = 5  # most regions, if their number is not given
CONFIDENT = 0.65  # `choose` makes no division in which a region has less confidence
_LOSS = 0.03  # the confidence that one more region may cost


@dataclass(frozen=True, eq=False)
class Division:
    """The regions of all cells, those of the content first.

    labels      (n + n',) int64, from 0.
    confidence  (K,): each cell of a region has most similar cells in the other photo; this is the share of them in
                the same region, averaged over the region, the lower value of the two photos. 1 for a single region.
    """

    labels: Tensor
    confidence: Tensor

    @property
    def count(self) -> int:
        """Number of regions."""
        return len(self.confidence)


class Divider:
    """Divides the cells of two photos, a graph with `weights` (n + n', n + n'); the first `n` are the content's."""

    def __init__(self, weights: Tensor, n: int) -> None:
        self._weights, self._n = weights, n
        self._degree = weights.sum(1)
        self._groups: dict[int, Tensor] = {}
        self._walk: Tensor | None = None
        k = max(2, min(_NEIGHBOURS, round(_NEIGHBOURHOOD * min(n, len(weights) - n))))
        across = weights[:n, n:]
        self._alike = across.topk(k, 1).indices + n, across.topk(k, 0).indices.mT

    def divide(self, count: int) -> Division:
        """Find `count` regions that both photos have; fewer if there are no more."""
        best = torch.zeros_like(self._degree, dtype=torch.long)
        for groups in range(count, max(_GROUPS, count) + 1 if count > 1 else count):
            labels = self._shared(self._group(groups))
            found = int(labels.max()) + 1
            while found > count:
                labels, found = self._join(labels, self._closest(labels)), found - 1
            if found > int(best.max()) + 1:
                best = labels
            if found == count:
                break
        return Division(best, self.confidence(best))

    def choose(self) -> tuple[Division, float]:
        """Find as many regions as match; also returns the lowest confidence in the first division that was rejected.

        That confidence is 1 if none was rejected, and 0 if there was nothing to divide.
        """
        chosen, turned_down, floor = self.divide(1), 1.0, CONFIDENT
        for count in range(2, _MOST_CHOSEN + 1):
            division = self.divide(count)
            lowest = float(division.confidence.min())
            if division.count < count or lowest < floor:
                turned_down = lowest if division.count > 1 else 0.0
                break
            chosen, floor = division, max(floor, lowest - _LOSS)
        return chosen, turned_down

    def confidence(self, labels: Tensor) -> Tensor:
        """The confidence of each label, (K,); see `Division`."""
        count = int(labels.max()) + 1
        chosen = F.one_hot(labels, count).float()
        shares = []
        for own, alike in zip((slice(self._n), slice(self._n, None)), self._alike, strict=True):
            votes = chosen[alike].mean(1)  # (cells, K)
            shares.append((chosen[own] * votes).sum(0) / chosen[own].sum(0).clamp_min(1))
        return torch.minimum(*shares)

    def _group(self, count: int) -> Tensor:
        if self._walk is None:
            self._walk = embed(self._weights, min(_GROUPS, len(self._weights) - 2))
        if count not in self._groups:
            self._groups[count] = kmeans(self._walk[:, : max(1, count - 1)], count)
        return self._groups[count]

    def _shared(self, labels: Tensor) -> Tensor:
        """Join each cluster that only one photo has to the cluster with the strongest connection to it."""
        labels = _from_zero(labels)
        while (count := int(labels.max()) + 1) > 1:
            both = (labels[: self._n], labels[self._n :])
            shares = torch.stack([torch.bincount(part, minlength=count) / len(part) for part in both]).amin(0)
            if float(shares.min()) >= _SHARED:
                break
            lone = int(shares.argmin())
            chosen = F.one_hot(labels, count).to(self._degree)
            bonds = chosen.mT @ (self._weights @ chosen[:, lone]) / (chosen.mT @ self._degree)
            bonds[lone] = -1
            labels = self._join(labels, (lone, int(bonds.argmax())))
        return labels

    def _closest(self, labels: Tensor) -> tuple[int, int]:
        """The two clusters with the most weight between them, relative to their sizes."""
        chosen = F.one_hot(labels).to(self._degree)
        volume = chosen.mT @ self._degree
        bonds = chosen.mT @ self._weights @ chosen / (volume[:, None] * volume)
        bonds.fill_diagonal_(-1)
        first, second = divmod(int(bonds.argmax()), len(bonds))
        return second, first

    @staticmethod
    def _join(labels: Tensor, pair: tuple[int, int]) -> Tensor:
        """Make the first of two clusters part of the second."""
        return _from_zero(torch.where(labels == pair[0], pair[1], labels))


def _from_zero(labels: Tensor) -> Tensor:
    return torch.unique(labels, return_inverse=True)[1]
