"""Spectral clustering."""

from __future__ import annotations

import torch

from photostyle_native.numerics.spectral import affinity, embed, kmeans


def test_kmeans_and_normalised_cuts_find_the_clusters() -> None:
    generator = torch.Generator().manual_seed(3)
    centres = torch.tensor([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0]]).repeat_interleave(20, 0)
    points = centres + 0.2 * torch.randn(60, 2, generator=generator)
    truth = torch.arange(3).repeat_interleave(20)
    for labels in (kmeans(points, 3), kmeans(embed(affinity(points), 3)[:, :2], 3)):
        assert len({(int(a), int(b)) for a, b in zip(labels, truth, strict=True)}) == 3
    assert kmeans(points, 1).tolist() == [0] * 60
