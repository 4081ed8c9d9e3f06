"""The entries that products find are those of the dense matrix."""

from __future__ import annotations

import pytest
import torch
from matting.dense import DOUBLE, dense

from photostyle_native.matting.matrix_entries import matrix_entries
from photostyle_native.matting.tiles import Tiles


@pytest.mark.parametrize(("radius", "size"), [(1, (14, 9)), (1, (3, 4)), (2, (13, 11))])
@pytest.mark.parametrize("share", [1.0, 0.4])
def test_entries_of_the_restricted_matrix(radius: int, size: tuple[int, int], share: float) -> None:
    image, free = torch.rand(3, *size, dtype=DOUBLE), torch.rand(size) < share
    free[0, 0] = True
    tiles, chosen = Tiles(image, free, 1e-4, radius), free.flatten()
    matrix = torch.zeros(int(free.sum()), int(free.sum()), dtype=DOUBLE)
    for rows, columns, values in matrix_entries(tiles.product, free, radius):
        assert not bool(matrix[rows, columns].any())  # every entry comes once
        matrix[rows, columns] = values
    expected = dense(image, eps=1e-4, radius=radius)[chosen][:, chosen]
    torch.testing.assert_close(matrix, expected, rtol=1e-9, atol=1e-9)
