"""The cases of a run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from benchmark.sleepers import CPU

from photostyle_native.benchmark import plan
from photostyle_native.benchmark.case import Case, Spec

BUILT = {
    "matting",
    "variation",
    "masked_gram",
    "bilateral_grid",
    "optimizer",
}  # the quick ones; `pytest bench` has all


def quick_specs() -> Iterator[Any]:
    for spec in plan.specs((64,), quick=True):
        if spec.family.name in BUILT and spec.parameters.get("layer") != "conv1_1":
            yield pytest.param(spec, id=spec.id)


@pytest.mark.filterwarnings("ignore:Sparse CSR:UserWarning")  # a beta feature of torch
@pytest.mark.parametrize("spec", list(quick_specs()))
def test_cases_are_right_and_complete(spec: Spec, monkeypatch: pytest.MonkeyPatch) -> None:
    def uncompiled(self: Case, name: str, *_: Any) -> None:
        self.missing[name] = "takes long"

    monkeypatch.setattr(Case, "offer_compiled", uncompiled)
    case = spec.build(CPU)  # checks every way
    assert {*case.ways} >= {"ours"}
    assert {*case.ways, *case.missing} == {*spec.family.ways}
    for calls in case.ways.values():
        calls[-1]()


def test_every_family_is_in_a_run() -> None:
    for sizes, device in (((350, 700), "cpu"), ((700, 1664), "cuda"), ((5000,), "cpu")):
        assert {spec.family for spec in plan.specs(sizes, device)} == {*plan.FAMILIES}


def test_every_family_has_a_way_of_ours() -> None:
    """With which the others are compared."""
    for family in plan.FAMILIES:
        assert "ours" in family.ways, family.name
