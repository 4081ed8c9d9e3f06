"""L-BFGS as the authors use it: unit steps, no line search, a long history, and a guard against divergence.

Nocedal: *Updating Quasi-Newton Matrices with Limited Storage* (1980). The two-loop recursion runs on inner products
only ("vector-free", Chen, Wang, Zhou 2014): two tall products per iteration instead of a loop over the history.
"""

from __future__ import annotations

import torch
from torch import Tensor


class LBFGS:
    """Minimises a function of one tensor without line search.

    Args:
        x: start, any shape; changed in place by `step`.
        history: pairs of differences kept.
        step_size: length of every step but the first, in units of the quasi-Newton step.
        first_step: largest change of any element of `x` in the first step, which has no curvature to go by, and after
            the history was dropped. (The authors take g / sum|g| for an image in 0..255 around zero. For one in
            [0, 1] that is below float32's resolution, and what follows builds on rounding errors.)
        tolerance: an energy above the lowest so far by `tolerance` - 1 times its size, or one that is not finite,
            counts as divergence: `x` returns to the best point, the history is dropped and steps shrink by half.
    """

    def __init__(
        self,
        x: Tensor,
        *,
        history: int = 100,
        step_size: float = 1.0,
        first_step: float = 0.02,
        tolerance: float = 2.0,
    ) -> None:
        self.x = x
        self.best_x, self.best = x.clone(), float("inf")
        self.resets = 0
        self._history, self._step_size, self._first, self._tolerance = history, step_size, first_step, tolerance
        self._basis = torch.empty(0)  # [2 history, n]: per slot, a difference of x and one of the gradient
        self._products = torch.zeros(2 * history, 2 * history, dtype=torch.float64)
        self._age: list[int] = []  # slots in use, oldest first
        self._last_x: Tensor | None = None
        self._last_gradient: Tensor | None = None

    def step(self, energy: float, gradient: Tensor) -> None:
        """Move `x`, given the energy and the gradient (shaped like `x`) there."""
        limit = self.best + (self._tolerance - 1) * abs(self.best)  # energies may be negative
        if not energy <= limit or not bool(gradient.isfinite().all()):
            self._restart()
            return
        self.keep(energy)
        g = gradient.reshape(-1)
        if self._last_gradient is not None and self._last_x is not None:
            self._remember(self.x.reshape(-1) - self._last_x, g - self._last_gradient)
        self._last_x, self._last_gradient = self.x.reshape(-1).clone(), g.clone()
        if self._age:
            change = self._direction(g).mul_(self._step_size)
        else:
            change = g * (-self._first * self._step_size / g.abs().max().clamp(min=1e-30))
        self.x.add_(change.view_as(self.x))

    def keep(self, energy: float) -> None:
        """Remember `x` as the best point if its energy is the lowest so far; `step` does so by itself."""
        if energy < self.best:
            self.best = energy
            self.best_x.copy_(self.x)

    def _restart(self) -> None:
        self.x.copy_(self.best_x)
        self._age.clear()
        self._last_x = self._last_gradient = None
        self._step_size *= 0.5
        self.resets += 1

    def _remember(self, s: Tensor, y: Tensor) -> None:
        """Store a pair of differences and its inner products with all others, unless it shows no curvature."""
        if self._basis.numel() == 0:
            self._basis = s.new_empty(2 * self._history, s.numel())
        if float(s @ y) <= 1e-10 * float(y @ y):
            return
        slot = self._age.pop(0) if len(self._age) == self._history else len(self._age)
        self._age.append(slot)
        self._basis[2 * slot], self._basis[2 * slot + 1] = s, y
        used = 2 * len(self._age)
        inner = (self._basis[:used] @ torch.stack((s, y), 1)).double().cpu()
        self._products[:used, 2 * slot : 2 * slot + 2] = inner
        self._products[2 * slot : 2 * slot + 2, :used] = inner.T

    def _direction(self, g: Tensor) -> Tensor:
        """-H g by the two-loop recursion, on coefficients of the basis (differences of x, of the gradient; and g)."""
        used = 2 * len(self._age)
        basis, products = self._basis[:used], self._products[:used, :used]
        with_g = (basis @ g).double().cpu()
        weights = torch.zeros(used, dtype=torch.float64)  # the vector at hand is basis^T weights - gamma g
        alphas: dict[int, Tensor] = {}
        for slot in reversed(self._age):
            s, y = 2 * slot, 2 * slot + 1
            alphas[slot] = (products[s] @ weights - with_g[s]) / products[s, y]
            weights[y] -= alphas[slot]
        s, y = 2 * self._age[-1], 2 * self._age[-1] + 1
        gamma = products[s, y] / products[y, y]
        weights *= gamma
        for slot in self._age:
            s, y = 2 * slot, 2 * slot + 1
            beta = (products[y] @ weights - gamma * with_g[y]) / products[s, y]
            weights[s] += alphas[slot] - beta
        return basis.T @ weights.to(g) - float(gamma) * g
