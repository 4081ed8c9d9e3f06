"""Timing of calls: the ways of doing one job take turns, so that a busy machine slows all of them alike.

On a GPU a sample times replays of a CUDA graph between two events, so that the device is timed and not Python.
"""

from __future__ import annotations

import math
import statistics
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from ..optimization.cuda_graph import CaptureFailed, capture
from .case import Call, is_ours, reason

_SHORTEST_SAMPLE = 2e-3  # seconds; in shorter samples the clock and the timer interrupt matter
_MOST = 40  # most samples of a way; more would not improve the result


@dataclass(frozen=True)
class Time:
    """Seconds per call: median, quartile range, number of samples, and how they were taken (clock, graph, stream)."""

    median: float
    spread: float
    samples: int
    how: str


def take_turns(
    ways: dict[str, list[Call]],
    device: torch.device,
    seconds: float,
    once: bool = False,
    launched: frozenset[str] = frozenset(),
) -> tuple[dict[str, list[float]], dict[str, str], dict[str, str]]:
    """Time all ways in turn.

    Each way gets about `seconds` and at least three samples, but only one if that takes longer than `seconds`, or if
    `once` is set (on the CPU then without a warm-up). The calls of a way do the same work on different data. On a GPU
    they are captured in one graph, except for the ways in `launched`, which cannot be captured.

    Returns:
        By way: the seconds per call of each sample; how it was timed; and for peers that failed, the reason. An
        exception in this package's way is raised.
    """
    samplers = {}
    hows = {}
    failed: dict[str, str] = {}
    for name, calls in ways.items():
        with _peers_may_fail(name, failed):
            samplers[name], hows[name] = _sampler(calls, device, once, name not in launched)
    samples: dict[str, list[float]] = {name: [] for name in samplers}
    spent = dict.fromkeys(samplers, 0.0)
    while True:
        left = [n for n in samplers if n not in failed and not _enough(samples[n], spent[n], seconds, once)]
        if not left:
            return {n: values for n, values in samples.items() if n not in failed}, hows, failed
        for name in left:
            begin = time.perf_counter()
            with _peers_may_fail(name, failed):
                samples[name].append(samplers[name]())
            spent[name] += time.perf_counter() - begin


@contextmanager
def _peers_may_fail(name: str, failed: dict[str, str]) -> Iterator[None]:
    """Record a peer's failure, mostly for lack of memory, so that the other ways are still timed."""
    try:
        yield
    except Exception as error:
        if is_ours(name):
            raise
        failed[name] = f"failed: {reason(error)}"


def _enough(samples: list[float], spent: float, seconds: float, once: bool) -> bool:
    if not samples:
        return False
    return once or samples[0] > seconds or len(samples) >= _MOST or (spent >= seconds and len(samples) >= 3)


def measure(calls: list[Call], device: torch.device, seconds: float = 0.4) -> Time:
    """Time one way by itself."""
    samples, hows, _ = take_turns({"ours": calls}, device, seconds)
    return summary(samples["ours"], hows["ours"])


def summary(samples: list[float], how: str) -> Time:
    low, median, high = quartiles(samples)
    return Time(median, high - low, len(samples), how)


def quartiles(samples: list[float]) -> tuple[float, float, float]:
    """The lower quartile, the median and the upper quartile; of a single sample all are that one."""
    low, median, high = statistics.quantiles(samples, n=4, method="inclusive") if len(samples) > 1 else samples * 3
    return low, median, high


def _sampler(calls: list[Call], device: torch.device, once: bool, capture: bool) -> tuple[Callable[[], float], str]:
    """A function that takes one sample, warmed up (except on the CPU with `once`), and how it is timed."""
    if device.type != "cuda":
        return _clock(calls, once), "clock"

    def all_calls() -> None:
        for call in calls:
            call()

    all_calls()
    torch.cuda.synchronize()
    graph = captured(all_calls) if capture and not once else None
    return _events(graph.replay if graph else all_calls, len(calls), once), "graph" if graph else "stream"


def captured(run: Callable[[], None]) -> torch.cuda.CUDAGraph | None:
    """Capture what `run` launches as a CUDA graph; None if it waits for the device, which no graph can hold.

    `run` must have been called before. Whether it waits is tested before the capture, because after a capture that
    fails, many versions of torch treat the allocator, the random generator and the stream as if it still went on.
    """
    if _waits(run):
        return None
    try:
        return capture(run)
    except CaptureFailed:  # a wait that torch did not see
        return None


def _waits(run: Callable[[], None]) -> bool:
    before = torch.cuda.get_sync_debug_mode()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch says that it does not see every wait
        torch.cuda.set_sync_debug_mode("error")
    try:
        run()
    except RuntimeError:
        return True
    finally:
        torch.cuda.set_sync_debug_mode(before)
    return False


def _events(run: Callable[[], Any], calls: int, once: bool) -> Callable[[], float]:
    """Make a function that times runs between two events, so many that the microseconds of a launch do not count."""

    def seconds(repeats: int) -> float:
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        for _ in range(repeats):
            run()
        end.record()
        end.synchronize()
        return float(start.elapsed_time(end)) * 1e-3 / repeats

    if once:
        return lambda: seconds(1) / calls
    seconds(1)  # the first replay copies the graph to the device
    repeats = max(1, math.ceil(_SHORTEST_SAMPLE / max(seconds(1), 1e-6)))
    return lambda: seconds(repeats) / calls


def _seconds(call: Call) -> float:
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def _clock(calls: list[Call], once: bool) -> Callable[[], float]:
    repeats = 1
    if not once:
        first = _seconds(calls[0])  # a first call also sets things up, which is not to be timed
        again = first if first > 0.2 else _seconds(calls[0])
        repeats = max(1, math.ceil(_SHORTEST_SAMPLE / max(again, 1e-7)))
    at = 0

    def sample() -> float:
        nonlocal at
        turn = [calls[(at + i) % len(calls)] for i in range(repeats)]
        at += repeats
        begin = time.perf_counter()
        for call in turn:
            call()
        return (time.perf_counter() - begin) / repeats

    return sample
