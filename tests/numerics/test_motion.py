"""Bringing one frame to another, and where that can be trusted."""

from __future__ import annotations

import torch
from pictures import smooth_picture

from photostyle_native.numerics.motion import agreement, warped


def test_a_picture_comes_back_from_where_it_went() -> None:
    scene = smooth_picture(60, 80)
    first, second = scene[:, 5:45, 10:60], scene[:, 8:48, 14:64]
    flow = torch.tensor([-3.0, -4.0]).view(2, 1, 1).expand(2, 40, 50)  # from the first to the second
    torch.testing.assert_close(warped(first, torch.zeros(2, 40, 50)), first, atol=1e-5, rtol=0)
    inside = (slice(None), slice(3, None), slice(4, None))
    torch.testing.assert_close(warped(second, flow)[inside], first[inside], atol=1e-5, rtol=0)


def test_flows_agree_where_they_lead_back_and_stay_inside() -> None:
    there = torch.tensor([-3.0, -4.0]).view(2, 1, 1).repeat(1, 40, 50)
    share = agreement(there, -there)
    assert share[3:, 4:].all()
    assert not share[:3].any()
    assert not share[:, :4].any()
    assert not agreement(there, there).any()
