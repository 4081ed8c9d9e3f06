"""The time to equal energy: that of the default, with which the authors' schedule may stop."""

from __future__ import annotations

import pytest
import torch

from photostyle_native.benchmark.cases import equal_energy
from photostyle_native.benchmark.cases.iteration import solve
from photostyle_native.optimization.solver import Iteration, Solver
from photostyle_native.optimization.stage import Stage

CPU = torch.device("cpu")


def test_the_authors_schedule_stops_at_the_energy_of_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    pair, target, unless = equal_energy._prepared(64, 6, CPU)
    assert unless.startswith("it ends at")  # six iterations from noise are not enough
    case = equal_energy.build(CPU, 64, 6)
    assert (list(case.ways), case.missing) == (["ours"], {"the authors' schedule": unless})
    assert case.ways["ours"][0]() == target
    seen: list[float] = []
    objective = pair.objective

    def counted(*arguments: object, **options: object) -> object:
        terms = objective(*arguments, **options)  # type: ignore[arg-type]
        seen.append(float(terms.total.detach()))
        return terms

    monkeypatch.setattr(pair, "objective", counted)
    reachable = 3 * target
    pair.authors(40, reachable)
    assert len(seen) > 41  # a stage, the start of which is evaluated too, comes before the one that counts
    assert seen[-1] <= reachable
    assert all(energy > reachable for energy in seen[41:-1])


def test_ctrl_c_ends_a_benchmark() -> None:
    pair = equal_energy._prepared(64, 6, CPU)[0]

    def interrupt(_: Iteration) -> None:
        raise KeyboardInterrupt

    start = torch.rand_like(pair.content)
    with pytest.raises(KeyboardInterrupt):
        solve(Solver(pair.objective, start, interrupt), [Stage("one", 3), Stage("two", 3)])
