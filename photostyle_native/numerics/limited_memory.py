"""The algebra of L-BFGS without line search.

It suits functions whose gradient is expensive and for which unit steps work well.

Liu, Nocedal: *On the limited memory BFGS method for large scale optimization* (1989), in the compact form of Byrd,
Nocedal, Schnabel: *Representations of quasi-Newton matrices and their use in limited memory methods* (1994). A step
reads the history twice, in two matrix products; all other matrices are small. The host decides nothing, so a step
runs without synchronisation on a GPU, and can be captured in a CUDA graph.

The driver uses this class instead of an optimiser of `torch.optim`, because the first one of those imports
`torch._dynamo` when it is made: some 900 modules, 1.5 to 6 seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

_RUN = 4096  # elements that are summed in the parameters' precision; the sums of such runs are added in float64
_CURVATURE = 1e-10  # a pair of differences with s.y at most this times y.y is not stored, since it shows no curvature


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
        first, size = self._params[0], 2 * self.options["history_size"]
        x = self._gather(self._params)

        def scalar(value: float, dtype: torch.dtype = torch.float64) -> Tensor:
            return torch.tensor(value, dtype=dtype, device=first.device)

        return {
            "best": scalar(float("inf")),
            "best_x": x.clone(),
            "resets": scalar(0, torch.int64),
            "shrink": scalar(1.0),  # the factor of the step length, which each reset halves
            "pairs": scalar(0, torch.int64),  # stored since the history was last dropped
            "moved": scalar(False, torch.bool),  # whether the last step did not diverge
            "change": torch.zeros_like(x),
            "gradient": torch.zeros_like(x),
            # `basis` has the difference s of x in row 2 i and y of the gradient in row 2 i + 1, padded to whole runs;
            # `products` has the inner products of all its rows.
            "basis": x.new_zeros(size, -(-x.numel() // _RUN), _RUN),
            "products": torch.zeros(size, size, dtype=torch.float64, device=first.device),
            "steps": 0,
        }

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
        loss, gradient, x = loss.detach().double(), self._gather(gradients), self._gather(self._params)
        best = state["best"]
        rise = torch.where(best.isinf(), best, (options["divergence"] - 1) * best.abs())  # losses may be negative
        finite = gradient.sum(dtype=torch.float64).isfinite()  # one pass; a sum of finite float32 cannot overflow
        good = (loss <= best + rise) & finite
        better = good & (loss < best)
        torch.where(better, x, state["best_x"], out=state["best_x"])
        best.copy_(torch.where(better, loss, best))

        g = self._apply_metric(gradient)
        products_with_g = self._remember(g, good)
        change = self._direction(g, products_with_g).mul_(state["shrink"].to(g.dtype))
        self._scatter(torch.where(good, x + self._apply_metric(change), state["best_x"]))

        state["change"].copy_(change)
        state["gradient"].copy_(g)
        state["moved"].copy_(good)
        state["pairs"].mul_(good)
        state["shrink"].copy_(torch.where(good, state["shrink"], state["shrink"] / 2))
        state["resets"].add_(~good)

    def _used(self) -> int:
        """The number of pairs that may be stored. It follows from the steps, so the host need not ask the device."""
        options, steps = self.options, self.state["steps"]
        return options["history_size"] if options["capturable"] else max(1, min(options["history_size"], steps))

    def _remember(self, g: Tensor, good: Tensor) -> Tensor:
        """Store the pair of differences of the last step, unless it shows no curvature.

        Returns:
            The inner products of the history's rows with `g`, (2 used,), float64.
        """
        state = self.state
        used = self._used()
        state["steps"] += 1
        basis, products = state["basis"][: 2 * used], state["products"][: 2 * used, : 2 * used]
        s, y = state["change"], g - state["gradient"]
        sy, yy = (torch.sum(v * y, dtype=torch.float64) for v in (s, y))
        accepted = good & state["moved"] & (sy > _CURVATURE * yy)
        rows = 2 * (state["pairs"] % used) + torch.arange(2, device=g.device)
        new = F.pad(torch.stack((s, y, g)), (0, basis[0].numel() - g.numel())).view(3, *basis.shape[1:])
        pair = torch.where(accepted, new[:2], basis.index_select(0, rows))
        basis.index_copy_(0, rows, pair)
        vectors = torch.cat((pair, new[2:]))
        # The three vectors are the left factor, because MKL then reads the basis a third faster.
        inner = torch.bmm(vectors.transpose(0, 1), basis.permute(1, 2, 0)).sum(0, dtype=torch.float64)
        products.index_copy_(0, rows, inner[:2])
        products.index_copy_(1, rows, inner[:2].T)
        state["pairs"].add_(accepted)
        return inner[2]

    def _direction(self, g: Tensor, products_with_g: Tensor) -> Tensor:
        """The step -H g, or that of steepest descent while there is no history."""
        options, state = self.options, self.state
        used, pairs = len(products_with_g) // 2, state["pairs"]
        basis, products = state["basis"][: 2 * used].flatten(1), state["products"]
        position = torch.arange(used, device=g.device)  # oldest first
        slot = (pairs + position) % used
        valid = position >= used - pairs
        both = valid[:, None] & valid
        sy = products[2 * slot[:, None], 2 * slot + 1]
        yy = torch.where(both, products[2 * slot[:, None] + 1, 2 * slot + 1], 0)
        sg, yg = (torch.where(valid, products_with_g[2 * slot + i], 0) for i in (0, 1))

        # H = gamma + [S, gamma Y] [[R^-T (D + gamma Y^T Y) R^-1, -R^-T], [-R^-1, 0]] [S, gamma Y]^T
        diagonal = torch.where(valid, sy.diagonal(), 1)
        triangle = torch.where(both, sy, 0).triu(1) + torch.diag(diagonal)
        gamma = torch.where(valid[-1], sy[-1, -1] / yy[-1, -1], 0)
        p = torch.linalg.solve_triangular(triangle, sg[:, None], upper=True)[:, 0]
        q = diagonal * p + gamma * (yy @ p - yg)
        q = torch.linalg.solve_triangular(triangle.T, q[:, None], upper=False)[:, 0]
        weights = torch.zeros(2 * used, dtype=torch.float64, device=g.device)
        weights.index_copy_(0, 2 * slot, -q * options["lr"])
        weights.index_copy_(0, 2 * slot + 1, gamma * p * options["lr"])
        first = options["first_step"] / g.abs().max().double().clamp(min=1e-30)
        scale = torch.where(valid[-1], gamma * options["lr"], first)
        return (basis.T @ weights.to(g.dtype))[: g.numel()] - scale.to(g.dtype) * g

    def _apply_metric(self, v: Tensor) -> Tensor:
        return v if self._metric is None else self._metric(v.view_as(self._params[0])).reshape(-1)

    def _gather(self, tensors: Sequence[Tensor]) -> Tensor:
        flat = [t.detach().reshape(-1) for t in tensors]
        return flat[0] if len(flat) == 1 else torch.cat(flat)

    def _scatter(self, x: Tensor) -> None:
        start = 0
        for p in self._params:
            p.copy_(x[start : start + p.numel()].view_as(p))
            start += p.numel()
