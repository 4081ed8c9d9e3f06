"""The term that keeps the change of a picture even where it shall be."""

from __future__ import annotations

import pytest
import torch
from pictures import smooth_picture
from torch import Tensor

from photostyle_native.network.vgg19 import VGG19
from photostyle_native.optimization.even_change import EvenChange
from photostyle_native.optimization.objective import Objective, Terms
from photostyle_native.optimization.solver import Solver
from photostyle_native.optimization.stage import Stage

HEIGHT, WIDTH = 40, 48


@pytest.fixture
def objective(vgg: VGG19) -> Objective:
    content, ones = smooth_picture(HEIGHT, WIDTH), torch.ones(1, HEIGHT, WIDTH)
    return Objective(content, content.flip(1), ones, ones, vgg)


def left_half() -> tuple[Tensor, Tensor]:
    """Weights of the pairs that lie in the left half of the picture."""
    down, right = torch.zeros(HEIGHT - 1, WIDTH), torch.zeros(HEIGHT, WIDTH - 1)
    down[:, : WIDTH // 2] = right[:, : WIDTH // 2] = 1
    return down, right


def unevenness(change: Tensor) -> Tensor:
    """The squared gradient of a change, (3, H - 1, W - 1), summed over channels."""
    down, right = change[:, 1:, :-1] - change[:, :-1, :-1], change[:, :-1, 1:] - change[:, :-1, :-1]
    return (down.square() + right.square()).sum(0)


def test_the_term_is_a_weighted_mean_of_squared_gradients(objective: Objective) -> None:
    x, picture = torch.rand(3, HEIGHT, WIDTH), torch.rand(3, HEIGHT, WIDTH)
    even = EvenChange(objective, picture, *left_half(), 1e5)
    half = (x - picture)[:, :, : WIDTH // 2 + 1]
    total = half.diff(dim=1)[:, :, :-1].square().sum() + half.diff(dim=2).square().sum()
    extra = float(even(x).total - objective(x).total)
    assert extra == pytest.approx(1e5 * WIDTH**2 * float(total) / (HEIGHT * WIDTH), rel=1e-3)
    assert float(even(x).style) == float(objective(x).style)
    assert float(even(x, photo=False).total) == float(objective(x, photo=False).total)
    shifted = EvenChange(objective, x - 0.1, *left_half(), 1e5)
    assert float(shifted(x).photo) == pytest.approx(float(objective(x).photo), rel=1e-3)


def test_the_term_does_not_depend_on_the_size() -> None:
    def none(x: Tensor, *, photo: bool = True) -> Terms:
        zero = x.new_zeros(())
        return Terms(zero, zero, zero, zero)

    values = []
    for scale in (1, 3):
        size = HEIGHT * scale, WIDTH * scale
        rows, columns = torch.arange(size[0])[:, None] / size[0], torch.arange(size[1]) / size[1]
        change = torch.sin(9 * rows + 12 * columns).expand(3, *size)
        pairs = torch.ones(size[0] - 1, size[1]), torch.ones(size[0], size[1] - 1)
        values.append(float(EvenChange(none, torch.zeros(3, *size), *pairs, 1.0)(change).photo))
    assert values[1] == pytest.approx(values[0], rel=0.03)


def test_a_change_is_even_where_it_shall_be(objective: Objective) -> None:
    start = objective.guide
    stage = Stage("optimise", 12, metric=True, bounded=True, history=12)
    rough = []
    for energy in (objective, EvenChange(objective, start, *left_half(), 1e7)):
        solver = Solver(energy, start)
        solver.run(stage)
        places = unevenness(solver.x - start)
        rough.append((float(places[:, : WIDTH // 2 - 2].mean()), float(places[:, WIDTH // 2 + 2 :].mean())))
    assert rough[1][0] < 0.2 * rough[0][0]
    assert rough[1][0] < 0.2 * rough[1][1]
