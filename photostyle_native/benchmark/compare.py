"""What changed between two runs of the benchmark on one machine, and what is only its noise.

Whatever disturbs a machine only adds time, so runs are compared by their fastest samples. Three things say how far
two runs of the same code may lie apart: how well a run's passes, with data made anew, agree on the fastest sample;
how far the peers, whose code did not change, have moved; and a floor. A drift that all peers share is taken out.
"""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import Any

from ..errors import PhotostyleError

_LEAST = math.log(1.10)  # smaller changes are not reported: code placement and memory layout alone make some
_GAPS = 3.0  # times the gap between a run's two best passes
_PEERS = 1.5  # times what nine of ten peers stayed within

Key = tuple[str, str, str]  # device, family, label


@dataclass(frozen=True)
class Change:
    """One way of one case in two runs."""

    case: str
    way: str
    before: float  # seconds, median
    after: float
    factor: float  # after / before of the fastest samples, less the peers' common drift; above 1 is slower
    noise: float  # the factor that noise alone may reach
    verdict: str  # "slower", "faster" or "same"


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
    for what in ("processor", "threads"):
        if before["machine"][what] != after["machine"][what]:
            notes.append(f"{what}: {before['machine'][what]} and {after['machine'][what]}")
    shifts = {(key, way): _shift(old[key], new[key], way) for key in common for way in _shared(old[key], new[key])}
    peers = [shift for (_, way), shift in shifts.items() if not _is_ours(way)]
    drift = statistics.median(peers) if peers else 0.0
    moved = sorted(abs(shift - drift) for shift in peers)
    usual = _PEERS * moved[int(0.9 * len(moved))] if moved else 0.0
    changes = []
    for (key, way), shift in shifts.items():
        ways = old[key]["ways"][way], new[key]["ways"][way]
        noise = max(_LEAST, usual, _GAPS * math.hypot(*(_gap(w) for w in ways)))
        verdict = "same" if abs(shift - drift) <= noise else "slower" if shift > drift else "faster"
        medians = (float(w["median"]) for w in ways)
        factors = math.exp(shift - drift), math.exp(noise)
        changes.append(Change(" ".join(key), way, next(medians), next(medians), *factors, verdict))
    for key in common:
        lost = old[key]["ways"].keys() ^ new[key]["ways"].keys()
        notes += [f"{' '.join(key)}: {way} only in one of them" for way in sorted(lost)]
    return sorted(changes, key=lambda change: -abs(math.log(change.factor))), notes


def _cases(result: dict[str, Any]) -> dict[Key, dict[str, Any]]:
    return {(case["device"], case["family"], case["label"]): case for case in result["cases"]}


def _is_ours(way: str) -> bool:
    return way.startswith("ours")


def _fastest(way: dict[str, Any]) -> list[float]:
    """Log of the fastest sample of each pass, ascending."""
    return sorted(math.log(min(samples)) for samples in way["samples"])


def _gap(way: dict[str, Any]) -> float:
    """Between the two best passes; of a single pass nothing is known."""
    fastest = _fastest(way)
    return fastest[1] - fastest[0] if len(fastest) > 1 else 0.0


def _shared(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    return [way for way in old["ways"] if way in new["ways"]]


def _shift(old: dict[str, Any], new: dict[str, Any], way: str) -> float:
    return _fastest(new["ways"][way])[0] - _fastest(old["ways"][way])[0]
