"""The time to equal energy: both ways reach the energy with which the authors' schedule ends."""

from __future__ import annotations

import pytest
import torch

from photostyle_native.benchmark.case import WrongResult
from photostyle_native.benchmark.cases import equal_energy
from photostyle_native.benchmark.cases.iteration import solve
from photostyle_native.optimization.solver import Iteration, Solver
from photostyle_native.optimization.stage import Stage

CPU = torch.device("cpu")


def test_the_default_ends_where_the_authors_schedule_does(monkeypatch: pytest.MonkeyPatch) -> None:
    case = equal_energy.build(CPU, 64, 4)
    assert set(case.ways) == set(equal_energy.FAMILY.ways)
    assert case.once
    pair, target = equal_energy._prepared(64, 4, CPU)
    seen: list[float] = []
    objective = pair.objective

    def counted(*arguments: object, **options: object) -> object:
        terms = objective(*arguments, **options)  # type: ignore[arg-type]
        seen.append(float(terms.total.detach()))
        return terms

    monkeypatch.setattr(pair, "objective", counted)
    case.ways["ours"][0]()
    assert seen[-1] <= target
    assert all(energy > target for energy in seen[:-1])
    seen.clear()
    case.ways["the authors' schedule"][0]()
    assert len(seen) == 2 * 5  # two stages of four steps, whose starts are evaluated too
    with pytest.raises(WrongResult, match="the default preset ends at"):
        pair.default(0.0)


def test_ctrl_c_ends_a_benchmark() -> None:
    pair, _ = equal_energy._prepared(64, 4, CPU)

    def interrupt(_: Iteration) -> None:
        raise KeyboardInterrupt

    start = torch.rand_like(pair.content)
    with pytest.raises(KeyboardInterrupt):
        solve(Solver(pair.objective, start, interrupt), [Stage("one", 3), Stage("two", 3)])
