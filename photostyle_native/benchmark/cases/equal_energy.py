"""The default preset beside the authors' schedule: the time to the energy with which that schedule ends.

Both minimise one energy with the same kernels, so the difference is the method's: where it starts, its metric, and
that it has one stage.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import torch

from ... import data
from ...images.photo import read_photo
from ...images.resize import working_size
from ...masks.label_images import read_labels
from ...masks.pairs import MaskPair, prepare_pair
from ...optimization.objective import Objective
from ...optimization.solver import Iteration, Solver
from ...pipeline.presets import PRESETS
from ...pipeline.start import starting_picture
from ..case import Case, Family, WrongResult
from .iteration import network, solve

_DEFAULT, _AUTHORS = PRESETS["default"], PRESETS["paper"]


class _Reached(Exception):
    """The energy is low enough."""


class _Pair:
    """The demo's photos at one width, their masks, and their energy."""

    def __init__(self, width: int, device: torch.device) -> None:
        photos = [read_photo(path) for path in (data.CONTENT, data.STYLE)]
        sizes = [working_size(photo.size, width) for photo in photos]
        labels = [read_labels(path) for path in (data.CONTENT_MASK, data.STYLE_MASK)]
        self.masks: MaskPair = prepare_pair(labels[0], labels[1], sizes[0], sizes[1]).to(device)
        self.content, self.style = (p.tensor(size, device) for p, size in zip(photos, sizes, strict=True))
        self.objective = Objective(self.content, self.style, self.masks.content, self.masks.style, network(device))

    def authors(self, iterations: int) -> float:
        """Run the authors' two stages, `iterations` each; returns the energy at their end."""
        start = starting_picture(_AUTHORS, self.content, self.style, self.masks, seed=0)
        solver = Solver(self.objective, start.to(self.content.device))
        solve(solver, [replace(stage, iterations=iterations) for stage in _AUTHORS.stages])
        return solver.best_terms["total"]

    def default(self, target: float) -> None:
        """Run the default preset, with its start, until the energy is at most `target`."""

        def stop(iteration: Iteration) -> None:
            if iteration.terms["total"] <= target:
                raise _Reached

        start = starting_picture(_DEFAULT, self.content, self.style, self.masks, seed=0)
        solver = Solver(self.objective, start, stop)
        try:
            # Progress that fades does not end it before the energy is reached.
            solve(solver, [replace(stage, progress=0.0) for stage in _DEFAULT.stages])
        except _Reached:
            return
        raise WrongResult(
            f"the default preset ends at {solver.best_terms['total']:.5g}, the authors' at {target:.5g}"
        )


@cache
def _prepared(width: int, iterations: int, device: torch.device) -> tuple[_Pair, float]:
    pair = _Pair(width, device)
    return pair, pair.authors(iterations)  # once, because it takes minutes


def build(device: torch.device, width: int, iterations: int) -> Case:
    """Set up both ways to the energy of the authors' schedule with `iterations` in each stage."""
    pair, target = _prepared(width, iterations, device)
    pair.default(target)  # checks that it gets there
    case = Case(pair.content[0].numel(), once=True)
    case.ways["ours"] = [lambda: pair.default(target)]
    case.ways["the authors' schedule"] = [lambda: pair.authors(iterations)]
    return case


FAMILY = Family("equal_energy", "Time to equal energy", ("ours", "the authors' schedule"), build)
