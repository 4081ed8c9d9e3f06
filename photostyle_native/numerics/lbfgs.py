"""L-BFGS without line search, for functions whose gradient is expensive and for which unit steps work well.

Liu, Nocedal: *On the limited memory BFGS method for large scale optimization* (1989), in the compact form of Byrd,
Nocedal, Schnabel: *Representations of quasi-Newton matrices and their use in limited memory methods* (1994). A step
reads the history twice, in two matrix products; all other matrices are small. The host decides nothing, so a step
runs without synchronisation on a GPU, and can be captured in a CUDA graph.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

_RUN = 4096  # elements that are summed in the parameters' precision; the sums of such runs are added in float64
_CURVATURE = 1e-10  # a pair of differences with s.y at most this times y.y is not stored, since it shows no curvature


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
        if not (lr > 0 and history_size >= 1 and first_step > 0 and divergence >= 1):
            raise ValueError(
                "`lr` and `first_step` must be positive, `history_size` and `divergence` at least 1, got "
                f"{lr}, {first_step}, {history_size} and {divergence}"
            )
        defaults = {
            "lr": lr,
            "history_size": history_size,
            "first_step": first_step,
            "divergence": divergence,
            "capturable": capturable,
        }
        super().__init__(params, defaults)
        self._params = [p for group in self.param_groups for p in group["params"]]
        if len(self.param_groups) != 1 or len({(p.device, p.dtype) for p in self._params}) != 1:
            raise ValueError("`params` must be one group of tensors of one dtype on one device")
        if metric is not None and len(self._params) != 1:
            raise ValueError(f"`metric` needs one parameter, got {len(self._params)}")
        self._metric = metric
        self._initialise()

    def _initialise(self) -> None:
        first, size = self._params[0], 2 * self.param_groups[0]["history_size"]
        x = self._gather(self._params)

        def scalar(value: float, dtype: torch.dtype = torch.float64) -> Tensor:
            return torch.tensor(value, dtype=dtype, device=first.device)

        self.state[first] = {
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

    @property
    def best(self) -> Tensor:
        """The lowest loss so far, a float64 scalar on the parameters' device."""
        return self.state[self._params[0]]["best"]

    @property
    def resets(self) -> Tensor:
        """The number of steps that diverged, an int64 scalar on the parameters' device."""
        return self.state[self._params[0]]["resets"]

    @torch.no_grad()
    def restore_best(self) -> None:
        """Set the parameters to the point of the lowest loss so far."""
        self._scatter(self.state[self._params[0]]["best_x"])

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load a state as `torch.optim.Optimizer.load_state_dict` does, but keep its types, which torch would cast.

        Args:
            state_dict: what `state_dict` returned for an optimiser of parameters with the same shapes and options.
        """
        super().load_state_dict(state_dict)
        first = self._params[0]
        for name, value in state_dict["state"][0].items():
            self.state[first][name] = value.to(first.device).clone() if isinstance(value, Tensor) else value

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
        self._advance(loss.detach().double(), self._gather([p.grad for p in self._params]))
        return loss

    def _advance(self, loss: Tensor, gradient: Tensor) -> None:
        options, state = self.param_groups[0], self.state[self._params[0]]
        x = self._gather(self._params)
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
        options, steps = self.param_groups[0], self.state[self._params[0]]["steps"]
        return options["history_size"] if options["capturable"] else max(1, min(options["history_size"], steps))

    def _remember(self, g: Tensor, good: Tensor) -> Tensor:
        """Store the pair of differences of the last step, unless it shows no curvature.

        Returns:
            The inner products of the history's rows with `g`, (2 used,), float64.
        """
        state = self.state[self._params[0]]
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
        options, state = self.param_groups[0], self.state[self._params[0]]
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

    def _gather(self, tensors: list[Tensor]) -> Tensor:
        flat = [t.detach().reshape(-1) for t in tensors]
        return flat[0] if len(flat) == 1 else torch.cat(flat)

    def _scatter(self, x: Tensor) -> None:
        start = 0
        for p in self._params:
            p.copy_(x[start : start + p.numel()].view_as(p))
            start += p.numel()
