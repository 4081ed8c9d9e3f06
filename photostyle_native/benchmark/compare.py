"""What changed between two runs of the benchmark on one machine, and what is only its noise.

A busy machine slows everything alike, so a way of ours is compared relative to its peers of the same case, which took
turns with it. What is left between passes of one run, with the same code and data in other memory, is the noise that
a change has to stand out from.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..errors import PhotostyleError
from .case import is_ours

_LEAST = math.log(1.10)  # smaller changes are not reported: code placement and memory layout alone make some
_SIGMAS = 4.0

Key = tuple[str, str, str]  # device, family, label


@dataclass(frozen=True)
class Change:
    """One way of one case in two runs."""

    case: str
    way: str
    before: float  # seconds, median
    after: float
    factor: float  # after / before, with what happened to the peers taken out; above 1 is slower
    noise: float  # the factor that noise alone may reach
    verdict: str  # "slower", "faster" or "same"
    ours: bool  # the package's code, and not a peer's


def compare(before: dict[str, Any], after: dict[str, Any]) -> tuple[list[Change], list[str]]:
    """Changes from one result of `run` to another, largest first, and what could not be compared.

    Raises:
        PhotostyleError: the two have nothing in common.
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
    overall = {
        device: _drift([drift for key in common if key[0] == device for drift in _peer_drifts(old[key], new[key])])
        for device in {key[0] for key in common}
    }
    pooled = _pooled_noise([noise for key in common for noise in _noises(old[key], new[key])])
    changes: list[Change] = []
    for key in common:
        changes += _case_changes(key, old[key], new[key], overall[key[0]], pooled)
        lost = old[key]["ways"].keys() ^ new[key]["ways"].keys()
        notes += [f"{' '.join(key)}: {way} only in one of them" for way in sorted(lost)]
    return sorted(changes, key=lambda change: -abs(math.log(change.factor))), notes


def _cases(result: dict[str, Any]) -> dict[Key, dict[str, Any]]:
    return {(case["device"], case["family"], case["label"]): case for case in result["cases"]}


def _facts(machine: dict[str, Any]) -> dict[str, str]:
    """What makes two runs hard to compare if it differs."""
    found = {"processor": machine["processor"], "threads": str(machine["threads"])}
    found |= {f"version of {name}": str(version) for name, version in machine["versions"].items()}
    for name, device in machine["devices"].items():
        found |= {f"{name} device": device["name"], f"{name} kernels": device["backend"]}
    return found


def _is_ours(case: dict[str, Any], way: str) -> bool:
    """The parts of an iteration are ours, too: they are no measure of how busy the machine is."""
    return is_ours(way) or case["family"] == "parts"


def _levels(way: dict[str, Any]) -> list[float]:
    """Log of the lower quartile of each pass: disturbances only ever add time."""
    return [math.log(_lower_quartile(samples)) for samples in way["samples"]]


def _lower_quartile(samples: list[float]) -> float:
    return statistics.quantiles(samples, n=4, method="inclusive")[0] if len(samples) > 1 else samples[0]


def _relative_levels(case: dict[str, Any], way: str) -> list[float]:
    """Levels of a way per pass, less the mean of the peers' in the same pass (if there are any besides it)."""
    levels = {name: _levels(w) for name, w in case["ways"].items()}
    peers = [values for name, values in levels.items() if not _is_ours(case, name) and name != way]
    own = levels[way]
    if not peers:
        return own
    return [value - statistics.fmean(p[k] for p in peers) for k, value in enumerate(own)]


def _shared(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    return [way for way in old["ways"] if way in new["ways"]]


def _shift(old: dict[str, Any], new: dict[str, Any], way: str) -> float:
    return statistics.median(_levels(new["ways"][way])) - statistics.median(_levels(old["ways"][way]))


def _peer_drifts(old: dict[str, Any], new: dict[str, Any]) -> Iterator[float]:
    yield from (_shift(old, new, way) for way in _shared(old, new) if not _is_ours(old, way))


def _drift(shifts: list[float]) -> float:
    """How much slower everything else has become."""
    return statistics.median(shifts) if shifts else 0.0


def _noises(old: dict[str, Any], new: dict[str, Any]) -> Iterator[float]:
    for way in _shared(old, new):
        for case in (old, new):
            levels = _relative_levels(case, way)
            if len(levels) > 1:
                yield statistics.stdev(levels)


def _pooled_noise(noises: list[float]) -> float:
    """Typical standard deviation of a pass: a few passes alone say too little about their own."""
    return statistics.median(noises) if noises else 0.0


def _case_changes(
    key: Key, old: dict[str, Any], new: dict[str, Any], overall: float, pooled: float
) -> Iterator[Change]:
    for way in _shared(old, new):
        others = [_shift(old, new, peer) for peer in _shared(old, new) if not _is_ours(old, peer) and peer != way]
        # A peer that is alone in its case is measured against the peers of all cases.
        shift = _shift(old, new, way) - (_drift(others) if others else overall)
        variance = 0.0
        for case in (old, new):
            levels = _relative_levels(case, way)
            own = statistics.stdev(levels) if len(levels) > 1 else 0.0
            variance += max(own, pooled) ** 2 / len(levels)
        noise = max(_LEAST, _SIGMAS * math.sqrt(variance))
        verdict = "same" if abs(shift) <= noise else "slower" if shift > 0 else "faster"
        before, after = (float(case["ways"][way]["median"]) for case in (old, new))
        yield Change(" ".join(key), way, before, after, math.exp(shift), math.exp(noise), verdict, _is_ours(old, way))
