"""What every op gets from `_backend`: its registration with torch, scratch memory, and the announced fallback."""

from __future__ import annotations

import types
import warnings

import pytest
import torch
from ops.samples import BATCHES, REGISTERED, VARIANTS, Row

from photostyle_native import ops
from photostyle_native.ops import _backend


@pytest.mark.kernel
@pytest.mark.parametrize(
    ("row", "batch"),
    [
        pytest.param(row, batch, id=f"{row.name}-{batch}")
        for row in (*REGISTERED, *(row for row in VARIANTS if row.name.endswith("by guide")))
        for batch in (BATCHES if row.batches else ["one picture"])
    ],
)
def test_opcheck(row: Row, batch: str, device: torch.device) -> None:
    for dtype in row.dtypes:
        sample = row.sample(5, 6, dtype=dtype, device=device, **BATCHES[batch])
        torch.library.opcheck(row.registered_op(), sample.leaves(), {**(row.registered or {}), **row.options})


def test_the_backend_is_named() -> None:
    assert ops.backend("cpu").startswith("native-cpu (")
    assert ops.backend(torch.device("meta")).startswith("reference on meta (CUDA kernels ")


@pytest.mark.parametrize("key", ["CPU", "CUDA", "MPS", "XPU"])
def test_every_op_has_something_to_run_on_other_devices(key: str) -> None:
    for row in REGISTERED:
        name = f"photostyle::{row.name.split()[0]}"
        assert torch._C._dispatch_has_kernel_for_dispatch_key(name, key), name


def test_rocm_is_not_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    core = types.ModuleType("core")
    core.cuda, core.cuda_status = types.ModuleType("cuda"), "built with CUDA 13.0"  # type: ignore[attr-defined]
    monkeypatch.setattr(torch.version, "hip", "6.4")
    found, status = _backend.usable_cuda(core)
    assert found is None
    assert "this torch is for ROCm" in status


def test_a_fallback_is_announced_once_per_device_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_backend, "_warned", set())
    with pytest.warns(ops.FallbackWarning, match="photostyle::masked_gram has no native kernel for meta"):
        _backend.warn_fallback("masked_gram", torch.device("meta"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _backend.warn_fallback("guided_filter", torch.device("meta"))


def test_scratch_is_aligned_and_kept_between_calls() -> None:
    first = _backend.scratch(1000, torch.device("cpu"))
    assert first.data_ptr() % 256 == 0
    assert first.numel() >= 1000
    assert _backend.scratch(10, torch.device("cpu")).data_ptr() == first.data_ptr()
    larger = _backend.scratch(first.numel() + 1, torch.device("cpu"))
    assert larger.numel() > first.numel()
    assert larger.data_ptr() % 256 == 0


@pytest.mark.parametrize(
    ("versions", "usable"),
    [
        ((13000, 13000), True),
        ((13020, 13000), True),
        ((13000, 13020), True),
        ((0, 13000), True),
        ((12080, 13000), False),
    ],
)
def test_cuda_kernels_need_a_driver_of_their_major_version(versions: tuple[int, int], usable: bool) -> None:
    cuda = types.ModuleType("cuda")
    cuda.versions = lambda: versions  # type: ignore[attr-defined]
    core = types.ModuleType("core")
    core.cuda, core.cuda_status = cuda, "built with CUDA 13.0"  # type: ignore[attr-defined]
    found, status = _backend.usable_cuda(core)
    assert (found is cuda) == usable
    assert status.startswith("built with CUDA 13.0")
    assert ("they need an NVIDIA driver for CUDA 13, and the installed one supports CUDA 12" in status) != usable
