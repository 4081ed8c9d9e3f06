"""Timing: turns, samples, CUDA graphs."""

from __future__ import annotations

import contextlib
import types
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from benchmark.sleepers import CPU, sleeper

from photostyle_native.benchmark import timing


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
    def Stream(self) -> None: ...
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
    def graph(self, _: Any, **__: Any) -> Iterator[None]:
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
