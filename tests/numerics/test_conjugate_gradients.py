"""Conjugate gradients: one system, several at once, and one that is solved before it starts."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from photostyle_native.numerics.conjugate_gradients import conjugate_gradients


def _matrix() -> Tensor:
    root = torch.randn(30, 30, dtype=torch.float64)
    return root @ root.T + 0.1 * torch.eye(30)


def _solve_systems(
    matrix: Tensor, right: Tensor, start: Tensor, tolerance: float
) -> tuple[Tensor, list[tuple[int, float]]]:
    """The solutions of the systems in `right`, and what the callback was told."""
    seen: list[tuple[int, float]] = []
    x = conjugate_gradients(
        lambda v: v @ matrix,
        right,
        lambda v: v,
        steps=300,
        tolerance=tolerance,
        systems=True,
        start=start,
        callback=lambda step, norm: seen.append((step, norm)),
    )
    return x, seen


def test_solves() -> None:
    matrix, right = _matrix(), torch.randn(30, dtype=torch.float64)
    diagonal = matrix.diagonal()
    x = conjugate_gradients(lambda v: matrix @ v, right, lambda v: v / diagonal, steps=300, tolerance=1e-10)
    torch.testing.assert_close(matrix @ x, right, rtol=0, atol=1e-7)


def test_systems_have_steps_of_their_own() -> None:
    matrix, right = _matrix(), torch.randn(3, 30, dtype=torch.float64)
    right[1] = 0  # done before the others
    x, seen = _solve_systems(matrix, right, torch.zeros_like(right), 1e-10)
    torch.testing.assert_close(x @ matrix, right, rtol=0, atol=1e-7)
    assert not x[1].any()
    assert seen[0] == (0, 1.0)
    assert seen[-1][1] <= 1e-10
    one = conjugate_gradients(lambda v: matrix @ v, right[2], lambda v: v, steps=len(seen) - 1, tolerance=0)
    torch.testing.assert_close(one, x[2], rtol=1e-6, atol=1e-9)


def test_a_zero_right_hand_side_has_a_zero_solution_wherever_it_starts() -> None:
    matrix, right = _matrix(), torch.randn(2, 30, dtype=torch.float64)
    right[0] = 0
    x, seen = _solve_systems(matrix, right, torch.ones_like(right), 1e-8)
    assert not x[0].any()
    assert seen[-1][1] <= 1e-8


def test_numbers_that_are_none_end_it_and_are_reported() -> None:
    right = torch.randn(30, dtype=torch.float64)
    right[3] = torch.nan
    seen: list[tuple[int, float]] = []
    conjugate_gradients(
        lambda v: v, right, lambda v: v, steps=50, callback=lambda step, norm: seen.append((step, norm))
    )
    assert len(seen) == 1
    assert math.isnan(seen[0][1])


def test_stops_after_the_steps_that_it_was_given() -> None:
    matrix, right = _matrix(), torch.randn(30, dtype=torch.float64)
    calls = []

    def operator(v: Tensor) -> Tensor:
        calls.append(v)
        return matrix @ v

    conjugate_gradients(operator, right, lambda v: v, steps=4, tolerance=0)
    assert len(calls) == 4
