"""L-BFGS without line search, as an optimiser of `torch.optim`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from .limited_memory import LimitedMemory


class LBFGS(torch.optim.Optimizer):
    """An optimiser that minimises a function with one evaluation of its gradient per step.

    The length of a step follows from the curvature seen in earlier steps. If the loss rises far above the lowest so
    far, or is not finite, the parameters return to their best point, the history is dropped, and later steps are half
    as long.

    Args:
        params: tensors of one floating-point type on one device.
        lr: length of every step but the first, in units of the quasi-Newton step.
        history_size: number of pairs of differences to keep; the memory is 2 history_size + 5 times that of the
            parameters.
        first_step: largest change of an element in the first step and in the first after the history was dropped,
            when no curvature is known. (The authors of Deep Photo Style Transfer take g divided by the sum of abs(g)
            for an image in 0..255. For an image in [0, 1] that is below the resolution of float32, and later steps
            would build on rounding errors.)
        divergence: a loss that exceeds the lowest so far by more than (`divergence` - 1) times the absolute value of
            the latter counts as divergence.
        metric: a self-adjoint linear operator S, such as `ImageMetric`, on tensors shaped like the parameter, of
            which there must be one. The optimiser then works on y with x = start + S y, and `first_step` is the
            largest change of an element of y.
        capturable: use the whole history buffer from the first step on, so that all steps do the same work. This is
            necessary to capture `step` in a CUDA graph.

    Raises:
        ValueError: an option is out of range, the parameters differ in type or device or are in several groups, or
            there are several and a `metric`.

    Source: Liu, Nocedal 1989; Byrd, Nocedal, Schnabel 1994.
    """

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = 1.0,
        *,
        history_size: int = 100,
        first_step: float = 0.02,
        divergence: float = 2.0,
        metric: Callable[[Tensor], Tensor] | None = None,
        capturable: bool = False,
    ) -> None:
        options = {
            "lr": lr,
            "history_size": history_size,
            "first_step": first_step,
            "divergence": divergence,
            "capturable": capturable,
        }
        super().__init__(params, options)
        if len(self.param_groups) != 1:
            raise ValueError("`params` must be one group of tensors of one dtype on one device")
        (group,) = self.param_groups
        self._params: list[Tensor] = group["params"]
        self._memory = LimitedMemory(self._params, group, metric)
        self._share_state()

    def _share_state(self) -> None:
        """Let the state that torch saves and the one that the steps change be the same."""
        self.state[self._params[0]] = self._memory.state
        self._memory.options = self.param_groups[0]

    @property
    def best(self) -> Tensor:
        """The lowest loss so far, a float64 scalar on the parameters' device."""
        return self._memory.best

    @property
    def resets(self) -> Tensor:
        """The number of steps that diverged, an int64 scalar on the parameters' device."""
        return self._memory.resets

    def restore_best(self) -> None:
        """Set the parameters to the point of the lowest loss so far."""
        self._memory.restore_best()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load a state as `torch.optim.Optimizer.load_state_dict` does, but keep its types, which torch would cast.

        Args:
            state_dict: what `state_dict` returned for an optimiser of parameters with the same shapes and options.
        """
        super().load_state_dict(state_dict)
        device = self._params[0].device
        for name, value in state_dict["state"][0].items():
            self._memory.state[name] = value.to(device).clone() if isinstance(value, Tensor) else value
        self._share_state()

    @torch.no_grad()
    def step(self, closure: Callable[[], Tensor]) -> Tensor:  # type: ignore[override]
        """Evaluate the function once and change the parameters by one step.

        Args:
            closure: a function that clears the gradients, computes the loss and its gradients, and returns the loss.

        Returns:
            The loss before the step, as `closure` returned it.

        Raises:
            ValueError: `closure` leaves a parameter without gradient.
        """
        with torch.enable_grad():
            loss = closure()
        missing = [p for p in self._params if p.grad is None]
        if missing:
            raise ValueError("`closure` must leave a gradient in every parameter")
        self._memory.advance(loss, [p.grad for p in self._params if p.grad is not None])
        return loss
