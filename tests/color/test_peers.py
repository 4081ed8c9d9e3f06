"""Colour transfers of other packages: they run, and what is the same method gives the same picture."""

from __future__ import annotations

import pytest
import torch
from optional_packages import need
from pictures import smooth_picture

from photostyle_native.color.methods import METHODS
from photostyle_native.color.peers import PEERS, installed, peer


@pytest.mark.parametrize("name", PEERS)
def test_every_peer_runs(name: str) -> None:
    need(PEERS[name][0])
    assert installed(name)
    content, style = smooth_picture(40, 50), 0.2 + 0.5 * smooth_picture(30, 40).flip(0)
    result = peer(name)(content, style)
    assert result.shape == content.shape
    assert result.dtype == torch.float32
    assert 0 <= float(result.min()) <= float(result.max()) <= 1
    before, after = ((image.mean((1, 2)) - style.mean((1, 2))).abs().max() for image in (content, result))
    assert after < before


def test_the_linear_map_is_that_of_color_matcher() -> None:
    need("color_matcher")
    content, style = smooth_picture(40, 50), 0.3 + 0.4 * smooth_picture(30, 40).flip(0)
    ours = METHODS["mk"](content, style, torch.ones(1, 40, 50), torch.ones(1, 30, 40))
    torch.testing.assert_close(ours, peer("color-matcher mkl")(content, style), atol=0.02, rtol=0)
