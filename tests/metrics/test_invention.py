"""Structure and edges that the content does not have."""

from __future__ import annotations

import math

import pytest
import torch
from metrics.scenes import HEIGHT, WIDTH, scene
from scipy import ndimage
from torch import Tensor

from photostyle_native import metrics


def stained(image: Tensor, amount: float = 0.4, radius: float = 8) -> Tensor:
    y, x = torch.meshgrid(torch.arange(HEIGHT), torch.arange(WIDTH), indexing="ij")
    spot = torch.exp(-((y - 22) ** 2 + (x - 58) ** 2) / (2 * radius**2))
    return image + amount * torch.tensor([1.0, -0.5, 0.3])[:, None, None] * spot


def clouded(image: Tensor) -> Tensor:
    cloud = ndimage.gaussian_filter(torch.randn(HEIGHT, WIDTH).numpy(), 4)
    sky = torch.arange(HEIGHT)[:, None] < 42
    return image + sky * torch.from_numpy(0.1 * cloud / cloud.std())


def haloed(image: Tensor) -> Tensor:
    return image + 1.5 * (image - torch.from_numpy(ndimage.gaussian_filter(image.numpy(), (0, 4, 4))))


def placed(image: Tensor) -> Tensor:
    """A recolouring that changes slowly from left to right: from bluer to redder, from lighter to darker."""
    across = torch.linspace(0, 1, WIDTH)
    gain = torch.stack([0.7 + 0.6 * across, 0.9 - 0.2 * across, 1.3 - 0.7 * across])[:, None]
    return gain * image + 0.1 * (1 - across)


RECOLORED = {
    "copy": lambda image: image,
    "dark": lambda image: 0.4 * image + 0.05,
    "steep": lambda image: 1.8 * image - 0.3,
    "negative": lambda image: 1 - image,
    "mixed": lambda image: torch.einsum(
        "ij,jhw->ihw", torch.tensor([[0.2, 0.7, 0], [0.1, 0.3, 0.5], [0.9, 0, 0.2]]), image
    ),
    "by place": placed,
}
INVENTED = {"stain": stained, "clouds": clouded, "halos": haloed}


@pytest.mark.parametrize("change", RECOLORED.values(), ids=RECOLORED)
def test_recolouring_invents_nothing(change: object) -> None:
    content = scene()
    assert metrics.invented_structure(content, change(content)) < 3
    assert metrics.invented_edges(content, change(content)) < 0.01


@pytest.mark.parametrize("change", INVENTED.values(), ids=INVENTED)
def test_inventions_are_seen_by_both(change: object) -> None:
    content = scene()
    assert metrics.invented_structure(content, change(content)) > 5
    assert metrics.invented_edges(content, change(content)) > 0.02


def test_the_map_shows_the_stain_where_it_is() -> None:
    content = torch.full((3, HEIGHT, WIDTH), 0.5) + 0.002 * torch.randn(3, HEIGHT, WIDTH)
    added = stained(content, 0.2, radius=2) - content
    found = metrics.invented_map(content, content + added)
    assert found.shape == content.shape
    assert float((found - added).abs().max()) < 0.05  # less the mean of the window
    assert float(found[:, 60:].abs().max()) < 0.01


def test_levels_by_hand() -> None:
    """On a flat content nothing can be explained: noise of 4 levels a channel is 4 sqrt(3) levels."""
    content = torch.full((3, 200, 240), 0.5)
    output = content + 4 / 255 * torch.randn(3, 200, 240)
    assert metrics.invented_structure(content, output) == pytest.approx(4 * math.sqrt(3), rel=0.02)
    assert metrics.invented_structure(content, content) == pytest.approx(0, abs=1e-3)
    assert metrics.invented_edges(content, content) == 0


def test_by_label() -> None:
    content = scene()
    masks = torch.zeros(3, HEIGHT, WIDTH)
    masks[0, :42], masks[1, 42:] = 1, 1
    above, below, nothing = metrics.invented_structures(content, stained(content), masks)
    assert nothing is None
    assert above > 2 * below
    whole = metrics.invented_structure(content, stained(content))
    assert whole**2 == pytest.approx((42 * above**2 + (HEIGHT - 42) * below**2) / HEIGHT, rel=1e-6)
