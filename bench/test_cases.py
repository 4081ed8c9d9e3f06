"""Every case of `photostyle bench` as a pytest-benchmark: each kernel family and whole optimisations, with peers.

    pytest bench --sizes 350,700 --benchmark-group-by=group --benchmark-columns=median,iqr,rounds

The implementations of a case (its `ways`) form a group of pytest-benchmark, in which they are compared. Building a
case checks the result of each of them.
"""

from __future__ import annotations

import itertools
from functools import lru_cache
from typing import Any

import pytest
import torch

from photostyle_native.benchmark.case import Case, Spec
from photostyle_native.benchmark.cases import equal_energy
from photostyle_native.benchmark.plan import specs

_CASES: dict[str, Spec] = {}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    sizes = tuple(int(part) for part in metafunc.config.getoption("sizes").split(","))
    device = metafunc.config.getoption("bench_device")
    kind = torch.device(device).type
    found = specs(sizes, kind)
    if metafunc.config.getoption("benchmark_disable"):  # it is only tried, and the authors' schedule takes minutes
        short = next(spec for spec in specs(sizes, kind, quick=True) if spec.family is equal_energy.FAMILY)
        found = [short if spec.family is equal_energy.FAMILY else spec for spec in found]
    _CASES.update({spec.id: spec for spec in found})
    arguments = [(spec.id, way) for spec in _CASES.values() for way in spec.family.ways]
    metafunc.parametrize(("case", "way"), arguments, ids=[f"{case} - {way}" for case, way in arguments])


@lru_cache(maxsize=1)  # one case is enough, because all its implementations run one after the other
def _built(case: str, device: str) -> Case:
    return _CASES[case].build(torch.device(device))


@pytest.mark.filterwarnings("ignore:Sparse CSR:UserWarning")  # torch warns that it is a beta feature
def test_case(benchmark: Any, case: str, way: str, request: pytest.FixtureRequest) -> None:
    device = request.config.getoption("bench_device")
    built = _built(case, device)
    if way in built.missing:
        pytest.skip(built.missing[way])
    benchmark.group = case
    turns = itertools.cycle(built.ways[way])

    def call() -> None:
        next(turns)()
        if device != "cpu":
            torch.cuda.synchronize()

    if built.once:
        benchmark.pedantic(call, rounds=3)
    else:
        benchmark(call)
