"""The stages of an optimisation's schedule, in a module that does not import torch."""

from __future__ import annotations

from dataclasses import dataclass

PROGRESS_WINDOW = 10  # the number of iterations over which `Stage.progress` is measured


@dataclass(frozen=True)
class Stage:
    """The settings of one run of the optimiser.

    `iterations` is the largest number of steps. `photo` says whether the energy has its photorealism term, and
    `metric` whether the variables are those of `ImageMetric`. If `bounded` is true, the energy is that of the picture
    clamped to [0, 1], and a penalty keeps the variables close to the range. The stage ends early if `PROGRESS_WINDOW`
    iterations lower the energy by less than the share `progress`; 0 disables this. `history` is the number of pairs
    of differences that L-BFGS keeps; a pair takes twice the memory of the picture.
    """

    name: str
    iterations: int
    photo: bool = True
    metric: bool = False
    bounded: bool = False
    progress: float = 0.0
    history: int = 100
