"""Weighted least squares on a grid, against a dense solution."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from photostyle_native.numerics.weighted_smoothing import weighted_smoothing


def dense(values: Tensor, down: Tensor, right: Tensor, fidelity: Tensor | None = None) -> Tensor:
    """The solution of the normal equations, written down pair by pair."""
    channels, height, width = values.shape
    number = torch.arange(height * width).view(height, width)
    fidelity = torch.ones(height, width) if fidelity is None else fidelity
    matrix = fidelity.flatten().double().diag()
    pairs = ((number[:-1], number[1:], down), (number[:, :-1], number[:, 1:], right))
    for first, second, weights in pairs:
        for p, q, w in zip(first.flatten(), second.flatten(), weights.flatten(), strict=True):
            matrix[p, p] += w
            matrix[q, q] += w
            matrix[p, q] -= w
            matrix[q, p] -= w
    return torch.linalg.solve(matrix, (fidelity * values).flatten(1).double().T).T.view(channels, height, width)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (13, 1), (2, 2), (7, 5), (16, 16), (17, 33)])
@pytest.mark.parametrize("strongest", [1.0, 1e2, 1e4])
def test_it_solves_the_normal_equations(size: tuple[int, int], strongest: float) -> None:
    height, width = size
    values = torch.rand(3, height, width)
    # Over four orders of magnitude, and zero in places.
    down, right = (
        strongest * 10 ** (-4 * torch.rand(shape)) * (torch.rand(shape) > 0.1)
        for shape in ((height - 1, width), (height, width - 1))
    )
    found = weighted_smoothing(values, down, right)
    torch.testing.assert_close(found.double(), dense(values, down, right), rtol=0, atol=2e-3)


@pytest.mark.parametrize("size", [(1, 9), (7, 5), (17, 33)])
def test_some_values_count_more_than_others(size: tuple[int, int]) -> None:
    height, width = size
    values, fidelity = torch.rand(3, height, width), 10 ** (-2 * torch.rand(height, width))
    down, right = 30 * torch.rand(height - 1, width), 30 * torch.rand(height, width - 1)
    found = weighted_smoothing(values, down, right, fidelity)
    torch.testing.assert_close(found.double(), dense(values, down, right, fidelity), rtol=0, atol=5e-3)


def test_no_weights_change_nothing_and_a_barrier_holds() -> None:
    values = torch.rand(2, 20, 30)
    down, right = torch.zeros(19, 30), torch.zeros(20, 29)
    assert torch.equal(weighted_smoothing(values, down, right), values)
    right[:, :14], right[:, 15:] = 1e5, 1e5
    down[:] = 1e5
    halves = weighted_smoothing(values, down, right)  # each half becomes its mean
    for half in (slice(15), slice(15, None)):
        mean = values[:, :, half].mean((1, 2), keepdim=True)
        torch.testing.assert_close(halves[:, :, half], mean.expand_as(halves[:, :, half]), rtol=0, atol=2e-3)


def test_a_wave_is_damped_as_the_weight_says() -> None:
    """cos(k x) on a line with free ends is an eigenvector: it is divided by 1 + w (2 - 2 cos k)."""
    k = torch.pi / 64 * 4
    wave = torch.cos(k * (torch.arange(64.0) + 0.5)).expand(1, 8, 64).contiguous()
    found = weighted_smoothing(wave, torch.full((7, 64), 50.0), torch.full((8, 63), 50.0))
    wanted = wave / (1 + 50 * (2 - 2 * torch.cos(torch.tensor(k))))
    torch.testing.assert_close(found, wanted, rtol=0, atol=2e-3)


def test_a_constant_stays_and_zero_stays_zero() -> None:
    down, right = torch.rand(39, 50) * 1e3, torch.rand(40, 49) * 1e3
    constant = torch.full((1, 40, 50), 0.7)
    torch.testing.assert_close(weighted_smoothing(constant, down, right), constant, rtol=0, atol=1e-4)
    assert not weighted_smoothing(torch.zeros(3, 40, 50), down, right).any()
