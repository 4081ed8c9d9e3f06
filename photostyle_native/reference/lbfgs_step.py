"""A step of L-BFGS without line search, in the compact form of its inverse Hessian.

Liu, Nocedal: *On the limited memory BFGS method for large scale optimization* (1989); Byrd, Nocedal, Schnabel:
*Representations of quasi-Newton matrices and their use in limited memory methods* (1994), Theorem 2.3.
"""

from __future__ import annotations

import torch
from torch import Tensor

BEST, RESETS, SHRINK, PAIRS, GOOD = range(5)  # the places in `numbers`
_CURVATURE = 1e-10  # a pair with s.y at most this times y.y is not kept, since it shows no curvature


def lbfgs_step(
    loss: Tensor,
    x: Tensor,
    gradient: Tensor,
    basis: Tensor,
    products: Tensor,
    numbers: Tensor,
    last_change: Tensor,
    last_gradient: Tensor,
    best_x: Tensor,
    used: int,
    lr: float,
    first_step: float,
    divergence: float,
) -> None:
    """Compute the next change of `x` from the pairs of differences kept before, in place.

    ``csrc/lbfgs/params.h`` states what is computed. All tensors but the first three are changed.

    Args:
        loss: a float64 scalar.
        x, gradient: (N,), the point and the gradient of the loss there.
        basis: (2 m, M) with M at least N: the pair (s, y) of slot i is in the rows 2 i and 2 i + 1.
        products: (2 m, 2 m), float64: products of rows of `basis` with its odd rows.
        numbers: (5,), float64: the lowest loss, the number of steps that diverged, the factor of the steps' length,
            the number of pairs accepted since they were last dropped, and whether the last step was good.
        last_change, last_gradient, best_x: (N,). Afterwards the new change, `gradient`, and the point of the lowest
            loss.
        used: how many pairs to keep, at most m.
        lr, first_step, divergence: as in `LBFGS`.
    """
    best = numbers[BEST].clone()
    rise = torch.where(best.isinf(), best, (divergence - 1) * best.abs())  # losses may be negative
    finite = gradient.sum(dtype=torch.float64).isfinite()
    good = (loss <= best + rise) & finite
    better = good & (loss < best)
    best_x.copy_(torch.where(better, x, best_x))
    numbers[BEST] = torch.where(better, loss, best)

    s, y = last_change, gradient - last_gradient
    sy, yy = (torch.sum(v * y, dtype=torch.float64) for v in (s, y))
    accepted = good & (numbers[GOOD] != 0) & (sy > _CURVATURE * yy)
    rows = 2 * (numbers[PAIRS].long() % used) + torch.arange(2, device=x.device)
    pair = torch.where(accepted, torch.stack((s, y)), basis[:, : len(x)].index_select(0, rows))
    basis[:, : len(x)].index_copy_(0, rows, pair)
    numbers[PAIRS] += accepted
    last_change.copy_(_direction(gradient, basis[: 2 * used, : len(x)], products, numbers, rows, lr, first_step))
    last_gradient.copy_(gradient)
    numbers[GOOD] = good
    numbers[RESETS] += ~good
    numbers[SHRINK] *= torch.where(good, 1.0, 0.5)
    numbers[PAIRS] *= good


def _direction(
    g: Tensor, basis: Tensor, products: Tensor, numbers: Tensor, rows: Tensor, lr: float, first_step: float
) -> Tensor:
    """The step -H g, or that of steepest descent while there is no pair. `rows` are those of the newest pair."""
    used, pairs = len(basis) // 2, numbers[PAIRS].long()
    vectors = torch.cat((basis.index_select(0, rows[1:]), g[None]))
    inner = _products(basis, vectors)
    products[: 2 * used].index_copy_(1, rows[1:], inner[:, :1])
    products[:, : 2 * used].index_copy_(0, rows[1:], inner[None, :, 0])

    position = torch.arange(used, device=g.device)  # oldest first
    slot = (pairs + position) % used
    valid = position >= used - pairs
    both = valid[:, None] & valid
    sy = products[2 * slot[:, None], 2 * slot + 1]
    yy = torch.where(both, products[2 * slot[:, None] + 1, 2 * slot + 1], 0)
    sg, yg = (torch.where(valid, inner[2 * slot + i, 1], 0) for i in (0, 1))

    # H = gamma + [S, gamma Y] [[R^-T (D + gamma Y^T Y) R^-1, -R^-T], [-R^-1, 0]] [S, gamma Y]^T
    diagonal = torch.where(valid, sy.diagonal(), 1)
    triangle = torch.where(both, sy, 0).triu(1) + torch.diag(diagonal)
    gamma = torch.where(valid[-1], sy[-1, -1] / yy[-1, -1], 0)
    p = torch.linalg.solve_triangular(triangle, sg[:, None], upper=True)[:, 0]
    q = diagonal * p + gamma * (yy @ p - yg)
    q = torch.linalg.solve_triangular(triangle.T, q[:, None], upper=False)[:, 0]
    weights = torch.zeros(2 * used, dtype=torch.float64, device=g.device)
    weights.index_copy_(0, 2 * slot, -lr * q)
    weights.index_copy_(0, 2 * slot + 1, lr * gamma * p)
    first = first_step / g.abs().max().double().clamp(min=1e-30)
    scale = torch.where(valid[-1], lr * gamma, first)
    shrink = numbers[SHRINK]
    return basis.T @ (shrink * weights).to(g.dtype) - (shrink * scale).to(g.dtype) * g


def _products(basis: Tensor, vectors: Tensor) -> Tensor:
    """The products of rows and vectors, float64, without a copy of the basis in that type."""
    run = 4096  # elements that are summed in the type of the basis
    parts = [basis[:, at : at + run] @ vectors[:, at : at + run].T for at in range(0, basis.shape[1], run)]
    return torch.stack(parts).sum(0, dtype=torch.float64)
