"""L-BFGS: against a textbook two-loop recursion, on functions with known minima, and when things go wrong."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from waiting import NoWaiting

from photostyle_native import LBFGS


def _quadratic(size: int, condition: float) -> tuple[Tensor, Tensor]:
    basis, _ = torch.linalg.qr(torch.randn(size, size, dtype=torch.float64))
    values = torch.logspace(0, float(torch.log10(torch.tensor(condition))), size, dtype=torch.float64)
    return basis @ torch.diag(values) @ basis.T, torch.randn(size, dtype=torch.float64)


def _loss(x: Tensor, matrix: Tensor, target: Tensor) -> Callable[[], Tensor]:
    def closure() -> Tensor:
        x.grad = None
        d = x.reshape(-1) - target
        loss = d @ (matrix @ d) / 2
        loss.backward()
        return loss

    return closure


def _given(x: Tensor, loss: float, gradient: Tensor) -> Callable[[], Tensor]:
    def closure() -> Tensor:
        x.grad = gradient
        return torch.tensor(loss)

    return closure


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


@pytest.mark.parametrize("capturable", [False, True])
@pytest.mark.parametrize("history", [1, 3, 50])
def test_follows_the_textbook(history: int, capturable: bool) -> None:
    matrix, target = _quadratic(12, 30)
    x = torch.zeros(3, 4, dtype=torch.float64, requires_grad=True)
    expected = _textbook(matrix, target, torch.zeros(12, dtype=torch.float64), 9, history, 0.02)
    optimizer = LBFGS([x], history_size=history, divergence=1e9, capturable=capturable)
    for want in expected:
        optimizer.step(_loss(x, matrix, target))
        torch.testing.assert_close(x.detach().reshape(-1), want, rtol=1e-9, atol=1e-9)


def test_several_parameters_are_one_vector() -> None:
    matrix, target = _quadratic(12, 30)
    whole = torch.zeros(12, dtype=torch.float64, requires_grad=True)
    parts = [torch.zeros(n, dtype=torch.float64, requires_grad=True) for n in (5, 1, 6)]
    one, many = LBFGS([whole], divergence=1e9), LBFGS(parts, divergence=1e9)

    def closure() -> Tensor:
        many.zero_grad()
        d = torch.cat(parts) - target
        loss = d @ (matrix @ d) / 2
        loss.backward()
        return loss

    for _ in range(15):
        expected = one.step(_loss(whole, matrix, target)).detach()
        torch.testing.assert_close(many.step(closure).detach(), expected, rtol=1e-9, atol=0)
    torch.testing.assert_close(torch.cat(parts), whole, rtol=1e-9, atol=1e-9)


def test_a_metric_is_a_change_of_variables() -> None:
    matrix, target = _quadratic(12, 30)
    root, _ = _quadratic(12, 5)
    start = torch.randn(12, dtype=torch.float64)
    x = start.clone().requires_grad_()
    y = torch.zeros(12, dtype=torch.float64, requires_grad=True)
    with_metric = LBFGS([x], metric=lambda v: root @ v, divergence=1e9)
    changed = LBFGS([y], divergence=1e9)

    def closure() -> Tensor:
        y.grad = None
        d = start + root @ y - target
        loss = d @ (matrix @ d) / 2
        loss.backward()
        return loss

    for _ in range(10):
        with_metric.step(_loss(x, matrix, target))
        changed.step(closure)
        torch.testing.assert_close(x.detach(), start + root @ y.detach(), rtol=1e-8, atol=1e-8)


def test_finds_a_minimum_in_float32() -> None:
    matrix, target = _quadratic(60, 100)
    matrix, target = matrix.float(), target.float()
    x = torch.zeros(60, requires_grad=True)
    optimizer = LBFGS([x])
    for _ in range(80):
        optimizer.step(_loss(x, matrix, target))
    optimizer.restore_best()
    assert float((x.detach() - target).norm()) <= 1e-2 * float(target.norm())


def test_divergence_returns_to_the_best_point() -> None:
    x = torch.tensor([1.0, 1.0])
    optimizer = LBFGS([x])
    best = x.clone()
    optimizer.step(_given(x, 1.0, torch.tensor([1.0, 0.5])))
    for energy, gradient in (
        (50.0, torch.ones(2)),
        (float("nan"), torch.ones(2)),
        (0.5, torch.tensor([float("inf"), 0.0])),
    ):
        x.fill_(9.0)
        optimizer.step(_given(x, energy, gradient))
        assert torch.equal(x, best)
    assert int(optimizer.resets) == 3
    assert float(optimizer.best) == 1.0
    # It goes on from there, with shorter steps: half of half of half of the first.
    optimizer.step(_given(x, 1.0, torch.tensor([1.0, 0.5])))
    torch.testing.assert_close(x, best - 0.02 / 8 * torch.tensor([1.0, 0.5]))


def test_history_is_not_used_after_a_reset() -> None:
    matrix, target = _quadratic(12, 30)
    x = torch.zeros(12, dtype=torch.float64, requires_grad=True)
    optimizer = LBFGS([x], history_size=4, divergence=1e9)
    for _ in range(7):
        optimizer.step(_loss(x, matrix, target))
    optimizer.step(_given(x, float("nan"), torch.ones(12, dtype=torch.float64)))
    fresh = x.detach().clone().requires_grad_()
    other = LBFGS([fresh], history_size=4, first_step=0.01, divergence=1e9)
    for _ in range(6):
        optimizer.step(_loss(x, matrix, target))
        other.step(_loss(fresh, matrix, target))
        # Its steps are half as long, and so are the other's: the first by its option, the rest by this.
        other.param_groups[0]["lr"] = 0.5
        torch.testing.assert_close(x, fresh, rtol=1e-7, atol=1e-7)


def test_a_zero_gradient_moves_nothing() -> None:
    x = torch.rand(5)
    before = x.clone()
    LBFGS([x]).step(_given(x, 0.0, torch.zeros(5)))
    assert torch.equal(x, before)


def test_pairs_without_curvature_are_left_out() -> None:
    x = torch.zeros(2, dtype=torch.float64)
    optimizer = LBFGS([x], divergence=1e9)
    optimizer.step(_given(x, 1.0, torch.tensor([1.0, 0.0], dtype=torch.float64)))
    # The gradient grew although we followed it downhill: negative curvature, so the next step is a first step again.
    before = x.clone()
    optimizer.step(_given(x, 0.9, torch.tensor([2.0, 0.0], dtype=torch.float64)))
    torch.testing.assert_close(x, before - torch.tensor([0.02, 0.0], dtype=torch.float64))


def test_negative_energies_are_energies() -> None:
    x = torch.tensor([1.0, 2.0, 3.0])
    optimizer = LBFGS([x])
    for _ in range(30):
        optimizer.step(_given(x, float(x @ x) - 100, 2 * x))
    assert int(optimizer.resets) == 0
    assert float(optimizer.best) == pytest.approx(-100, abs=1e-3)


def test_a_saved_state_goes_on_the_same() -> None:
    matrix, target = _quadratic(12, 30)
    x = torch.zeros(12, dtype=torch.float32, requires_grad=True)
    matrix, target = matrix.float(), target.float()
    optimizer = LBFGS([x])
    for _ in range(5):
        optimizer.step(_loss(x, matrix, target))
    saved, at = copy.deepcopy(optimizer.state_dict()), x.detach().clone()
    for _ in range(5):
        optimizer.step(_loss(x, matrix, target))
    again = at.requires_grad_()
    resumed = LBFGS([again])
    resumed.load_state_dict(saved)
    for _ in range(5):
        resumed.step(_loss(again, matrix, target))
    assert torch.equal(x, again)


def test_no_step_asks_the_device() -> None:
    x = torch.ones(6, requires_grad=True)
    optimizer = LBFGS([x], history_size=3, capturable=True)
    with pytest.raises(AssertionError, match="waits"), NoWaiting():
        float(optimizer.best)  # the mode sees what it should
    for factor in (1.0, 1.0, 1.0, 1.0, 1.0, float("nan"), 1.0, 1.0):
        loss = _given(x, 0.5, 0.1 * factor * torch.ones(6))
        with NoWaiting():
            optimizer.step(loss)
    assert int(optimizer.resets) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [({"lr": 0.0}, "must be positive"), ({"history_size": 0}, "at least 1"), ({"divergence": 0.5}, "at least 1")],
)
def test_options_are_checked(options: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LBFGS([torch.zeros(2)], **options)  # type: ignore[arg-type]


def test_parameters_are_checked() -> None:
    with pytest.raises(ValueError, match="one dtype on one device"):
        LBFGS([torch.zeros(2), torch.zeros(2, dtype=torch.float64)])
    with pytest.raises(ValueError, match="needs one parameter"):
        LBFGS([torch.zeros(2), torch.zeros(2)], metric=lambda v: v)
    with pytest.raises(ValueError, match="leave a gradient"):
        LBFGS([torch.zeros(2, requires_grad=True)]).step(lambda: torch.tensor(1.0))
