"""The algebra of L-BFGS without line search.

It suits functions whose gradient is expensive and for which unit steps work well.

Liu, Nocedal: *On the limited memory BFGS method for large scale optimization* (1989), in the compact form of Byrd,
Nocedal, Schnabel: *Representations of quasi-Newton matrices and their use in limited memory methods* (1994). The
step itself is an op, `ops.lbfgs_step`. The host decides nothing, so it runs without synchronisation on a GPU, and can
be captured in a CUDA graph.

The driver uses this class instead of an optimiser of `torch.optim`, because the first one of those imports
`torch._dynamo` when it is made: some 900 modules, 1.5 to 6 seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from ..ops.lbfgs_step import lbfgs_step
from ..reference.lbfgs_step import BEST, GOOD, RESETS, SHRINK

_ALIGNMENT = 64  # elements: rows of the history begin at multiples of this


class LimitedMemory:
    """The state of an L-BFGS minimisation, which gets a loss and its gradient and moves the parameters by one step.

    Args:
        params: tensors of one floating-point type on one device.
        metric: as in `LBFGS`, or None.
        options: `lr`, `history_size`, `first_step`, `divergence` and `capturable` as in `LBFGS`. They are read at
            every step, and all but the history's size may be changed between steps.

    Raises:
        ValueError: an option is out of range, the parameters differ in type or device, or there are several and a
            `metric`.

    Source: Liu, Nocedal 1989; Byrd, Nocedal, Schnabel 1994.
    """

    def __init__(
        self, params: Sequence[Tensor], options: dict[str, Any], metric: Callable[[Tensor], Tensor] | None = None
    ) -> None:
        names = ("lr", "first_step", "history_size", "divergence")
        lr, first_step, history_size, divergence = (options[name] for name in names)
        if not (lr > 0 and history_size >= 1 and first_step > 0 and divergence >= 1):
            raise ValueError(
                "`lr` and `first_step` must be positive, `history_size` and `divergence` at least 1, got "
                f"{lr}, {first_step}, {history_size} and {divergence}"
            )
        if len({(p.device, p.dtype) for p in params}) != 1:
            raise ValueError("`params` must be tensors of one dtype on one device")
        if metric is not None and len(params) != 1:
            raise ValueError(f"`metric` needs one parameter, got {len(params)}")
        self.options = options
        self._params, self._metric = params, metric
        self.state = self._initial_state()

    def _initial_state(self) -> dict[str, Any]:
        x, rows = self._gather(self._params), 2 * self.options["history_size"]
        numbers = torch.zeros(5, dtype=torch.float64, device=x.device)
        numbers[BEST], numbers[SHRINK] = float("inf"), 1.0
        pitch = -(-x.numel() // _ALIGNMENT) * _ALIGNMENT
        return {
            "numbers": numbers,
            "best_x": x.clone(),
            "change": torch.zeros_like(x),
            "gradient": torch.zeros_like(x),
            # The difference s of x in row 2 i and y of the gradient in row 2 i + 1; and products of these rows.
            "basis": x.new_zeros(rows, pitch),
            "products": torch.zeros(rows, rows, dtype=torch.float64, device=x.device),
            "steps": 0,
        }

    @property
    def best(self) -> Tensor:
        """The lowest loss so far, a float64 scalar on the parameters' device."""
        return self.state["numbers"][BEST]

    @property
    def resets(self) -> Tensor:
        """The number of steps that diverged, an int64 scalar on the parameters' device."""
        return self.state["numbers"][RESETS].long()

    @torch.no_grad()
    def restore_best(self) -> None:
        """Set the parameters to the point of the lowest loss so far."""
        self._scatter(self.state["best_x"])

    @torch.no_grad()
    def advance(self, loss: Tensor, gradients: Sequence[Tensor]) -> None:
        """Change the parameters by one step.

        Args:
            loss: the loss at the parameters, a scalar.
            gradients: its gradient for each parameter.
        """
        options, state = self.options, self.state
        x = self._gather(self._params)
        lbfgs_step(
            loss.detach().double(),
            x,
            self._apply_metric(self._gather(gradients)),
            *(state[name] for name in ("basis", "products", "numbers", "change", "gradient", "best_x")),
            self._used(),
            *(options[name] for name in ("lr", "first_step", "divergence")),
        )
        state["steps"] += 1
        x.add_(self._apply_metric(state["change"]))
        torch.where(state["numbers"][GOOD] != 0, x, state["best_x"], out=x)
        if not self._gathers_views():
            self._scatter(x)

    def _used(self) -> int:
        """The number of pairs that may be stored. It follows from the steps, so the host need not ask the device."""
        options, steps = self.options, self.state["steps"]
        return options["history_size"] if options["capturable"] else max(1, min(options["history_size"], steps))

    def _apply_metric(self, v: Tensor) -> Tensor:
        return v if self._metric is None else self._metric(v.view_as(self._params[0])).reshape(-1)

    def _gather(self, tensors: Sequence[Tensor]) -> Tensor:
        """All elements as one vector, in float32 where the tensors have a smaller type."""
        flat = [t.detach().reshape(-1) for t in tensors]
        whole = flat[0] if len(flat) == 1 else torch.cat(flat)
        return whole if whole.dtype == torch.float64 else whole.float()

    def _gathers_views(self) -> bool:
        """Whether what `_gather` returns for the parameters is a view of the only one, and no copy."""
        first = self._params[0]
        return len(self._params) == 1 and first.is_contiguous() and first.dtype in (torch.float32, torch.float64)

    def _scatter(self, x: Tensor) -> None:
        start = 0
        for p in self._params:
            p.copy_(x[start : start + p.numel()].view_as(p))
            start += p.numel()
