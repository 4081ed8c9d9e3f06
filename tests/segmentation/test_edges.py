"""Labels of a coarse grid at the pixels of a photo: boundaries follow its edges, and specks disappear."""

from __future__ import annotations

import numpy as np
import torch

from photostyle_native.segmentation.edges import along_edges, strongest


def test_a_boundary_moves_from_the_cells_to_the_edge_of_the_photo() -> None:
    """The cells of 8 x 8 pixels change at column 224, the photo at column 227."""
    soft = torch.zeros(2, 8, 56)
    soft[0, :, :28], soft[1, :, 28:] = 1, 1
    photo = torch.full((3, 64, 448), 0.2)
    photo[:, :, 227:] = 0.8
    fine = along_edges(soft, photo)
    assert fine.shape == (2, 64, 448)
    torch.testing.assert_close(fine.sum(0), torch.ones(64, 448), atol=1e-4, rtol=0)  # as in the cells
    np.testing.assert_array_equal(strongest(fine), np.broadcast_to(np.arange(448) >= 227, (64, 448)))
    even = along_edges(soft, torch.full((3, 64, 448), 0.5))
    np.testing.assert_array_equal(strongest(even), np.broadcast_to(np.arange(448) >= 224, (64, 448)))


def test_specks_take_the_nearest_other_label() -> None:
    soft = torch.zeros(3, 40, 50)
    soft[0, :, :25], soft[1, :, 25:] = 1, 1
    soft[2, 5, 5:8] = 2  # 3 of 2000 pixels are 0.15 %, less than the limit of 0.2 %
    soft[2, 20:25, 40] = 2  # 5 pixels are 0.25 %
    index = strongest(soft)
    assert index.dtype == np.int16
    assert (index[5, 5:8] == 0).all()
    assert (index[20:25, 40] == 2).all()
    assert (np.bincount(index.ravel()) == (1000, 995, 5)).all()


def test_a_photo_of_nothing_but_specks_keeps_them() -> None:
    """Diagonal neighbours are different islands, so each of 900 pixels is one, and there is no other label."""
    board = (torch.arange(30)[:, None] + torch.arange(30)) % 2
    soft = torch.stack((1 - board, board)).float()
    np.testing.assert_array_equal(strongest(soft), board.numpy())
