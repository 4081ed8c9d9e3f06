"""Benchmarks of jobs that sleep, on a clock of their own, and a finished result."""

from __future__ import annotations

import copy
import random
from typing import Any

import pytest
import torch

from photostyle_native.benchmark import run, timing
from photostyle_native.benchmark.case import Case, Family, Spec, check

CPU = torch.device("cpu")


class Clock:
    """Time that passes as a call says, and now and then more, as on a busy machine: the same in every run."""

    def __init__(self) -> None:
        self.now, self.random = 0.0, random.Random(1)

    def perf_counter(self) -> float:
        return self.now

    def pass_by(self, seconds: float) -> None:
        disturbed = self.random.random() < 0.4
        self.now += seconds * (1 + self.random.random() if disturbed else 1 + 0.02 * self.random.random())


CLOCK = Clock()


def sleeper(seconds: float) -> Any:
    return lambda: CLOCK.pass_by(seconds)


def family(ours: float = 2e-3, peer: float = 4e-3, name: str = "sleep") -> Family:
    def build(device: torch.device, width: int) -> Case:
        case = Case(width * width, bytes=1e6 * width, operations=1e6)
        case.ways["ours"] = [sleeper(ours * width / 10)]
        case.ways["peer"] = [sleeper(peer * width / 10)]
        case.missing["absent peer"] = "not installed: nothing"
        return case

    return Family(name, "Sleeping", ("ours", "peer", "absent peer"), build)


def wrong(device: torch.device, width: int) -> Case:
    check("ours", torch.ones(2), torch.zeros(2) + 0.5, 1e-3)
    raise AssertionError("a wrong result must not get here")


def put_sleepers(monkeypatch: pytest.MonkeyPatch) -> None:
    bad = Family("bad", "Wrong", ("ours",), wrong)
    parts = Family("parts", "Parts", ("ours", "peer", "absent peer"), family().build)
    specs = [
        *(Spec(family(), {"width": w}) for w in (10, 20)),
        Spec(parts, {"width": 10}),
        Spec(bad, {"width": 3}),
    ]
    monkeypatch.setattr(timing, "time", CLOCK)
    monkeypatch.setattr(run, "specs", lambda *_: specs)
    monkeypatch.setattr(run, "ceilings", lambda *_: {"copy_bytes_per_s": 1e10, "float32_operations_per_s": 1e11})


@pytest.fixture
def sleepers(monkeypatch: pytest.MonkeyPatch) -> None:
    put_sleepers(monkeypatch)


@pytest.fixture(scope="module")
def timed() -> dict[str, Any]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        put_sleepers(monkeypatch)
        return run.run([CPU], {"cpu": (10,)}, seconds=0.2)


@pytest.fixture
def result(timed: dict[str, Any]) -> dict[str, Any]:
    return copy.deepcopy(timed)


def scaled(result: dict[str, Any], factor: Any) -> dict[str, Any]:
    """A result whose samples took `factor(way)` as long."""
    new = copy.deepcopy(result)
    for case in new["cases"]:
        for name, way in case["ways"].items():
            way["median"] *= factor(name)
            way["samples"] = [[s * factor(name) for s in one] for one in way["samples"]]
    return new
