"""One stage of an optimisation's schedule; plain numbers, for which torch need not be imported."""

from __future__ import annotations

from dataclasses import dataclass

PROGRESS_WINDOW = 10  # iterations over which progress is judged


@dataclass(frozen=True)
class Stage:
    """One run of the optimiser.

    `iterations` is how many steps it may take. With `photo` the photorealism term takes part. With `metric` steps are
    taken in `ImageMetric`. With `bounded` it is the picture clamped to [0, 1] whose energy counts, and a penalty
    keeps the variables near it. The stage ends early once `PROGRESS_WINDOW` iterations lower the energy by less than
    the share `progress`. `history` is how many differences L-BFGS keeps: two per iteration, of the picture's size.
    """

    name: str
    iterations: int
    photo: bool = True
    metric: bool = False
    bounded: bool = False
    progress: float = 0.0
    history: int = 100
