"""Preconditioned conjugate gradients for one or several linear systems, on any device."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

# The number of iterations between two tests of the residual. A test waits for the device, which costs nothing on the
# CPU but leaves a GPU without work.
_PATIENCE = {"cpu": 1}
_PATIENCE_ELSEWHERE = 10


def conjugate_gradients(
    operator: Callable[[Tensor], Tensor],
    right: Tensor,
    precondition: Callable[[Tensor], Tensor],
    *,
    steps: int,
    tolerance: float = 1e-5,
    start: Tensor | None = None,
    systems: bool = False,
    callback: Callable[[int, float], None] | None = None,
) -> Tensor:
    """Solve A x = right for a symmetric positive semidefinite A.

    Args:
        operator: the map v -> A v for v shaped like `right`.
        right: the right-hand side, of any shape.
        precondition: the map v -> M v, where M is symmetric positive definite and close to the inverse of A.
        steps: the largest number of iterations.
        tolerance: the iteration ends when the norm of the residual that it updates is at most this times the norm of
            `right`. It also ends when the norm of the residual is not finite.
        start: the first guess of x; zero by default.
        systems: whether each entry of the first dimension of `right` is a separate system. The iteration goes on
            until all of them have converged.
        callback: called at each test of the residual with the number of iterations so far and the largest relative
            residual, which may be NaN.

    Returns:
        x, shaped like `right`.

    Source: Hestenes, Stiefel: *Methods of conjugate gradients for solving linear systems* (1952).
    """
    one_each = (len(right) if systems else 1, *(1 for _ in right.shape[1:]))

    def inner(a: Tensor, b: Tensor) -> Tensor:
        return torch.linalg.vecdot(a.reshape(one_each[0], -1), b.reshape(one_each[0], -1)).double().view(one_each)

    def ratio(a: Tensor, b: Tensor) -> Tensor:
        # Zero instead of 0 / 0, so that a system that is solved exactly stays unchanged while others continue.
        return torch.where(b > 0, a / b.clamp(min=torch.finfo(torch.float64).tiny), 0.0).to(right.dtype)

    scale = inner(right, right).sqrt()
    # If the right-hand side is zero, x starts at zero, because no other residual is small relative to it.
    x = torch.zeros_like(right) if start is None else torch.where(scale == 0, 0, start)
    residual = right.clone() if start is None else right - operator(x)
    z = precondition(residual)
    direction, product = z.clone(), inner(residual, z)
    patience = _PATIENCE.get(right.device.type, _PATIENCE_ELSEWHERE)
    for step in range(steps + 1):
        if step % patience == 0 or step == steps:
            norm = inner(residual, residual).sqrt()
            done = bool((norm <= tolerance * scale).all()) or not bool(norm.isfinite().all())
            if callback is not None:
                relative = torch.where(norm == 0, 0.0, norm / scale)
                callback(step, float(relative.max()) if right.numel() else 0.0)
            if done or step == steps:
                break
        image = operator(direction)
        length = ratio(product, inner(direction, image))
        x.addcmul_(length, direction)
        residual.addcmul_(length, image, value=-1)
        z = precondition(residual)
        before, product = product, inner(residual, z)
        direction.mul_(ratio(product, before)).add_(z)
    return x
