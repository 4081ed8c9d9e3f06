"""How long calls take: ways of doing one job take turns, so that a busy machine slows all of them alike.

On a GPU a sample is replays of a CUDA graph between two events: what is timed is the device and not Python.
"""

from __future__ import annotations

import math
import statistics
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import torch

from .case import Call, is_ours, reason

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
    ways: dict[str, list[Call]],
    device: torch.device,
    seconds: float,
    once: bool = False,
    launched: frozenset[str] = frozenset(),
) -> tuple[dict[str, list[float]], dict[str, str], dict[str, str]]:
    """Seconds per call of each way, sample by sample; how each was timed; and peers that failed, with the reason.

    Each way gets about `seconds` and at least three samples, but no more than one that takes `seconds` itself, and
    one (on the CPU without a warm-up) if `once`. The calls of a way do the same work on different data; on a GPU they
    are captured in one graph, but for the ways `launched`, which cannot be. What fails in a way of ours is raised.
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
    """A peer that fails, for lack of memory mostly, must not take the other ways with it."""
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
    if len(samples) < 2:
        return Time(samples[0], 0.0, 1, how)
    low, median, high = statistics.quantiles(samples, n=4, method="inclusive")
    return Time(median, high - low, len(samples), how)


def _sampler(calls: list[Call], device: torch.device, once: bool, capture: bool) -> tuple[Callable[[], float], str]:
    """A function that takes one sample, warmed up unless a call is so long that `once` was said."""
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
    """What `run`, which has been called before, launches as a graph; None for what waits for the device.

    No graph can hold that. It is found out beforehand: a capture that fails leaves many versions of torch with an
    allocator, a generator of random numbers and a stream that think it goes on.
    """
    if _waits(run):
        return None
    graph = torch.cuda.CUDAGraph()
    try:
        with torch.cuda.stream(torch.cuda.current_stream()), torch.cuda.graph(graph):
            run()
    except RuntimeError:  # something waited that torch knows nothing of: undo what can be undone
        with suppress(RuntimeError):
            graph.reset()
        torch.cuda.synchronize()
        generator = torch.cuda.default_generators[torch.cuda.current_device()]
        generator.graphsafe_set_state(torch.Generator(generator.device))
        return None
    return graph


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
    """Samples between two events, of as many runs as make a sample long: a first launch takes microseconds itself."""

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
    seconds(1)  # the first replay brings the graph to the device
    repeats = max(1, math.ceil(_SHORTEST_SAMPLE / max(seconds(1), 1e-6)))
    return lambda: seconds(repeats) / calls


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
