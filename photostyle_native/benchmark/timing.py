"""How long calls take: ways of doing one job take turns, so that a busy machine slows all of them alike.

On a GPU a sample is the replay of a CUDA graph between two events: what is timed is the device and not Python.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from .case import Call

_SHORTEST_SAMPLE = 2e-3  # seconds; below, the clock and the timer interrupt count
_MOST = 40  # samples of a way: more would not tell more


@dataclass(frozen=True)
class Time:
    """Seconds per call: median, quartile range, and how the samples were taken (clock, graph or stream)."""

    median: float
    spread: float
    samples: int
    how: str


def take_turns(
    ways: dict[str, list[Call]], device: torch.device, seconds: float, once: bool = False
) -> tuple[dict[str, list[float]], dict[str, str]]:
    """Seconds per call of each way, sample by sample, and how each was timed.

    Each way gets about `seconds` and at least three samples, but no more than one that takes `seconds` itself, and
    one without a warm-up if `once`. The calls of a way do the same work on different data; on a GPU they are captured
    in one graph.
    """
    samplers = {}
    hows = {}
    for name, calls in ways.items():
        samplers[name], hows[name] = _sampler(calls, device, once)
    samples: dict[str, list[float]] = {name: [] for name in ways}
    spent = dict.fromkeys(ways, 0.0)
    while True:
        left = [n for n in ways if not _enough(samples[n], spent[n], seconds, once)]
        if not left:
            return samples, hows
        for name in left:
            begin = time.perf_counter()
            samples[name].append(samplers[name]())
            spent[name] += time.perf_counter() - begin


def _enough(samples: list[float], spent: float, seconds: float, once: bool) -> bool:
    if not samples:
        return False
    return once or samples[0] > seconds or len(samples) >= _MOST or (spent >= seconds and len(samples) >= 3)


def measure(calls: list[Call], device: torch.device, seconds: float = 0.4) -> Time:
    """Time one way by itself."""
    samples, hows = take_turns({"": calls}, device, seconds)
    return summary(samples[""], hows[""])


def summary(samples: list[float], how: str) -> Time:
    if len(samples) < 2:
        return Time(samples[0], 0.0, 1, how)
    low, median, high = statistics.quantiles(samples, n=4, method="inclusive")
    return Time(median, high - low, len(samples), how)


def _sampler(calls: list[Call], device: torch.device, once: bool) -> tuple[Callable[[], float], str]:
    """A function that takes one sample, warmed up unless a call is so long that `once` was said."""
    if device.type != "cuda":
        return _clock(calls, once), "clock"
    for call in calls:
        call()
    torch.cuda.synchronize()

    def all_calls() -> None:
        for call in calls:
            call()

    if once:
        return _events(all_calls, len(calls)), "stream"
    try:
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            all_calls()
    except RuntimeError:  # a peer that cannot be captured
        torch.cuda.synchronize()
        return _events(all_calls, len(calls)), "stream"
    return _events(graph.replay, len(calls)), "graph"


def _events(run: Callable[[], Any], calls: int) -> Callable[[], float]:
    def sample() -> float:
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        run()
        end.record()
        end.synchronize()
        return start.elapsed_time(end) * 1e-3 / calls

    return sample


def _seconds(call: Call) -> float:
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def _clock(calls: list[Call], once: bool) -> Callable[[], float]:
    repeats = 1
    if not once:
        first = _seconds(calls[0])  # whatever is set up by a first call is not what is timed
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
