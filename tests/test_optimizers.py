"""L-BFGS: against a textbook two-loop recursion, on functions with known minima, and when things go wrong."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from photostyle_native import LBFGS


def _quadratic(size: int, condition: float) -> tuple[Tensor, Tensor]:
    basis, _ = torch.linalg.qr(torch.randn(size, size, dtype=torch.float64))
    values = torch.logspace(0, float(torch.log10(torch.tensor(condition))), size, dtype=torch.float64)
    return basis @ torch.diag(values) @ basis.T, torch.randn(size, dtype=torch.float64)


def _textbook(matrix: Tensor, target: Tensor, x: Tensor, steps: int, history: int, first_step: float) -> list[Tensor]:
    """Nocedal's two-loop recursion with vectors, unit steps."""
    pairs: list[tuple[Tensor, Tensor]] = []
    path, last = [], None
    for _ in range(steps):
        g = matrix @ (x - target)
        if last is not None:
            pairs = [*pairs, (x - last[0], g - last[1])][-history:]
        last = (x.clone(), g.clone())
        if not pairs:
            d = -g * first_step / g.abs().max()
        else:
            q, alphas = g.clone(), []
            for s, y in reversed(pairs):
                alphas.append((s @ q) / (s @ y))
                q -= alphas[-1] * y
            s, y = pairs[-1]
            q *= (s @ y) / (y @ y)
            for (s, y), alpha in zip(pairs, reversed(alphas), strict=True):
                q += (alpha - (y @ q) / (s @ y)) * s
            d = -q
        x = x + d
        path.append(x.clone())
    return path


@pytest.mark.parametrize("history", [1, 3, 50])
def test_follows_the_textbook(history: int) -> None:
    matrix, target = _quadratic(12, 30)
    x = torch.zeros(3, 4, dtype=torch.float64)
    expected = _textbook(matrix, target, x.reshape(-1).clone(), 9, history, 0.02)
    optimizer = LBFGS(x, history=history, tolerance=float("inf"))
    for want in expected:
        g = matrix @ (x.reshape(-1) - target)
        optimizer.step(float(g @ (x.reshape(-1) - target)) / 2, g.view(3, 4))
        torch.testing.assert_close(x.reshape(-1), want, rtol=1e-9, atol=1e-9)


def test_finds_a_minimum_in_float32() -> None:
    matrix, target = _quadratic(60, 100)
    matrix, target = matrix.float(), target.float()
    x = torch.zeros(60)
    optimizer = LBFGS(x)
    for _ in range(80):
        g = matrix @ (x - target)
        optimizer.step(float(g @ (x - target)) / 2, g)
    assert float((optimizer.best_x - target).norm()) <= 1e-2 * float(target.norm())


def test_divergence_returns_to_the_best_point() -> None:
    x = torch.tensor([1.0, 1.0])
    optimizer = LBFGS(x)
    optimizer.step(1.0, torch.tensor([1.0, 0.5]))
    best = optimizer.best_x.clone()
    for energy, gradient in (
        (50.0, torch.ones(2)),
        (float("nan"), torch.ones(2)),
        (0.5, torch.tensor([float("inf"), 0.0])),
    ):
        x.fill_(9.0)
        optimizer.step(energy, gradient)
        assert torch.equal(x, best)
    assert optimizer.resets == 3
    assert optimizer.best == 1.0
    # It goes on from there, with shorter steps: half of half of half of the first.
    optimizer.step(1.0, torch.tensor([1.0, 0.5]))
    torch.testing.assert_close(x, best - 0.02 / 8 * torch.tensor([1.0, 0.5]))


def test_a_zero_gradient_moves_nothing() -> None:
    x = torch.rand(5)
    before = x.clone()
    LBFGS(x).step(0.0, torch.zeros(5))
    assert torch.equal(x, before)


def test_pairs_without_curvature_are_left_out() -> None:
    x = torch.zeros(2, dtype=torch.float64)
    optimizer = LBFGS(x, tolerance=float("inf"))
    optimizer.step(1.0, torch.tensor([1.0, 0.0], dtype=torch.float64))
    # The gradient grew although we followed it downhill: negative curvature, so the next step is a first step again.
    before = x.clone()
    optimizer.step(0.9, torch.tensor([2.0, 0.0], dtype=torch.float64))
    torch.testing.assert_close(x, before - torch.tensor([0.02, 0.0], dtype=torch.float64))


def test_negative_energies_are_energies() -> None:
    x = torch.tensor([1.0, 2.0, 3.0])
    optimizer = LBFGS(x)
    for _ in range(30):
        optimizer.step(float(x @ x) - 100, 2 * x)
    assert optimizer.resets == 0
    assert optimizer.best == pytest.approx(-100, abs=1e-3)
