"""Bounds of hue and chroma, exact at both ends of the dial."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from photostyle_native.color.mixing import to_lab
from photostyle_native.color.skin_tones import natural_skin, skin_bounds
from photostyle_native.errors import PhotostyleError

SKIN = torch.tensor((0.8, 0.6, 0.5)).view(3, 1, 1)


def polar(image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    lab = to_lab(image.flatten(1))
    return lab[0], torch.hypot(lab[1], lab[2]), torch.atan2(lab[2], lab[1])


def scene() -> tuple[Tensor, Tensor, Tensor]:
    """Skin in several lights and a picture in which it has any colour; the upper half is skin."""
    content = SKIN * torch.linspace(0.6, 1, 20) * torch.ones(3, 16, 20)
    skin = torch.zeros(16, 20)
    skin[:8] = 1
    return 0.2 + 0.6 * torch.rand(3, 16, 20), content, skin


@pytest.mark.parametrize("keep", [0.3, 0.5, 0.8, 1.0])
def test_hue_and_chroma_stay_within_the_bounds(keep: float) -> None:
    picture, content, skin = scene()
    out = natural_skin(picture, content, skin, keep)
    assert torch.equal(out[:, 8:], picture[:, 8:])
    (light, chroma, hue), (_, old_chroma, old_hue) = polar(out[:, :8]), polar(content[:, :8])
    farthest_hue, farthest_chroma = skin_bounds(keep)
    turn = torch.remainder(hue - old_hue + math.pi, 2 * math.pi) - math.pi
    assert float(turn.abs().max()) <= farthest_hue + 0.01
    assert float((chroma / old_chroma).log().max()) <= farthest_chroma + 0.01  # less where RGB has no such colour
    torch.testing.assert_close(light, polar(picture[:, :8])[0], atol=0.05, rtol=0)


def test_the_ends_of_the_dial_are_exact() -> None:
    picture, content, skin = scene()
    assert natural_skin(picture, content, skin, 0) is picture
    kept = to_lab(natural_skin(content * 0.7, content, skin, 1)[:, :8].flatten(1))
    torch.testing.assert_close(kept[1:], to_lab(content[:, :8].flatten(1))[1:], atol=0.02, rtol=0)


def test_skin_that_is_natural_already_stays() -> None:
    _, content, skin = scene()
    torch.testing.assert_close(natural_skin(content, content, skin, 0.5), content, atol=1e-5, rtol=0)


def test_textures_that_were_painted_on_skin_go() -> None:
    _, content, skin = scene()
    painted = (content + 0.3 * (torch.arange(20) % 2 - 0.5)).clamp(0, 1)

    def stripes(image: Tensor) -> float:
        return float(polar(image[:, :8])[0].view(8, 20).diff(dim=1).abs().mean())

    half, all_of_it = (stripes(natural_skin(painted, content, skin, keep, content)) for keep in (0.5, 1.0))
    assert stripes(painted) > 1.7 * half > 3 * all_of_it


def test_soft_skin_is_a_mixture() -> None:
    picture, content, skin = scene()
    hard, half = natural_skin(picture, content, skin, 0.7), natural_skin(picture, content, skin / 2, 0.7)
    torch.testing.assert_close(half, (picture + hard) / 2, atol=1e-6, rtol=0)


@pytest.mark.parametrize("keep", [-0.1, 1.1, math.nan])
def test_keep_is_checked(keep: float) -> None:
    with pytest.raises(PhotostyleError, match="`keep_skin` must be from 0 to 1"):
        natural_skin(*scene(), keep)
