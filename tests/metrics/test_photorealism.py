"""The metric of photorealism is the Matting Laplacian's energy, by its definition with a dense matrix."""

from __future__ import annotations

import pytest
import torch
from matting.dense import dense
from pictures import smooth_picture

from photostyle_native.metrics import matting_energy_per_pixel


def test_is_the_energy_of_the_dense_matrix() -> None:
    content = smooth_picture(9, 11)
    output = (content + 0.05 * torch.rand(3, 9, 11)).clamp(0, 1)
    matrix = dense(content.double())
    columns = output.double().flatten(1)
    expected = float((columns * (columns @ matrix)).sum()) / (9 * 11)
    assert matting_energy_per_pixel(content, output) == pytest.approx(expected, rel=1e-4)


def test_an_affine_change_of_colours_costs_nothing_but_a_new_edge_does() -> None:
    content = smooth_picture(24, 32)
    affine = content.flip(0) * 0.6 + 0.1
    edge = affine.clone()
    edge[:, :, 16:] += 0.1
    assert matting_energy_per_pixel(content, affine) < 1e-4 * matting_energy_per_pixel(content, edge)


def test_no_window_fits() -> None:
    assert matting_energy_per_pixel(torch.rand(3, 2, 9), torch.rand(3, 2, 9)) is None
