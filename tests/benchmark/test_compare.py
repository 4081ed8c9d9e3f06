"""What changed from one result to another."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from benchmark.sleepers import CPU, family, scaled

from photostyle_native import PhotostyleError
from photostyle_native.benchmark import run
from photostyle_native.benchmark.case import Spec
from photostyle_native.benchmark.compare import compare


def test_the_same_code_is_the_same_and_a_slowdown_is_one(
    result: dict[str, Any], sleepers: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes, notes = compare(result, run.run([CPU], {"cpu": (10,)}, seconds=0.2))
    assert {change.verdict for change in changes} == {"same"}
    assert notes == []
    slow = Spec(family(ours=2.6e-3), {"width": 10})
    monkeypatch.setattr(run, "specs", lambda *_: [slow])
    changes, notes = compare(result, run.run([CPU], {"cpu": (10,)}, seconds=0.2))
    assert {change.way: change.verdict for change in changes} == {"ours": "slower", "peer": "same"}
    assert changes[0].factor == pytest.approx(1.3, rel=0.1)
    assert notes == ["only in one of them: cpu parts 10 px", "only in one of them: cpu sleep 20 px"]


def test_a_busy_machine_is_no_slowdown(result: dict[str, Any]) -> None:
    changes, _ = compare(result, scaled(result, lambda _: 1.7))
    assert {change.verdict for change in changes} == {"same"}
    changes, _ = compare(result, scaled(result, lambda way: 1.7 if way == "ours" else 1.0))
    assert {c.way: c.verdict for c in changes} == {"ours": "slower", "peer": "same"}
    assert changes[0].factor == pytest.approx(1.7)


def test_results_without_a_common_case_are_refused(result: dict[str, Any]) -> None:
    with pytest.raises(PhotostyleError, match="no case in common"):
        compare(result, {**result, "cases": []})


def test_parts_are_ours(result: dict[str, Any]) -> None:
    slow = copy.deepcopy(result)
    (parts,) = (case for case in slow["cases"] if case["family"] == "parts")
    for way in parts["ways"].values():
        way["samples"] = [[2 * s for s in one] for one in way["samples"]]
    changes, _ = compare(result, slow)
    assert {(c.way, c.ours, c.verdict) for c in changes if c.case == "cpu parts 10 px"} == {
        ("ours", True, "slower"),
        ("peer", True, "slower"),
    }
    assert {c.verdict for c in changes if c.case != "cpu parts 10 px"} == {"same"}


def test_another_machine_is_noted(result: dict[str, Any]) -> None:
    other = copy.deepcopy(result)
    other["machine"]["devices"]["cpu"]["backend"] = "plain PyTorch"
    other["machine"]["versions"]["torch"] = "1.0"
    _, notes = compare(other, result)
    machine = result["machine"]
    assert notes == [
        f"cpu kernels: plain PyTorch and {machine['devices']['cpu']['backend']}",
        f"version of torch: 1.0 and {machine['versions']['torch']}",
    ]
