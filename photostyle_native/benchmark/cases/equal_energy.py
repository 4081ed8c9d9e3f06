"""The default preset beside the authors' schedule: the time to the energy with which the default ends.

Both minimise one energy with the same kernels, so the difference is the method's: where it starts, its metric, and
that it has one stage.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import torch

from ... import data
from ...color.transport import masked_transport
from ...images.photo import read_photo
from ...images.resize import working_size
from ...masks.label_images import read_labels
from ...masks.pairs import MaskPair, prepare_pair
from ...optimization.objective import Objective
from ...optimization.solver import Iteration, Solver
from ...pipeline.presets import PRESETS
from ...pipeline.start import noise_start
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

    def default(self) -> float:
        """Run the default preset, with its start; returns the energy at its end."""
        start = masked_transport(self.content, self.style, self.masks.content, self.masks.style)
        return solve(Solver(self.objective, start), _DEFAULT.stages).best_terms["total"]

    def authors(self, iterations: int, target: float) -> None:
        """Run the authors' two stages, at most `iterations` each, until the energy is at most `target`."""
        last = _AUTHORS.stages[-1].name

        def stop(iteration: Iteration) -> None:
            # In the stages before the last one, the energy lacks a term.
            if iteration.stage == last and iteration.terms["total"] <= target:
                raise _Reached

        start = noise_start((self.content.shape[1], self.content.shape[2]), seed=0)
        solver = Solver(self.objective, start.to(self.content.device), stop)
        try:
            solve(solver, [replace(stage, iterations=iterations) for stage in _AUTHORS.stages])
        except _Reached:
            return
        raise WrongResult(f"it ends at {solver.best_terms['total']:.5g}, the default at {target:.5g}")


@cache
def _prepared(width: int, iterations: int, device: torch.device) -> tuple[_Pair, float, str]:
    """The pair, the energy to reach, and why the authors' schedule does not; once, because it takes minutes."""
    pair = _Pair(width, device)
    target = pair.default()
    try:
        pair.authors(iterations, target)
    except WrongResult as error:
        return pair, target, str(error)
    return pair, target, ""


def build(device: torch.device, width: int, iterations: int) -> Case:
    """Set up both ways to the energy of the default preset; the authors' has at most `iterations` in each stage."""
    pair, target, unless = _prepared(width, iterations, device)
    case = Case(pair.content[0].numel(), once=True)
    case.ways["ours"] = [pair.default]
    case.offer("the authors' schedule", lambda: [lambda: pair.authors(iterations, target)], unless=unless)
    return case


FAMILY = Family("equal_energy", "Time to equal energy", ("ours", "the authors' schedule"), build)
