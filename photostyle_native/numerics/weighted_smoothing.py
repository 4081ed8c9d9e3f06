"""Smoothing of an image that stops where weights say so, by weighted least squares."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .conjugate_gradients import conjugate_gradients

_COARSEST = 8  # pixels of the longer side of the coarsest grid
_DAMPING = 0.8  # of Jacobi's method
_SWEEPS = 2
_STEPS = 60
_TOLERANCE = 1e-3  # of the residual, relative to the values


def weighted_smoothing(values: Tensor, down: Tensor, right: Tensor, fidelity: Tensor | None = None) -> Tensor:
    """Find the u that minimises sum_p f_p (u_p - v_p)^2 + sum_pq w_pq (u_p - u_q)^2 over pairs of neighbours.

    Where all f are 1 and all weights w, changes shorter than sqrt(w) pixels or so disappear; where the weights are
    zero, all stays.

    Args:
        values: v, (C, H, W), float32 or float64.
        down: the weights of the pairs (p, its neighbour below), (H - 1, W), not negative.
        right: the weights of the pairs (p, its neighbour to the right), (H, W - 1), not negative.
        fidelity: f, (H, W), positive; default: 1 everywhere.

    Returns:
        u, shaped like `values`, to about a thousandth of their size.

    Source: Farbman, Fattal, Lischinski, Szeliski: *Edge-Preserving Decompositions for Multi-Scale Tone and Detail
    Manipulation* (SIGGRAPH 2008), solved as by Krishnan, Szeliski: *Multigrid and Multilevel Preconditioners for
    Computational Photography* (SIGGRAPH Asia 2011).
    """
    fidelity = torch.ones_like(values[0]) if fidelity is None else fidelity
    grid = _Grid(fidelity, down, right)
    return conjugate_gradients(
        grid.apply, fidelity * values, grid.cycle, steps=_STEPS, tolerance=_TOLERANCE, start=values, systems=True
    )


class _Grid:
    """The matrix of the normal equations on one grid and all coarser ones; the map `cycle` is near its inverse."""

    def __init__(self, mass: Tensor, down: Tensor, right: Tensor) -> None:
        self._down, self._right = down, right
        diagonal = mass.clone()
        diagonal[:-1] += down
        diagonal[1:] += down
        diagonal[:, :-1] += right
        diagonal[:, 1:] += right
        self._diagonal, self._damped = diagonal, _DAMPING / diagonal
        self._coarser: _Grid | None = None
        if max(mass.shape) > _COARSEST:
            # A block of 2 x 2 pixels has their mass. The weight between two blocks is the mean of the two pairs
            # that join them: two pairs, of half the weight, because the centres are two pixels apart.
            self._coarser = _Grid(4 * _means(mass, 2, 2), _means(down[1::2], 1, 2), _means(right[:, 1::2], 2, 1))

    def apply(self, u: Tensor) -> Tensor:
        out = self._diagonal * u
        out[:, :-1].addcmul_(self._down, u[:, 1:], value=-1)
        out[:, 1:].addcmul_(self._down, u[:, :-1], value=-1)
        out[:, :, :-1].addcmul_(self._right, u[:, :, 1:], value=-1)
        out[:, :, 1:].addcmul_(self._right, u[:, :, :-1], value=-1)
        return out

    def cycle(self, v: Tensor) -> Tensor:
        """A V-cycle of multigrid from zero: a symmetric positive definite map near the inverse."""
        u = self._damped * v
        for _ in range(_SWEEPS - 1):
            u.addcmul_(self._damped, v - self.apply(u))
        if self._coarser is not None:
            rest = v - self.apply(u)
            correction = self._coarser.cycle(4 * F.avg_pool2d(_even(rest), 2))
            u += F.interpolate(correction[None], scale_factor=2)[0, :, : u.shape[1], : u.shape[2]]
        for _ in range(_SWEEPS):
            u.addcmul_(self._damped, v - self.apply(u))
        return u


def _even(planes: Tensor) -> Tensor:
    """Append a row or column of zeros where the number of these is odd; (C, H, W)."""
    return F.pad(planes, (0, planes.shape[-1] % 2, 0, planes.shape[-2] % 2))


def _means(plane: Tensor, height: int, width: int) -> Tensor:
    """Means over blocks of (height, width); what lies beyond the border counts as zero."""
    padded = F.pad(plane, (0, -plane.shape[1] % width, 0, -plane.shape[0] % height))
    return padded.reshape(padded.shape[0] // height, height, padded.shape[1] // width, width).mean((1, 3))
