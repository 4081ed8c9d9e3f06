"""`photostyle bench`: what is timed, what is reported, and when a change counts as one."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
import torch
from benchmark.sleepers import CPU, sleeper

from photostyle_native.benchmark import run
from photostyle_native.benchmark.case import Case, Family, Spec, check


def test_result_has_every_case_and_every_missing_peer(result: dict[str, Any]) -> None:
    assert [case["label"] for case in result["cases"]] == ["10 px", "20 px", "10 px"]
    ours, peer = (result["cases"][0]["ways"][name] for name in ("ours", "peer"))
    assert 2e-3 <= ours["median"] < peer["median"]
    assert peer["times_ours"] == peer["median"] / ours["median"]
    assert ours["share_of_copy"] == pytest.approx(1e7 / ours["median"] / 1e10)
    assert len(ours["samples"]) == 3  # passes
    assert ours["samples_taken"] == sum(map(len, ours["samples"]))
    assert result["cases"][0]["missing"] == {"absent peer": "not installed: nothing"}
    assert result["failures"] == {"cpu bad: 3 px": "ours is off by 1.0e+00, more than 1e-03"}
    assert result["ended"] == ""
    json.dumps(result)


def test_what_a_limit_leaves_out_is_listed(sleepers: None) -> None:
    result = run.run([CPU], {"cpu": (10,)}, seconds=0.001, limit=-1.0)
    assert result["cases"] == []
    assert list(result["failures"].values()) == ["not reached"] * 4
    assert result["ended"] == "time limit of -1 s, in pass 1 of 3"


def test_interrupt_keeps_what_is_finished(sleepers: None) -> None:
    seen = itertools.count()

    def progress(*_: Any) -> None:
        if next(seen) == 2:
            raise KeyboardInterrupt

    result = run.run([CPU], {"cpu": (10,)}, seconds=0.001, progress=progress)
    assert len(result["cases"]) == 1  # the smallest is the wrong one, the next one is finished
    assert sorted(result["failures"].values()) == [
        "not reached",
        "not reached",
        "ours is off by 1.0e+00, more than 1e-03",
    ]
    assert result["ended"] == "interrupted, in pass 1 of 3"


def failing() -> None:
    raise MemoryError


def test_a_peer_that_fails_is_missing_and_ours_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    built = itertools.count()

    def build(device: torch.device, width: int) -> Case:
        case = Case(1)
        case.ways = {"ours": [sleeper(1e-4)], "fails": [failing]}
        case.ways["fails later"] = [failing if next(built) else sleeper(1e-4)]
        case.offer("fails early", lambda: [failing], right=lambda _: None)
        case.offer("cannot be made", lambda: failing() or [])
        case.offer(
            "is wrong", lambda: [lambda: torch.ones(3)], right=lambda y: check("it", y, torch.zeros(3) + 2, 0.1)
        )
        case.offer("is right", lambda: [lambda: torch.ones(3)], right=lambda y: check("it", y, torch.ones(3), 0.1))
        return case

    def build_bad(device: torch.device, width: int) -> Case:
        case = Case(1)
        case.offer("ours, too", lambda: [failing], right=lambda _: None)
        return case

    names = ("fails", "fails later", "fails early", "cannot be made", "is wrong", "is right")
    specs = [
        Spec(Family("f", "F", ("ours", *names), build), {"width": 2}),
        Spec(Family("bad", "B", ("ours, too",), build_bad), {"width": 1}),
    ]
    monkeypatch.setattr(run, "specs", lambda *_: specs)
    monkeypatch.setattr(run, "ceilings", lambda *_: {"copy_bytes_per_s": 1e10, "float32_operations_per_s": 1e11})
    result = run.run([CPU], {"cpu": (10,)}, passes=2, seconds=0.001)
    (case,) = result["cases"]
    assert list(case["ways"]) == ["ours", "is right"]
    assert {len(way["samples"]) for way in case["ways"].values()} == {2}
    wrong = "failed: it is off by 5.0e-01, more than 1e-01"
    assert case["missing"] == {**dict.fromkeys(names[:4], "failed: MemoryError"), "is wrong": wrong}
    assert result["failures"] == {"cpu bad: 1 px": "MemoryError"}
