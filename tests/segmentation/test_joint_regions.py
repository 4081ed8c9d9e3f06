"""Regions of two photos that correspond, and how well they do."""

from __future__ import annotations

import torch

from photostyle_native.numerics.spectral import affinity
from photostyle_native.segmentation.joint_regions import Divider


def two_photos(content: list[float], style: list[float]) -> Divider:
    """Cells at points of a line, 20 at each."""
    points = torch.tensor([*content, *style]).repeat_interleave(20)[:, None]
    jitter = torch.linspace(-0.05, 0.05, 20).repeat(len(content) + len(style))[:, None]
    return Divider(affinity(points + jitter), 20 * len(content))


def test_a_group_that_one_photo_lacks_joins_another() -> None:
    divider = two_photos([0.0, 1.0, 5.0], [0.0, 5.0])
    division = divider.divide(2)
    assert division.count == 2
    at = division.labels[::20].tolist()
    assert at[0] == at[1] == at[3] != at[2] == at[4]  # 1 is nearer to 0 than to 5
    assert divider.divide(3).count <= 3


def test_confidence_is_the_share_of_likes_with_the_same_label() -> None:
    divider = two_photos([0.0, 5.0], [0.0, 5.0])
    same = torch.tensor([0, 1, 0, 1]).repeat_interleave(20)
    assert divider.confidence(same).tolist() == [1.0, 1.0]
    crossed = torch.tensor([0, 1, 1, 0]).repeat_interleave(20)
    assert divider.confidence(crossed).tolist() == [0.0, 0.0]
    chosen, _ = divider.choose()
    assert chosen.count >= 2
