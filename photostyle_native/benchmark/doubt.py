"""Which timings of a benchmark cannot be trusted, and what they say in sum without those.

A time that would mean more bytes than this machine copies, or more operations than it multiplies, was taken while the
limit itself was disturbed (or the data stayed in a cache); one whose samples differ by more than half was disturbed
itself.
"""

from __future__ import annotations

from typing import Any

from .case import is_ours

_SHARES = {"share_of_copy": "copy bandwidth", "share_of_matrix": "matrix product"}
_SPREAD = 0.5  # quartile range over median
_BUSY = 0.5  # load for each processor that the run may use


def doubt(way: dict[str, Any]) -> str:
    """Why the time of a way is doubtful, in a few words; empty if it is not."""
    found = [f"{way[key]:.0%} of the {limit}" for key, limit in _SHARES.items() if way.get(key, 0) > 1]
    if way["samples_taken"] > 1 and way["spread"] > _SPREAD * way["median"]:
        found.append(f"spread {way['spread'] / way['median']:.0%}")
    return ", ".join(found)


def doubts(case: dict[str, Any]) -> dict[str, str]:
    """Why ways of a case are doubtful, by name."""
    return {name: why for name, way in case["ways"].items() if (why := doubt(way))}


def sound(case: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The ways of a case that are not doubtful."""
    return {name: way for name, way in case["ways"].items() if not doubt(way)}


def busy(machine: dict[str, Any]) -> str:
    """A sentence if other programs ran during the benchmark; empty if none did, or if that is not known."""
    load, processors = machine.get("load"), machine.get("affinity") or 1
    if not load or load[0] <= _BUSY * processors:
        return ""
    return f"the machine was busy: load {load[0]:.1f} on {processors} processors when the run began"


def summary(result: dict[str, Any]) -> list[tuple[str, str, str, float]]:
    """For each job on each device at its largest size: what it is, the fastest peer, and that peer's time over ours.

    Jobs of which our time is doubtful, or every peer's, are left out.
    """
    rows = []
    for device in result["ceilings"]:
        cases = [case for case in result["cases"] if case["device"] == device and case["family"] != "parts"]
        for family in dict.fromkeys(case["family"] for case in cases):
            same = [case for case in cases if case["family"] == family]
            widest = max(case["parameters"]["width"] for case in same)
            for case in same:
                ways = sound(case)
                peers = {name: way["times_ours"] for name, way in ways.items() if not is_ours(name)}
                if case["parameters"]["width"] == widest and "ours" in ways and peers:
                    best = min(peers, key=lambda name: peers[name])
                    rows.append((f"{case['title']}: {case['label']}", device, best, peers[best]))
    return rows
