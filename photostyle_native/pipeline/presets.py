"""Schedules of a transfer, and the sizes they are run at."""

from __future__ import annotations

from dataclasses import dataclass

from ..optimization.solver import Stage


@dataclass(frozen=True)
class Preset:
    """A schedule: where the optimisation starts, and its stages."""

    start: str  # "colour": colours by optimal transport, label by label; "noise"
    stages: tuple[Stage, ...]


PRESETS = {
    "default": Preset("colour", (Stage("optimise", 80, metric=True, bounded=True, progress=0.015, history=40),)),
    "paper": Preset("noise", (Stage("stylise", 1000, photo=False), Stage("photorealise", 1000))),
}


# Longest side of the working size by device: what keeps the default preset under a minute on two cores.
DEFAULT_SIZES = {"cpu": 400, "cuda": 700}
