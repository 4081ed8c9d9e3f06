"""Sizes to work at, and how images are brought to them."""

from __future__ import annotations

import pytest
import torch
from image_files import noise

from photostyle_native.errors import PhotostyleError
from photostyle_native.images.photo import as_photo
from photostyle_native.images.resize import resize, working_size


def test_resize_by_the_formula() -> None:
    """Catmull-Rom at half a pixel: weights -1/16, 9/16, 9/16, -1/16; enlarging by 2 samples at +-1/4."""
    row = torch.tensor([0.2, 0.8, 0.4, 0.6, 0.1, 0.9, 0.3, 0.5], dtype=torch.float64)
    doubled = resize(row.expand(1, 1, 8), (1, 16))[0, 0]
    # cubic, a = -1/2, at distances 1.25, 0.25, 0.75, 1.75 from the neighbours of a quarter point
    weights = torch.tensor([-0.0703125, 0.8671875, 0.2265625, -0.0234375], dtype=torch.float64)
    assert doubled[5] == pytest.approx(float(weights @ row[1:5]), abs=1e-12)
    ramp = torch.linspace(0.1, 0.9, 64, dtype=torch.float64).expand(2, 3, 40, 64)
    smaller = resize(ramp, (10, 16))
    assert smaller.shape == (2, 3, 10, 16)
    expected = torch.linspace(0.1, 0.9, 64, dtype=torch.float64).reshape(16, 4).mean(1)
    torch.testing.assert_close(smaller[1, 2, 5, 3:-3], expected[3:-3])  # a ramp stays a ramp


def test_resize_averages_when_it_shrinks_and_stays_in_range() -> None:
    checker = ((torch.arange(96)[:, None] + torch.arange(80)) % 2).float().expand(3, 96, 80)
    small = resize(checker, (12, 10))
    torch.testing.assert_close(small, torch.full((3, 12, 10), 0.5), atol=0.02, rtol=0)
    edge = (torch.arange(50) > 24).float().expand(1, 3, 50)
    enlarged = resize(edge, (7, 211))
    assert enlarged.min() == 0
    assert enlarged.max() == 1
    torch.testing.assert_close(resize(checker, (96, 80)), checker)
    x = torch.rand(3, 9, 7, dtype=torch.float64, requires_grad=True)
    torch.autograd.gradcheck(lambda t: resize(0.4 + 0.1 * t, (4, 5)), x)
    with pytest.raises(PhotostyleError, match=r"`size` must be at least 1 x 1, got 0 x 5"):
        resize(checker, (0, 5))
    with pytest.raises(PhotostyleError, match=r"`image` must be a float \(..., C, H, W\) tensor, got torch.uint8"):
        resize(checker.byte(), (5, 5))
    photo = as_photo(noise())
    torch.testing.assert_close(photo.tensor((8, 11)), resize(photo.tensor(), (8, 11)))


@pytest.mark.parametrize(
    ("size", "longest", "expected"),
    [
        ((4000, 6000), 700, (467, 700)),
        ((6000, 4000), 700, (700, 467)),
        ((300, 200), 700, (300, 200)),
        ((700, 700), 700, (700, 700)),
        ((1, 5000), 100, (1, 100)),
        ((5000, 3), 256, (256, 1)),
        ((5, 10), 1, (1, 1)),
        ((3, 4), 2, (2, 2)),  # 1.5 rounds up
    ],
)
def test_working_size(size: tuple[int, int], longest: int, expected: tuple[int, int]) -> None:
    assert working_size(size, longest) == expected


def test_working_size_refuses_nonsense() -> None:
    with pytest.raises(PhotostyleError, match=r"`longest` must be at least 1, got 0"):
        working_size((5, 5), 0)
    with pytest.raises(PhotostyleError, match=r"`size` must be at least 1 x 1, got 0 x 5"):
        working_size((0, 5), 10)
