"""The term that keeps a picture near another one."""

from __future__ import annotations

import pytest
import torch
from pictures import smooth_picture

from photostyle_native.network.vgg19 import VGG19
from photostyle_native.optimization.anchor import Anchored
from photostyle_native.optimization.objective import Objective
from photostyle_native.optimization.solver import Solver
from photostyle_native.optimization.stage import Stage


@pytest.fixture
def objective(vgg: VGG19) -> Objective:
    content, ones = smooth_picture(40, 48), torch.ones(1, 40, 48)
    return Objective(content, content.flip(1), ones, ones, vgg)


def test_the_term_is_a_weighted_mean_of_squares(objective: Objective) -> None:
    share = torch.zeros(40, 48)
    share[:20] = 1
    x, picture = torch.rand(3, 40, 48), torch.rand(3, 40, 48)
    anchored = Anchored(objective, picture, share, 1e7)
    extra = float(anchored(x).total - objective(x).total)
    assert extra == pytest.approx(1e7 * float((x - picture)[:, :20].square().mean()) / 2, rel=1e-3)
    assert float(anchored(x).style) == float(objective(x).style)


def test_a_result_is_nearer_where_it_counts(objective: Objective) -> None:
    share = torch.zeros(40, 48)
    share[:, :24] = 1
    start = objective.guide
    stage = Stage("optimise", 12, metric=True, bounded=True, history=12)
    changes = []
    for energy in (objective, Anchored(objective, start, share, 1e11)):
        solver = Solver(energy, start)
        solver.run(stage)
        change = (solver.x - start).square().mean(0)
        changes.append((float(change[:, :20].mean()), float(change[:, 28:].mean())))
    assert changes[1][0] < 0.1 * changes[0][0]
    assert changes[1][0] < 0.1 * changes[1][1]
