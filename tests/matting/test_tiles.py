"""The Laplacian on tiles around free pixels is the dense matrix restricted to them."""

from __future__ import annotations

import pytest
import torch
from matting.dense import dense
from torch import Tensor

from photostyle_native.matting.tiles import Tiles, Whole


def _free(kind: str, height: int, width: int) -> Tensor:
    free = torch.zeros(height, width, dtype=torch.bool)
    if kind == "one pixel in a corner":
        free[-1, -1] = True
    elif kind == "a diagonal band":
        rows, columns = torch.arange(height)[:, None], torch.arange(width)
        free = (rows - columns).abs() < 3
    else:
        free[:] = True
    return free


@pytest.mark.parametrize("kind", ["one pixel in a corner", "a diagonal band", "all"])
@pytest.mark.parametrize(("radius", "size"), [(1, (40, 37)), (2, (25, 50)), (1, (3, 5))])
def test_products_and_diagonal_of_the_restricted_matrix(kind: str, radius: int, size: tuple[int, int]) -> None:
    if min(size) < 2 * radius + 1:
        pytest.fail("no window fits: the case tests nothing")
    image, free = torch.rand(3, *size, dtype=torch.float64), _free(kind, *size)
    tiles = Tiles(image, free, 1e-4, radius)
    chosen = free.flatten()
    matrix = dense(image, eps=1e-4, radius=radius)[chosen][:, chosen]
    vector = torch.rand(2, int(free.sum()), dtype=torch.float64)
    torch.testing.assert_close(tiles.product(vector), vector @ matrix, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(tiles.diagonal(), matrix.diagonal(), rtol=1e-9, atol=1e-9)


def test_what_is_spread_comes_back() -> None:
    free = _free("a diagonal band", 70, 45)
    tiles = Tiles(torch.rand(3, 70, 45), free, 1e-4, 1)
    vector = torch.rand(2, int(free.sum()))
    assert torch.equal(tiles.collect(tiles.spread(vector)), vector)
    assert int((tiles.spread(torch.ones(1, int(free.sum()))) > 0).sum()) > int(free.sum())  # halos overlap


def test_all_pixels_free_needs_no_tiles() -> None:
    image = torch.rand(3, 12, 9, dtype=torch.float64)
    whole, tiles = Whole(image, 1e-4, 1), Tiles(image, torch.ones(12, 9, dtype=torch.bool), 1e-4, 1)
    vector = torch.rand(1, 108, dtype=torch.float64)
    torch.testing.assert_close(whole.product(vector), tiles.product(vector))
    torch.testing.assert_close(whole.diagonal(), tiles.diagonal())
