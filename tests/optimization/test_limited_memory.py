"""The algebra of L-BFGS: the steps of the optimiser that is made of it, without what torch.optim imports."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor

from photostyle_native import LBFGS
from photostyle_native.optimization.limited_memory import LimitedMemory

_OPTIONS = {"lr": 1.0, "history_size": 5, "first_step": 0.05, "divergence": 2.0, "capturable": False}


def _energy(x: Tensor) -> Tensor:
    return (x**4 / 4 + (x - 0.3) ** 2).sum() + (x[1:] - x[:-1]).square().sum()


def test_steps_are_those_of_the_optimiser() -> None:
    x = torch.linspace(-1, 1, 30, dtype=torch.float64)
    y = x.clone().requires_grad_()
    memory, optimizer = LimitedMemory([x], dict(_OPTIONS)), LBFGS([y], history_size=5, first_step=0.05)

    def closure() -> Tensor:
        y.grad = None
        loss = _energy(y)
        loss.backward()
        return loss

    first = float(_energy(x))
    for _ in range(12):
        here = x.clone().requires_grad_()
        loss = _energy(here)
        memory.advance(loss, list(torch.autograd.grad(loss, here)))
        optimizer.step(closure)
        assert torch.equal(x, y.detach())
    memory.restore_best()
    assert float(_energy(x)) == pytest.approx(float(memory.best))
    assert float(memory.best) < 0.5 * first


def test_imports_no_compiler(tmp_path: Path) -> None:
    """The optimisers of torch.optim import torch._dynamo, which takes longer than many a transfer on a GPU."""
    code = (
        "import sys, torch\n"
        "from photostyle_native.optimization.limited_memory import LimitedMemory\n"
        "x = torch.ones(4)\n"
        f"LimitedMemory([x], {_OPTIONS}).advance(torch.tensor(1.0), [x.clone()])\n"
        "assert float(x[0]) < 1\n"
        "assert 'torch._dynamo' not in sys.modules"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert run.returncode == 0, run.stderr


def test_options_out_of_range_and_tensors_that_differ() -> None:
    with pytest.raises(ValueError, match="`divergence` at least 1"):
        LimitedMemory([torch.zeros(2)], {**_OPTIONS, "divergence": 0.5})
    with pytest.raises(ValueError, match="one dtype on one device"):
        LimitedMemory([torch.zeros(2), torch.zeros(2, dtype=torch.float64)], dict(_OPTIONS))
