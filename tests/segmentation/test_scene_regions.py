"""Scene regions from hand-written label maps: a parser that knows what the painted colours mean."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from photostyle_native.network.vgg19 import VGG19
from photostyle_native.segmentation.scene_groups import GROUPS
from photostyle_native.segmentation.scene_regions import parse_scenes

PAINT = {"sky": (0.7, 0.8, 1.0), "water": (0.1, 0.2, 0.5), "plants": (0.1, 0.5, 0.1), "rock": (0.5, 0.45, 0.4)}


def bands(width: int, **heights: int) -> Tensor:
    """(3, H, width): bands of a group each, from the top."""
    rows = [torch.tensor(PAINT[name]).view(3, 1, 1).expand(3, height, width) for name, height in heights.items()]
    return torch.cat(rows, 1)


def parser(second: dict[str, str], sure: float = 0.8) -> Callable[[Tensor], Tensor]:
    """Groups by colour, at a quarter of the resolution: with probability `sure`, or else the group's `second`."""

    def parse(image: Tensor) -> Tensor:
        small = torch.nn.functional.interpolate(image[None], scale_factor=0.25, mode="nearest")[0]
        colors = torch.tensor(list(PAINT.values()))
        painted = (small[None] - colors[..., None, None]).abs().sum(1).argmin(0)
        out = torch.full((len(GROUPS), *painted.shape), 1e-6)
        for k, name in enumerate(PAINT):
            out[GROUPS.index(name)][painted == k] = sure
            if name in second:
                out[GROUPS.index(second[name])][painted == k] = 1 - sure
        return out.log()

    return parse


def test_the_same_groups_in_both(vgg: VGG19) -> None:
    found = parse_scenes(bands(96, sky=40, water=56), bands(64, sky=24, water=64), parser({}), vgg)
    assert found.meanings == ("sky", "water")
    assert found.labels == ("cyan", "blue")
    assert (found.content[:36] == 0).all()
    assert (found.content[44:] == 1).all()
    assert (found.style[:20] == 0).all()
    assert (found.style[28:] == 1).all()
    assert found.confidence == pytest.approx((0.8, 0.8), abs=0.05)
    assert found.notes == ()


def test_what_the_style_photo_lacks_follows_the_next_choice(vgg: VGG19) -> None:
    content, style = bands(96, sky=40, rock=24, plants=32), bands(64, plants=40, water=40, sky=16)
    found = parse_scenes(content, style, parser({"rock": "plants"}), vgg)
    assert found.meanings == ("sky", "water", "plants")
    assert (found.content[44:] == found.meanings.index("plants")).all()
    (note,) = found.notes
    assert note == (
        "`rock` (25 % of the content) is not in the style photo and follows `plants`, the parser's next choice."
    )


def test_or_the_closest_by_features(vgg: VGG19) -> None:
    """Without a next choice: rock is more like rock than like the sky, whatever the style photo's is called."""
    style = bands(64, sky=40, water=40)
    style[:, 40:] = torch.tensor(PAINT["rock"]).view(3, 1, 1)
    calls = []

    def by_name(image: Tensor) -> Tensor:  # first the content, then the style, whose rock it calls water
        calls.append(image)
        out = parser({}, 1.0)(image)
        if len(calls) == 2:
            out[[GROUPS.index("water"), GROUPS.index("rock")]] = out[[GROUPS.index("rock"), GROUPS.index("water")]]
        return out

    found = parse_scenes(bands(96, sky=48, rock=48), style, by_name, vgg)
    assert found.meanings == ("sky", "water")
    assert (found.content[52:] == 1).all()
    assert "follows `water`, the closest by features." in found.notes[0]


def test_groups_of_the_style_photo_alone_stay_in_its_map(vgg: VGG19) -> None:
    found = parse_scenes(bands(96, sky=48, water=48), bands(64, sky=32, plants=32, water=32), parser({}), vgg)
    assert found.meanings == ("sky", "water", "plants")
    assert found.confidence[2] == 0
    assert set(np.unique(found.content)) == {0, 1}
    assert set(np.unique(found.style)) == {0, 1, 2}


def test_slivers_and_one_group(vgg: VGG19) -> None:
    content = bands(200, sky=200)
    content[:, 100:108, 40:56] = torch.tensor(PAINT["plants"]).view(3, 1, 1)  # 0.3 %
    found = parse_scenes(content, bands(64, sky=64), parser({}), vgg)
    assert found.meanings == ("sky",)
    assert found.notes == ("The style photo shows nothing but `sky`: each photo is one region.",)


def test_maps_have_the_size_of_their_photos(vgg: VGG19) -> None:
    found = parse_scenes(bands(7, sky=20, water=31), bands(101, sky=4, water=9), parser({}), vgg)
    assert found.content.shape == (51, 7)
    assert found.style.shape == (13, 101)
