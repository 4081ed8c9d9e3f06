"""From the optimised picture back to the colour transfer: what was invented goes first."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import Tensor

from photostyle_native import PhotostyleError
from photostyle_native.color.realism import realistic

HEIGHT, WIDTH = 120, 160


def content() -> Tensor:
    """A smooth sky above, and below a field of fine texture of high contrast."""
    y, x = torch.meshgrid(torch.arange(HEIGHT), torch.arange(WIDTH), indexing="ij")
    picture = (0.6 + 0.001 * y).expand(3, -1, -1).clone()
    picture[:, 60:] = (0.3 + 0.3 * ((x // 2 + y // 2) % 2))[60:]
    return picture


def stain(row: int, column: int, radius: float = 5) -> Tensor:
    y, x = torch.meshgrid(torch.arange(HEIGHT), torch.arange(WIDTH), indexing="ij")
    blob = torch.exp(-((y - row) ** 2 + (x - column) ** 2) / (2 * radius**2))
    return torch.tensor([0.3, -0.1, 0.1])[:, None, None] * blob


def test_both_ends_are_exact() -> None:
    colored, optimised = torch.rand(2, 3, HEIGHT, WIDTH)
    assert torch.equal(realistic(optimised, colored, content(), 0), optimised)
    assert torch.equal(realistic(optimised, colored, content(), 1), colored)
    close = realistic(optimised, colored, content(), 1 - 1e-6)
    assert float((close - colored).abs().max()) < 1e-3
    assert float((realistic(optimised, colored, content(), 1e-6) - optimised).abs().max()) < 1e-3


def test_a_stain_goes_and_a_change_of_light_stays() -> None:
    photo = content()
    colored = 0.5 * photo
    left = realistic(colored + stain(25, 60), colored, photo, 0.85) - colored
    assert float(left.abs().max()) < 0.3 * float(stain(25, 60).abs().max())
    even = realistic(colored + 0.1, colored, photo, 0.8) - colored
    assert float(even.min()) > 0.095
    # The sky became darker and the field lighter: that is light, which the border in the content lets stay.
    light = torch.where(torch.arange(HEIGHT)[:, None] < 60, -0.1, 0.15).expand(3, HEIGHT, WIDTH)
    kept = realistic((colored + light).clamp(0, 1), colored, photo, 0.85) - colored
    assert float((kept - light)[:, :50].abs().max()) < 0.02
    assert float((kept - light)[:, 70:].abs().max()) < 0.02


def test_what_lies_on_texture_stays_longer_than_what_lies_on_sky() -> None:
    photo = content()
    colored = 0.5 * photo
    sky, field = stain(25, 80), stain(95, 80)
    kept = realistic(colored + sky + field, colored, photo, 0.85) - colored
    share = [float(kept[0, row, 80] / 0.3) for row in (25, 95)]
    assert share[0] < 0.25
    assert share[1] > 0.8


def test_the_more_realism_the_less_is_left() -> None:
    photo = content()
    colored = 0.5 * photo
    change = stain(25, 40) + stain(95, 110) + 0.05
    left = [
        (realistic((colored + change).clamp(0, 1), colored, photo, k / 10) - colored).square().mean()
        for k in range(11)
    ]
    assert all(more >= less for more, less in pairwise(left))
    assert all(more > less for more, less in pairwise(left[4:]))  # what is broad is left alone before


@pytest.mark.parametrize("realism", [-0.1, 1.1, float("nan")])
def test_it_is_from_0_to_1(realism: float) -> None:
    with pytest.raises(PhotostyleError, match="`realism` must be from 0 to 1"):
        realistic(content(), content(), content(), realism)
