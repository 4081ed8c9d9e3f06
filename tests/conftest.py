"""Shared by all tests: the devices to run on, and small pictures."""

from __future__ import annotations

import os
from collections.abc import Callable

import emulation
import pytest
import torch

EMULATED = "cuda-emulated"  # the CUDA kernels, run on the CPU (tests/simt)
DEVICES = ["cpu", EMULATED, *(["cuda"] if torch.cuda.is_available() else [])]


@pytest.fixture(params=DEVICES)
def device(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> torch.device:
    """Every device on this machine, and an emulated GPU: there, tensors are the CPU's and kernels are CUDA's."""
    if request.param == EMULATED:
        return emulation.use(monkeypatch)
    return torch.device(request.param)


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


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


def smooth_picture(height: int, width: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """A colourful picture with soft and hard edges and a little grain, (3, H, W) in [0, 1]."""
    y = torch.linspace(0, 1, height, dtype=torch.float64)[:, None]
    x = torch.linspace(0, 1, width, dtype=torch.float64)[None, :]
    planes = [0.5 + 0.4 * torch.sin(5 * x + 3 * y), 0.2 + 0.6 * y + 0 * x, ((x + y) > 0.9) * 0.5 + 0.2 * x]
    grain = torch.rand(3, height, width, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    return (torch.stack(planes) + 0.05 * grain).clamp(0, 1).to(dtype)


def pytest_sessionfinish() -> None:
    """Leave a list of the CUDA kernels that ran in emulation, for .ci/cuda-report."""
    report = os.environ.get("PHOTOSTYLE_SIMT_REPORT")
    if report:
        with open(report, "a") as file:  # one of several processes, perhaps
            file.writelines(f"{count} {name}\n" for name, count in emulation.launches().items())
