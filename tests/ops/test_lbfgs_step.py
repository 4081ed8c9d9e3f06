"""The step of L-BFGS: kernels beside the plain-PyTorch reference. What steps achieve is tested with the optimiser."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from photostyle_native.errors import PhotostyleError
from photostyle_native.ops.lbfgs_step import lbfgs_step
from photostyle_native.reference import lbfgs_step as reference
from photostyle_native.reference.lbfgs_step import BEST, GOOD, PAIRS, RESETS, SHRINK

pytestmark = pytest.mark.kernel

OPTIONS = {"lr": 1.0, "first_step": 0.05, "divergence": 2.0}
LIMITS = {torch.float32: 2e-4, torch.float64: 1e-9}  # of the sizes of what is compared: steps build on each other
State = dict[str, Tensor]


def _state(size: int, history: int, dtype: torch.dtype, device: torch.device) -> State:
    numbers = torch.tensor([float("inf"), 0, 1, 0, 0], dtype=torch.float64, device=device)
    pitch = -(-size // 16) * 16
    vectors = {
        name: torch.zeros(size, dtype=dtype, device=device) for name in ("last_change", "last_gradient", "best_x")
    }
    return {
        "basis": torch.zeros(2 * history, pitch, dtype=dtype, device=device),
        "products": torch.zeros(2 * history, 2 * history, dtype=torch.float64, device=device),
        "numbers": numbers,
        **vectors,
    }


def _copy(state: State) -> State:
    return {name: value.clone() for name, value in state.items()}


def _energies(size: int, dtype: torch.dtype, device: torch.device) -> Iterator[tuple[Tensor, Tensor, Any]]:
    """Losses and gradients along the steps of a function whose curvature differs by element; takes the new points."""
    curvature = torch.linspace(0.5, 4, size, dtype=dtype).to(device)
    x = torch.linspace(-1, 1, size, dtype=dtype).to(device)
    while True:
        x = yield (curvature * (x**2 / 2 + x**4 / 4)).sum().double(), curvature * (x + x**3), x


def _assert_same(state: State, expected: State, used: int, dtype: torch.dtype) -> None:
    torch.testing.assert_close(state["numbers"], expected["numbers"], rtol=0, atol=0)
    for name in ("last_change", "last_gradient", "best_x"):
        size = float(expected[name].abs().max())
        torch.testing.assert_close(state[name], expected[name], rtol=0, atol=LIMITS[dtype] * size + 1e-30, msg=name)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("size", "history"), [(1, 1), (7, 2), (1023, 3), (20011, 5)])
def test_steps_are_those_of_the_reference(size: int, history: int, dtype: torch.dtype, device: torch.device) -> None:
    state = _state(size, history, dtype, device)
    points = _energies(size, dtype, device)
    loss, gradient, x = next(points)
    for k in range(2 * history + 2):
        expected = _copy(state)
        lbfgs_step(loss, x, gradient, *state.values(), history, *OPTIONS.values())
        reference.lbfgs_step(loss, x, gradient, *expected.values(), history, *OPTIONS.values())
        assert float(state["numbers"][GOOD]) == 1
        _assert_same(state, expected, history, dtype)
        assert float(state["numbers"][PAIRS]) == (k if size > 1 or k < 3 else float(expected["numbers"][PAIRS]))
        loss, gradient, x = points.send(x + state["last_change"])


@pytest.mark.parametrize("bad", ["loss", "gradient", "infinite gradient"])
def test_a_step_that_diverges_drops_the_pairs(bad: str, device: torch.device) -> None:
    state = _state(50, 4, torch.float64, device)
    points = _energies(50, torch.float64, device)
    loss, gradient, x = next(points)
    for _ in range(3):
        lbfgs_step(loss, x, gradient, *state.values(), 4, *OPTIONS.values())
        loss, gradient, x = points.send(x + state["last_change"])
    best, best_x = float(state["numbers"][BEST]), state["best_x"].clone()
    if bad == "loss":
        loss = loss * 0 + 3 * best
    else:
        gradient = gradient.clone()
        gradient[17] = float("nan" if bad == "gradient" else "inf")
    lbfgs_step(loss, x, gradient, *state.values(), 4, *OPTIONS.values())
    numbers = state["numbers"].tolist()
    assert [numbers[i] for i in (BEST, RESETS, SHRINK, PAIRS, GOOD)] == [best, 1, 0.5, 0, 0]
    assert torch.equal(state["best_x"], best_x)

    # The next step is that of steepest descent, at half the length, and has no pair with what was not finite.
    gradient = torch.linspace(-2, 1, 50, dtype=torch.float64, device=device)
    lbfgs_step(loss * 0 + best, best_x, gradient, *state.values(), 4, *OPTIONS.values())
    assert float(state["numbers"][PAIRS]) == 0
    torch.testing.assert_close(state["last_change"], -gradient * (0.5 * 0.05 / 2))


def test_a_pair_without_curvature_is_not_kept(device: torch.device) -> None:
    state = _state(20, 3, torch.float32, device)
    x, gradient = torch.zeros(20, device=device), torch.ones(20, device=device)
    for k in range(3):  # the gradient does not change, as that of a linear function
        loss = torch.tensor(-float(k), dtype=torch.float64, device=device)
        lbfgs_step(loss, x, gradient, *state.values(), 3, *OPTIONS.values())
        assert float(state["numbers"][PAIRS]) == 0
        torch.testing.assert_close(state["last_change"], -0.05 * gradient)


def test_any_number_of_threads_gives_the_same_bits() -> None:
    results = []
    threads = torch.get_num_threads()
    try:
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            state = _state(30011, 4, torch.float32, torch.device("cpu"))
            points = _energies(30011, torch.float32, torch.device("cpu"))
            loss, gradient, x = next(points)
            for _ in range(6):
                lbfgs_step(loss, x, gradient, *state.values(), 4, *OPTIONS.values())
                loss, gradient, x = points.send(x + state["last_change"])
            results.append(state["last_change"])
    finally:
        torch.set_num_threads(threads)
    assert all(torch.equal(results[0], other) for other in results[1:])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"basis": torch.zeros(6, 19)}, "`basis` must have shape"),
        ({"basis": torch.zeros(5, 32)}, "`basis` must have shape"),
        ({"products": torch.zeros(6, 6)}, "`products` must be float64, got float32"),
        ({"numbers": torch.zeros(4, dtype=torch.float64)}, r"`numbers` must have shape \(5,\)"),
        ({"last_change": torch.zeros(21)}, r"`last_change` must have shape \(20,\)"),
        ({"best_x": torch.zeros(40)[::2]}, "`best_x` must be contiguous"),
        ({"last_gradient": torch.zeros(20, dtype=torch.float64)}, "`last_gradient`"),
        ({"used": 4}, "`used` must be between 1 and 3, got 4"),
    ],
)
def test_arguments_that_do_not_fit(change: dict[str, Any], message: str) -> None:
    arguments: dict[str, Any] = {
        "loss": torch.tensor(1.0, dtype=torch.float64),
        "x": torch.zeros(20),
        "gradient": torch.ones(20),
        **_state(20, 3, torch.float32, torch.device("cpu")),
        "used": 3,
        **OPTIONS,
    }
    with pytest.raises(PhotostyleError, match=message):
        lbfgs_step(*{**arguments, **change}.values())
