"""The most typical of several photos."""

from __future__ import annotations

import torch

from photostyle_native.batch.key_photo import color_summary, most_typical
from photostyle_native.images.photo import as_photo


def test_the_photo_in_the_middle() -> None:
    levels = (0.9, 0.1, 0.42, 0.35, 0.5)
    photos = [as_photo(level + 0.05 * torch.rand(3, 60, 80)) for level in levels]
    assert most_typical([color_summary(photo) for photo in photos]) == 2


def test_size_does_not_matter() -> None:
    picture = torch.linspace(0, 1, 400).expand(3, 300, 400).clone()
    picture[2] = 0.3
    large, small = (color_summary(as_photo(picture[:, ::k, ::k])) for k in (1, 5))
    torch.testing.assert_close(large, small, atol=0.02, rtol=0)


def test_one_photo_is_typical() -> None:
    assert most_typical([torch.ones(4)]) == 0
