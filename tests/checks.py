"""Checks of numbers that many tests use: derivatives and relative errors."""

from __future__ import annotations

from collections.abc import Callable

import emulation
import torch


def check_gradients(function: Callable[..., torch.Tensor], *inputs: torch.Tensor, twice: bool = True) -> None:
    """gradcheck, and gradgradcheck; along random directions only where calls are slow."""
    assert torch.autograd.gradcheck(function, inputs, fast_mode=emulation.active())
    if twice:
        assert torch.autograd.gradgradcheck(function, inputs, fast_mode=emulation.active())


def relative_error(value: torch.Tensor, truth: torch.Tensor) -> float:
    """Relative L2 error; zero if both are zero."""
    value, truth = value.detach().double().cpu(), truth.detach().double().cpu()
    scale = truth.norm()
    return float((value - truth).norm() / scale) if scale > 0 else float(value.norm())
