"""The authors' optimisation as a plain PyTorch port runs it (Luan et al. 2017, released code).

Stage 1 starts from noise, without the photorealism term; stage 2 starts from the result of stage 1, with that term.
L-BFGS takes unit steps without line search, with a history of 100.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .plain_objective import PlainObjective


def run(
    objective: PlainObjective, start: Tensor, iterations: int, stages: tuple[bool, ...] = (False, True)
) -> Tensor:
    """The picture after `iterations` of L-BFGS per stage; `stages` says for each whether it has the photo term."""
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
