"""The authors' optimisation as a plain PyTorch port runs it (Luan et al. 2017, released code).

Stage 1 without the photorealism term, from noise; stage 2 with it, from stage 1's result; L-BFGS with unit steps, no
line search, history 100.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .plain_objective import PlainObjective


def run(
    objective: PlainObjective, start: Tensor, iterations: int, stages: tuple[bool, ...] = (False, True)
) -> Tensor:
    """The picture after `iterations` L-BFGS iterations per stage; a stage says whether the photo term takes part."""
    x = start
    for photo in stages:
        x = _stage(objective, x, iterations, photo)
    return x


def _stage(objective: PlainObjective, start: Tensor, iterations: int, photo: bool) -> Tensor:
    x = start.clone().requires_grad_()
    optimizer = torch.optim.LBFGS([x], lr=1, max_iter=1, max_eval=1, history_size=100, tolerance_change=0)

    def closure() -> Tensor:
        optimizer.zero_grad()
        energy = objective(x, photo)
        energy.backward()
        return energy

    for _ in range(iterations):
        optimizer.step(closure)
    return x.detach()
