"""Compare two runs of the benchmark on one machine: what has changed, and what is only noise.

Disturbances only add time, so the lower quartile of its samples stands for a pass, and the median of its passes for a
run. Noise is how far two runs of the same code may differ, the largest of three numbers: how much the passes of a
run, whose data are in different memory, disagree; how much the times of the peers, whose code did not change, have
changed; and a fixed minimum. A drift that the peers of a device have in common is subtracted.
"""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import Any

from ..errors import PhotostyleError
from .case import is_ours
from .timing import quartiles

_LEAST = math.log(1.10)  # smaller changes are not reported: code placement and memory layout alone cause them
_PASSES = 2.0  # noise is at least this many times half the range of a run's passes
_PEERS = 1.5  # noise is at least this many times the change that three of four peers do not exceed

HIDES_TOO_MUCH = 1.5  # the factor that noise may hide in half of the timings before a comparison says nothing

Key = tuple[str, str, str]  # device, family, label


@dataclass(frozen=True)
class Change:
    """The times of one way of one case in two runs."""

    case: str
    way: str
    before: float  # seconds, median
    after: float
    factor: float  # after / before, without the peers' common drift; above 1 is slower
    noise: float  # the factor that noise alone may reach
    verdict: str  # "slower", "faster" or "same"
    ours: bool  # whether it is this package's code, and not a peer's


def compare(before: dict[str, Any], after: dict[str, Any]) -> tuple[list[Change], list[str]]:
    """Compare two results of `run.run`.

    Returns:
        The changes, largest first, and notes on what could not be compared or differs between the machines.

    Raises:
        PhotostyleError: the two results have no case in common.
    """
    old, new = _cases(before), _cases(after)
    common = [key for key in old if key in new]
    if not common:
        raise PhotostyleError("the two results have no case in common")
    notes = [f"only in one of them: {' '.join(key)}" for key in sorted(old.keys() ^ new.keys())]
    facts, others = _facts(before["machine"]), _facts(after["machine"])
    notes += [
        f"{what}: {facts[what]} and {others[what]}"
        for what in sorted(facts.keys() & others.keys())
        if facts[what] != others[what]
    ]
    changes: list[Change] = []
    for device in dict.fromkeys(key[0] for key in common):
        keys = [key for key in common if key[0] == device]
        changes += _device_changes({key: (old[key], new[key]) for key in keys})
    for key in common:
        lost = old[key]["ways"].keys() ^ new[key]["ways"].keys()
        notes += [f"{' '.join(key)}: {way} only in one of them" for way in sorted(lost)]
    return sorted(changes, key=lambda change: -abs(math.log(change.factor))), notes


def _cases(result: dict[str, Any]) -> dict[Key, dict[str, Any]]:
    return {(case["device"], case["family"], case["label"]): case for case in result["cases"]}


def _facts(machine: dict[str, Any]) -> dict[str, str]:
    """The facts of a machine that make two runs hard to compare if they differ."""
    found = {"processor": machine["processor"], "threads": str(machine["threads"])}
    found |= {f"version of {name}": str(version) for name, version in machine["versions"].items()}
    for name, device in machine["devices"].items():
        found |= {f"{name} device": device["name"], f"{name} kernels": device["backend"]}
    return found


def _is_ours(case: dict[str, Any], way: str) -> bool:
    """Whether a way is this package's code, by its name or because it is a part of this package's iteration."""
    return is_ours(way) or case["family"] == "parts"


def _device_changes(cases: dict[Key, tuple[dict[str, Any], dict[str, Any]]]) -> list[Change]:
    """The changes of one device's cases; `cases` holds each case's results before and after."""
    ways = {
        (key, way): (old["ways"][way], new["ways"][way])
        for key, (old, new) in cases.items()
        for way in old["ways"]
        if way in new["ways"]
    }
    ours = {at: _is_ours(cases[at[0]][0], at[1]) for at in ways}
    shifts = {
        at: statistics.median(_levels(new)) - statistics.median(_levels(old)) for at, (old, new) in ways.items()
    }
    peers = [shift for at, shift in shifts.items() if not ours[at]]
    drift = statistics.median(peers) if peers else 0.0
    moved = sorted(abs(shift - drift) for shift in peers)
    usual = _PEERS * moved[int(0.75 * len(moved))] if moved else 0.0
    changes = []
    for at, (old, new) in ways.items():
        shift = shifts[at] - drift
        noise = max(_LEAST, usual, _PASSES * math.hypot(_disagreement(old), _disagreement(new)))
        verdict = "same" if abs(shift) <= noise else "slower" if shift > 0 else "faster"
        medians = float(old["median"]), float(new["median"])
        changes.append(Change(" ".join(at[0]), at[1], *medians, math.exp(shift), math.exp(noise), verdict, ours[at]))
    return changes


def _levels(way: dict[str, Any]) -> list[float]:
    """The logarithm of each pass's lower quartile."""
    return [math.log(quartiles(samples)[0]) for samples in way["samples"]]


def _disagreement(way: dict[str, Any]) -> float:
    """Half the range of the passes' levels; 0 if there is only one pass."""
    levels = _levels(way)
    return (max(levels) - min(levels)) / 2
