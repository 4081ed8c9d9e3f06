"""The stages of an optimisation's schedule, in a module that does not import torch."""

from __future__ import annotations

from dataclasses import dataclass, replace

PROGRESS_WINDOW = 10  # the number of iterations over which `Stage.progress` is measured


@dataclass(frozen=True)
class Stage:
    """The settings of one run of the optimiser.

    Args:
        name: the name of the stage in reports.
        iterations: the largest number of steps.
        photo: whether the energy has its photorealism term.
        metric: whether the variables are those of `ImageMetric`.
        bounded: whether the energy is that of the picture clamped to [0, 1]; a penalty then keeps the variables
            close to the range.
        progress: the stage ends early if `PROGRESS_WINDOW` iterations lower the energy by less than this share of
            it; 0 disables this.
        history: the number of pairs of differences that L-BFGS keeps; a pair takes twice the memory of the picture.
    """

    name: str
    iterations: int
    photo: bool = True
    metric: bool = False
    bounded: bool = False
    progress: float = 0.0
    history: int = 100


def exactly(stage: Stage, iterations: int) -> Stage:
    """The same stage with this many steps, wherever the energy is."""
    return replace(stage, iterations=iterations, progress=0.0)
