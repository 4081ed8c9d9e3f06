"""A step of L-BFGS whose every decision is made where the data is: two passes over the history, no synchronisation.

``csrc/lbfgs/params.h`` states what the kernels compute. `optimization.limited_memory` keeps the tensors and is what
the rest of the package uses; unlike the other ops this one changes tensors in place and has no derivative.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..reference.lbfgs_step import lbfgs_step as _reference
from . import _backend
from .checks import require, require_dtype, require_like, require_tensor

_backend.LIBRARY.define(
    "lbfgs_step(Tensor loss, Tensor x, Tensor gradient, Tensor(a!) basis, Tensor(b!) products, Tensor(c!) numbers, "
    "Tensor(d!) last_change, Tensor(e!) last_gradient, Tensor(f!) best_x, int used, float lr, float first_step, "
    "float divergence) -> ()"
)


def _check(
    loss: Tensor,
    x: Tensor,
    basis: Tensor,
    doubles: dict[str, tuple[Tensor, tuple[int, ...]]],
    vectors: dict[str, Tensor],
    used: int,
) -> None:
    require_tensor("x", x)
    require_dtype("x", x, (torch.float32, torch.float64))
    require(x.dim() == 1 and x.numel() > 0, f"`x` must have shape (N,) with N > 0, got {tuple(x.shape)}")
    for name, vector in vectors.items():
        require_like(name, vector, "x", x)
        require(vector.shape == x.shape, f"`{name}` must have shape {tuple(x.shape)}, got {tuple(vector.shape)}")
    require_like("basis", basis, "x", x)
    require(
        basis.dim() == 2 and basis.shape[1] >= len(x) and len(basis) % 2 == 0,
        f"`basis` must have shape (2 m, M) with M at least {len(x)}, got {tuple(basis.shape)}",
    )
    require(1 <= used <= len(basis) // 2, f"`used` must be between 1 and {len(basis) // 2}, got {used}")
    for name, (value, shape) in doubles.items():
        require_dtype(name, value, (torch.float64,))
        require(value.shape == shape, f"`{name}` must have shape {shape}, got {tuple(value.shape)}")
    for name, value in {**vectors, "x": x, "basis": basis, **{k: v for k, (v, _) in doubles.items()}}.items():
        require(value.is_contiguous(), f"`{name}` must be contiguous")


def _native(
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
    rows = len(basis)
    doubles = {"loss": (loss, ()), "products": (products, (rows, rows)), "numbers": (numbers, (5,))}
    vectors = {
        "gradient": gradient,
        "last_change": last_change,
        "last_gradient": last_gradient,
        "best_x": best_x,
    }
    _check(loss, x, basis, doubles, vectors, used)
    _backend.launch(
        "lbfgs_step",
        x.device,
        loss=loss,
        x=x,
        **vectors,
        basis=basis,
        products=products,
        numbers=numbers,
        size=len(x),
        pitch=basis.shape[1],
        history=rows // 2,
        used=used,
        lr=lr,
        first_step=first_step,
        divergence=divergence,
        is_double=x.dtype == torch.float64,
    )


def _fake(*_: object) -> None:
    return None


_backend.register("lbfgs_step", _native, _reference, _fake)
lbfgs_step = torch.ops.photostyle.lbfgs_step
