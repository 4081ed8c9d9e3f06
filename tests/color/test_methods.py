"""What all named colour transfers have in common, and each one's own formula."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from photostyle_native.color.linear import masked_mk_transfer
from photostyle_native.color.methods import METHODS
from photostyle_native.color.reinhard import masked_reinhard
from photostyle_native.color.transport import transport_by_label
from photostyle_native.errors import PhotostyleError
from photostyle_native.metrics.colors import color_distance
from photostyle_native.pipeline.presets import PRESETS


def test_presets_name_the_methods() -> None:
    for name in METHODS:
        assert PRESETS[name].method == name
        assert not PRESETS[name].stages
    assert {preset.method for preset in PRESETS.values()} == set(METHODS)


@pytest.mark.parametrize("name", METHODS)
def test_colours_come_closer_and_stay_in_range(masked_pair: tuple[Tensor, ...], name: str) -> None:
    content, style, masks, style_masks = masked_pair
    moved = METHODS[name](*masked_pair)
    assert moved.shape == content.shape
    assert moved.dtype == torch.float32
    assert 0 <= float(moved.min()) <= float(moved.max()) <= 1
    before, after = (color_distance(x, style, masks, style_masks) for x in (content, moved))
    assert after < 0.5 * before
    assert torch.equal(moved, METHODS[name](*masked_pair))


@pytest.mark.parametrize("name", METHODS)
def test_equal_photos_stay_as_they_are(masked_pair: tuple[Tensor, ...], name: str) -> None:
    content, _, masks, _ = masked_pair
    torch.testing.assert_close(METHODS[name](content, content, masks, masks), content, atol=2e-3, rtol=0)


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("flat", ["content", "style"])
def test_flat_photos(masked_pair: tuple[Tensor, ...], name: str, flat: str) -> None:
    content, style, masks, style_masks = masked_pair
    content, style = (
        torch.full_like(image, 0.3) if flat == which else image
        for which, image in (("content", content), ("style", style))
    )
    moved = METHODS[name](content, style, masks, style_masks)
    assert bool(moved.isfinite().all())


@pytest.mark.parametrize("name", METHODS)
def test_shapes_are_checked(masked_pair: tuple[Tensor, ...], name: str) -> None:
    content, style, masks, style_masks = masked_pair
    with pytest.raises(PhotostyleError, match="must have the same K, got 2 and 1"):
        METHODS[name](content, style, masks, style_masks[:1])


def test_reinhard_by_hand() -> None:
    """Whole photos, by NumPy: means and standard deviations of the paper's three channels."""
    content, style = 0.2 + 0.5 * torch.rand(3, 20, 30), 0.3 + 0.3 * torch.rand(3, 25, 20)
    ones = torch.ones(1, 20, 30), torch.ones(1, 25, 20)
    lms = np.array([[0.3811, 0.5783, 0.0402], [0.1967, 0.7244, 0.0782], [0.0241, 0.1288, 0.8444]])
    opponents = np.diag([3**-0.5, 6**-0.5, 2**-0.5]) @ np.array([[1, 1, 1], [1, 1, -2], [1, -1, 0]])
    old, new = (opponents @ np.log10(lms @ image.flatten(1).double().numpy()) for image in (content, style))
    gain = new.std(1, keepdims=True) / old.std(1, keepdims=True)
    moved = (old - old.mean(1, keepdims=True)) * gain + new.mean(1, keepdims=True)
    expected = np.linalg.inv(lms) @ 10 ** (np.linalg.inv(opponents) @ moved)
    found = masked_reinhard(content, style, *ones).flatten(1)
    np.testing.assert_allclose(found, expected.clip(0, 1), atol=5e-3)


def test_reinhard_is_no_linear_map_of_rgb(masked_pair: tuple[Tensor, ...]) -> None:
    assert not torch.allclose(masked_reinhard(*masked_pair), masked_mk_transfer(*masked_pair), atol=0.02)


def test_every_rotation_brings_the_distributions_closer(masked_pair: tuple[Tensor, ...]) -> None:
    content, style, masks, style_masks = masked_pair
    distances = [
        color_distance((content + transport_by_label(*masked_pair, rotations)).float(), style, masks, style_masks)
        for rotations in (1, 4, 16)
    ]
    assert distances[0] > 1.5 * distances[1] > 2 * distances[2]


def test_idt_makes_no_grain() -> None:
    """A gradient with grain below a level becomes dark with a steep end: plain IDT stretches the grain there."""
    ramp = torch.linspace(0.4, 0.6, 128).expand(3, 64, 128)
    content = (ramp + 2e-3 * torch.randn(1, 64, 128)).clamp(0, 1)
    style = torch.linspace(0, 1, 128).expand(3, 64, 128) ** 0.2
    ones = torch.ones(1, 64, 128)

    def grain(image: Tensor) -> float:
        return float(image.diff(dim=1).abs().mean())

    plain = content + transport_by_label(content, style, ones, ones, 24).float()
    clean = METHODS["idt"](content, style, ones, ones)
    assert grain(plain) > 3 * grain(content)
    assert grain(clean) < 0.6 * grain(plain)
    assert color_distance(clean, style, ones, ones) < 0.3 * color_distance(content, style, ones, ones)
