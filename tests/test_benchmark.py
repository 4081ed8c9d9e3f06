"""`photostyle bench`: what is timed, what is reported, and when a change counts as one."""

from __future__ import annotations

import contextlib
import copy
import itertools
import json
import math
import random
import re
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from optional_packages import need
from rich.console import Console

from photostyle_native import PhotostyleError
from photostyle_native.benchmark import plan, run, timing
from photostyle_native.benchmark.case import Case, Family, Spec, WrongResult, check
from photostyle_native.benchmark.compare import compare
from photostyle_native.benchmark.report.html import render
from photostyle_native.benchmark.report.plots import all_plots, shares_of
from photostyle_native.benchmark.report.terminal import show
from photostyle_native.benchmark.report.units import duration, rate
from photostyle_native.cli.main import main

CPU = torch.device("cpu")
BUILT = {"matting", "masked_gram", "bilateral_grid", "optimizer"}  # the quick ones; `pytest bench` has all


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


def test_reports_name_everything(result: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    need("matplotlib")
    show(result, Console(width=100))
    printed = capsys.readouterr().out
    plots = all_plots(result)
    page = render(result, plots)
    for text in ("Sleeping: 10 px, cpu", "peer", "absent peer", "not installed: nothing", "bad: 3 px", "x 1.00"):
        assert text in printed
        assert text in page
    assert page.count("data:image/png;base64,") == len(plots) == 3
    assert all(png.startswith(b"\x89PNG") for _, png in plots.values())
    assert not re.search(r"(?:src|href)=.?(?!.?data:)", page)  # self-contained


def test_cpu_against_gpu_is_plotted_where_both_ran(result: dict[str, Any]) -> None:
    need("matplotlib")
    both = copy.deepcopy(result)
    both["ceilings"]["cuda"] = both["ceilings"]["cpu"]
    both["cases"] += [{**case, "device": "cuda"} for case in both["cases"]]
    assert {"cpu-gpu.png", "speedup-cuda.png"} <= all_plots(both).keys()


def test_shares_add_up() -> None:
    ways = {"ours": {"median": 10.0}, "VGG-19": {"median": 6.0}, "optimiser": {"median": 3.0}}
    assert shares_of({"ways": ways}) == pytest.approx({"VGG-19": 0.6, "optimiser": 0.3, "everything else": 0.1})


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


def scaled(result: dict[str, Any], factor: Any) -> dict[str, Any]:
    """A result whose samples took `factor(way)` as long."""
    new = copy.deepcopy(result)
    for case in new["cases"]:
        for name, way in case["ways"].items():
            way["median"] *= factor(name)
            way["samples"] = [[s * factor(name) for s in one] for one in way["samples"]]
    return new


def test_a_busy_machine_is_no_slowdown(result: dict[str, Any]) -> None:
    changes, _ = compare(result, scaled(result, lambda _: 1.7))
    assert {change.verdict for change in changes} == {"same"}
    changes, _ = compare(result, scaled(result, lambda way: 1.7 if way == "ours" else 1.0))
    assert {c.way: c.verdict for c in changes} == {"ours": "slower", "peer": "same"}
    assert changes[0].factor == pytest.approx(1.7)


def test_results_without_a_common_case_are_refused(result: dict[str, Any]) -> None:
    with pytest.raises(PhotostyleError, match="no case in common"):
        compare(result, {**result, "cases": []})


def test_compare_command(result: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    slow = scaled(result, lambda way: 2.0 if way == "ours" else 1.0)
    for name, content in (("a", result), ("b", slow), ("other", {"schema": 99})):
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    a, b, other = (str(tmp_path / f"{name}.json") for name in ("a", "b", "other"))
    assert main(["bench", "compare", a, a]) == 0
    assert "6 of 6 timings differ by no more than noise" in capsys.readouterr().out
    assert main(["bench", "compare", a, b]) == 1
    assert "slower   2.00 x" in capsys.readouterr().out
    assert main(["bench", "compare", b, a]) == 0
    assert "faster   0.50 x" in capsys.readouterr().out
    assert main(["bench", "compare", a, other]) == 2
    assert "is not a result of `photostyle bench`" in capsys.readouterr().err


def test_bench_command(sleepers: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    need("matplotlib")
    folder = tmp_path / "new" / "folder"
    assert main(["bench", "--quick", "--device", "cpu", "-o", str(folder)]) == 1  # one case is wrong
    assert "not timed: cpu bad: 3 px" in capsys.readouterr().out.replace("\n", " ")
    names = {path.name for path in folder.iterdir()}
    assert {"results.json", "report.html", "speedup-cpu.png", "pixels-sleep-cpu.png"} <= names
    assert main(["bench", "compare", *[str(folder / "results.json")] * 2]) == 0


def test_only_the_wanted_jobs_run(sleepers: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = run.run([CPU], {"cpu": (10,)}, seconds=0.001, only=["parts"])
    assert [case["family"] for case in result["cases"]] == ["parts"]
    assert main(["bench", "--only", "matting,nonsense", "-o", str(tmp_path / "new")]) == 2
    assert "--only must be of matting, masked_gram, " in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


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


def test_a_wrong_way_is_refused() -> None:
    check("right", torch.ones(3) + 1e-4, torch.ones(3), 1e-3)
    for bad in (torch.ones(3) * 1.1, torch.tensor([1.0, 1.0, math.nan])):
        with pytest.raises(WrongResult, match="way is off by"):
            check("way", bad, torch.ones(3), 1e-3)


def test_ways_take_turns_on_their_data(sleepers: None) -> None:
    order: list[str] = []
    ways = {name: [lambda n=f"{name}{i}": order.append(n) for i in range(2)] for name in "ab"}
    samples, _, failed = timing.take_turns(ways, CPU, 0.0, once=True)
    assert order == ["a0", "b0"]
    assert {name: len(values) for name, values in samples.items()} == {"a": 1, "b": 1}
    assert failed == {}
    slow = timing.take_turns({"a": [sleeper(0.02)]}, CPU, 0.01)[0]["a"]
    assert len(slow) == 1  # a sample that takes the whole time is enough
    assert slow[0] >= 0.02


@pytest.mark.parametrize(
    ("seconds", "text"), [(1.234, "1.23 s"), (0.0123, "12.3 ms"), (99.96e-6, "100 us"), (4.5e-7, "0.45 us")]
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_rates() -> None:
    assert rate(4.8e12, "B") == "4.80 TB/s"
    assert rate(36.3e9, "B") == "36.3 GB/s"


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


def test_check_looks_at_shapes() -> None:
    with pytest.raises(WrongResult, match=r"way has shape \(3,\), not \(1, 3\)"):
        check("way", torch.ones(3), torch.ones(1, 3), 1e-3)


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


class StandIn:
    """Of torch.cuda: counts launches; a capture of `waiting` calls fails, and says so or not beforehand."""

    def __init__(self, waits: bool, breaks: bool) -> None:
        self.waits, self.breaks = waits, breaks
        self.log: list[str] = []
        self.default_generators = [self]
        self.device = "cpu"

    def run(self) -> None:
        if self.waits and self.mode == "error":
            raise RuntimeError("called a synchronizing CUDA operation")
        self.log.append("run")

    mode: Any = 0

    def get_sync_debug_mode(self) -> Any:
        return self.mode

    def set_sync_debug_mode(self, mode: Any) -> None:
        self.mode = mode

    def synchronize(self) -> None: ...
    def current_stream(self) -> None: ...
    def current_device(self) -> int:
        return 0

    def graphsafe_set_state(self, state: torch.Generator) -> None:
        self.log.append("generator")

    def stream(self, _: Any) -> Any:
        return contextlib.nullcontext()

    def CUDAGraph(self) -> Any:
        return types.SimpleNamespace(replay=lambda: self.log.append("replay"), reset=lambda: self.log.append("reset"))

    @contextlib.contextmanager
    def graph(self, _: Any) -> Iterator[None]:
        yield
        if self.breaks:
            raise RuntimeError("operation failed due to a previous error during capture")

    def Event(self, enable_timing: bool) -> Any:
        return types.SimpleNamespace(record=lambda: None, synchronize=lambda: None, elapsed_time=lambda _: 0.5)


@pytest.mark.parametrize(
    ("waits", "breaks", "launched", "how", "log"),
    [
        (False, False, False, "graph", ["run"] * 3 + ["replay"] * 6),
        (True, False, False, "stream", ["run"] * 7),
        (False, False, True, "stream", ["run"] * 7),
        (False, True, False, "stream", ["run"] * 3 + ["reset", "generator"] + ["run"] * 6),
    ],
)
def test_what_a_graph_cannot_hold_is_launched(
    monkeypatch: pytest.MonkeyPatch, waits: bool, breaks: bool, launched: bool, how: str, log: list[str]
) -> None:
    cuda = StandIn(waits, breaks)
    monkeypatch.setattr(torch, "cuda", cuda)
    ways = {"ours": [cuda.run]}
    held = frozenset(ways) if launched else frozenset()
    monkeypatch.setattr(timing, "_MOST", 1)
    samples, hows, failed = timing.take_turns(ways, torch.device("cuda"), 1.0, launched=held)
    assert (hows, failed, cuda.mode) == ({"ours": how}, {}, 0)
    # Half a millisecond a run by the stand-in's clock, so a sample is four of them, after two to find that out.
    assert samples == {"ours": [0.5e-3 / 4]}
    assert cuda.log == log
