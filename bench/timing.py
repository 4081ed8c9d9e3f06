"""How long one call takes on a device: CUDA events around graph replays, or a clock around calls on the CPU."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch


@dataclass(frozen=True)
class Time:
    """Seconds per call: the median of the samples, their quartile range, and how they were taken."""

    median: float
    spread: float
    samples: int
    how: str


def measure(calls: list[Callable[[], Any]], device: torch.device, budget: float = 0.4) -> Time:
    """Time `calls`, which do the same work on different data so that a GPU's cache holds none of it.

    On CUDA they are captured in one graph, so that what is timed is the device and not Python; calls that cannot be
    captured are timed back to back on the stream instead, and the result says so.
    """
    for call in calls:
        call()
    if device.type != "cuda":
        return _clock(calls, budget)
    torch.cuda.synchronize()
    try:
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            for call in calls:
                call()
        return _events(graph.replay, len(calls), budget, "graph")
    except RuntimeError:
        torch.cuda.synchronize()

        def all_calls() -> None:
            for call in calls:
                call()

        return _events(all_calls, len(calls), budget, "stream")


def _events(run: Callable[[], Any], calls: int, budget: float, how: str) -> Time:
    for _ in range(3):
        run()
    samples: list[float] = []
    while sum(samples) * calls < budget and len(samples) < 200:
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        run()
        end.record()
        end.synchronize()
        samples.append(start.elapsed_time(end) * 1e-3 / calls)
    return _summary(samples, how)


def _clock(calls: list[Callable[[], Any]], budget: float) -> Time:
    samples: list[float] = []
    while sum(samples) < budget or len(samples) < 3:
        call = calls[len(samples) % len(calls)]
        start = time.perf_counter()
        call()
        samples.append(time.perf_counter() - start)
    return _summary(samples, "clock")


def _summary(samples: list[float], how: str) -> Time:
    if len(samples) < 2:
        return Time(samples[0], 0.0, 1, how)
    low, median, high = statistics.quantiles(samples, n=4)
    return Time(median, high - low, len(samples), how)
