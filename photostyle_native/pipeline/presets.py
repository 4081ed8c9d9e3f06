"""Schedules of a transfer, the sizes they are run at, and the network's precisions.

Nothing here imports torch, because the command line's help reads it.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..optimization.stage import Stage


@dataclass(frozen=True)
class Preset:
    """A schedule: where the optimisation starts, and its stages."""

    start: str  # "colour": colours by optimal transport, label by label; "noise"
    stages: tuple[Stage, ...]
    about: str  # for the command line's help


PRESETS = {
    "default": Preset(
        "colour",
        (Stage("optimise", 80, metric=True, bounded=True, progress=0.015, history=40),),
        "from a colour transfer until progress fades, 80 iterations at most",
    ),
    "paper": Preset(
        "noise",
        (Stage("stylise", 1000, photo=False), Stage("photorealise", 1000)),
        "the authors' 1000 + 1000 from noise",
    ),
}
# Longest side of the working size by device: what keeps the default preset under a minute on two cores.
DEFAULT_SIZES = {"cpu": 400, "cuda": 700}
PRECISIONS = ("auto", "float32", "bfloat16")
