"""Transfers of photos with transparent parts: as if only the visible pixels existed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from photostyle_native import VGG19, cosegment, evaluate, transfer

H, W, CUT = 96, 144, 48


def scene(sky: tuple[int, ...], ground: tuple[int, ...], horizon: int) -> np.ndarray:
    picture = np.empty((H, W, 3))
    picture[:] = ground
    picture[:horizon] = sky
    return (picture + np.random.default_rng(0).normal(0, 12, picture.shape)).clip(0, 255).astype(np.uint8)


DAY, DUSK = scene((140, 180, 230), (100, 120, 70), 45), scene((230, 130, 60), (60, 40, 50), 60)


def cut_out(photo: np.ndarray, hidden: tuple[int, int, int]) -> np.ndarray:
    """A photo of which only the left third is visible."""
    rgba = np.dstack([photo, np.full((H, W), 255, np.uint8)])
    rgba[:, CUT:] = (*hidden, 0)
    return rgba


@pytest.mark.parametrize("masks", ["none", "features", "given"])
def test_hidden_colours_decide_nothing(masks: str, vgg: VGG19) -> None:
    rows = np.repeat(np.arange(H)[:, None] > 50, W, 1).astype(np.uint8)
    options: dict[str, Any] = {"size": 96, "iterations": 3, "weights": vgg, "device": "cpu"}
    if masks == "given":
        options |= {"content_mask": rows, "style_mask": rows}
    else:
        options |= {"auto_mask": masks}
    colors = ((0, 0, 0), (255, 255, 255), (0, 255, 0))
    styles = [transfer(DAY, cut_out(DUSK, hidden), **options) for hidden in colors]
    contents = [transfer(cut_out(DAY, hidden), DUSK, **options) for hidden in colors]
    for results in (styles, contents):
        for other in results[1:]:
            assert torch.equal(other.image, results[0].image)
        assert any("transparent in places" in note for note in results[0].notes)


def test_the_visible_part_is_what_it_would_be_alone(vgg: VGG19) -> None:
    options: dict[str, Any] = {"size": 144, "auto_mask": "none", "weights": vgg, "device": "cpu"}
    # The start is a matter of colours alone; the network also sees what is beside a pixel, which differs.
    for iterations, limit in ((0, 0.002), (3, 0.04)):
        options["iterations"] = iterations
        alone = transfer(DAY, DUSK[:, :CUT].copy(), **options).image.mean((1, 2))
        hidden = transfer(DAY, cut_out(DUSK, (0, 255, 0)), **options).image.mean((1, 2))
        assert float((alone - hidden).abs().max()) < limit
        alone = transfer(DAY[:, :CUT].copy(), DUSK, **options).image.mean((1, 2))
        hidden = transfer(cut_out(DAY, (0, 255, 0)), DUSK, **options).image[:, :, :CUT].mean((1, 2))
        assert float((alone - hidden).abs().max()) < 2 * limit


def test_what_is_transparent_has_no_say_in_regions(vgg: VGG19) -> None:
    content, style = (torch.from_numpy(picture).permute(2, 0, 1) / 255 for picture in (DAY, DUSK))
    whole = cosegment(content, style, vgg=vgg, regions=2)
    opacity = torch.ones(H, W)
    opacity[:, CUT:] = 0
    disturbed = content.clone()
    disturbed[:, :, CUT:] = torch.rand(3, H, W - CUT, generator=torch.Generator().manual_seed(0))
    found = cosegment(disturbed, style, vgg=vgg, regions=2, content_opacity=opacity)
    assert len(found.labels) == 2
    left = slice(None), slice(0, CUT - 16)
    agree = float((found.content[left] == whole.content[left]).mean())
    assert max(agree, 1 - agree) > 0.9


def test_evaluation_does_not_see_hidden_colours(vgg: VGG19) -> None:
    scores = [
        evaluate(cut_out(DAY, hidden), cut_out(DUSK, hidden), cut_out(DUSK, hidden), weights=vgg, device="cpu")
        for hidden in ((0, 0, 0), (255, 0, 255))
    ]
    assert scores[0] == scores[1]
    assert scores[0]["metrics"]["color_distance"] == pytest.approx(0, abs=1e-3)
