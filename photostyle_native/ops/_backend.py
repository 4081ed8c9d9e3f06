"""What every op needs to run: the kernels by device, the threads or the stream, scratch memory, registration."""

from __future__ import annotations

import contextlib
import functools
import os
import threading
import warnings
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any

import torch  # before _core: both then share torch's OpenMP threads
from torch import Tensor

# In this form an absent extension is reported by its name, not as a circular import.
import photostyle_native.ops._core as _core

from ..errors import PhotostyleError

if TYPE_CHECKING:
    from photostyle_native.ops._core import Kernel

_OTHERS = ("MPS", "XPU")  # devices of Apple and Intel, for which there is only the reference
LIBRARY: torch.library.Library = torch.library.Library("photostyle", "DEF")


class FallbackWarning(UserWarning):
    """The plain-PyTorch reference runs where a native kernel was expected. ``photostyle doctor`` says why."""


_warned: set[str] = set()
_local = threading.local()
_KEPT_SCRATCH = 64 << 20  # bytes; a rare call that needs more gives it back


def usable_cuda(core: ModuleType) -> tuple[ModuleType | None, str]:
    """The CUDA kernels of an extension, None if they cannot run here; and what they were built with, or why not."""
    module: ModuleType | None = getattr(core, "cuda", None)
    if torch.version.hip is not None:  # then "cuda" devices are AMD's
        return None, f"{core.cuda_status}; this torch is for ROCm, which they cannot use"
    if module is None:
        return None, core.cuda_status
    driver, runtime = (version // 1000 for version in module.versions())
    if 0 < driver < runtime:  # torch may be built with an older CUDA, and work
        needed = f"they need an NVIDIA driver for CUDA {runtime}, and the installed one supports CUDA {driver}"
        return None, f"{core.cuda_status}, cannot run: {needed}"
    return module, core.cuda_status


# The kernels for CUDA take device pointers and a stream where the CPU's take host pointers and a number of threads;
# nothing else differs.
CUDA, CUDA_STATUS = usable_cuda(_core)


def backend(device: torch.device | str) -> str:
    """Name what runs on `device`: ``native-cpu (x86-64-v4)``, ``native-cuda (sm_90)`` or ``reference on ...``."""
    device = torch.device(device)
    if device.type == "cpu":
        return f"native-cpu ({_core.isa})"
    if device.type == "cuda" and CUDA is not None:
        if not torch.cuda.is_available():
            return "native-cuda"
        return "native-cuda (sm_{}{})".format(*torch.cuda.get_device_capability(device))
    return f"reference on {device.type} (CUDA kernels {CUDA_STATUS})"


def warn_fallback(op: str, device: torch.device) -> None:
    """Say once per device type that `op` runs in plain PyTorch."""
    if device.type not in _warned:
        _warned.add(device.type)
        warnings.warn(
            f"photostyle::{op} has no native kernel for {device.type}: {backend(device)} runs", FallbackWarning, 3
        )


def register(name: str, native: Callable[..., Any], fallback: Callable[..., Any], fake: Callable[..., Any]) -> None:
    """Give a defined op its kernels: `native` where the build has them, elsewhere `fallback`, with a warning."""

    def announced(first: Tensor, *rest: Any) -> Any:
        warn_fallback(name, first.device)
        return fallback(first, *rest)

    LIBRARY.impl(name, native, "CPU")
    LIBRARY.impl(name, announced if CUDA is None else native, "CUDA")
    for other in _OTHERS:
        LIBRARY.impl(name, announced, other)
    torch.library.register_fake(f"photostyle::{name}", fake, lib=LIBRARY)


# The process in which OpenMP's threads have started. They are not in one that is forked from it, which would wait for
# them forever.
_threads_of: int | None = None


def _cpu_threads() -> int:
    global _threads_of
    if _threads_of not in (None, os.getpid()):
        return 1
    count = torch.get_num_threads()
    if count > 1:
        _threads_of = os.getpid()
    return count


def kernels(device: torch.device) -> tuple[dict[str, Kernel], int]:
    """The kernels for tensors on `device`, by name, and their handle: threads (CPU) or the current stream (CUDA)."""
    if device.type == "cpu":
        return _core.kernels, _cpu_threads()
    if CUDA is None:
        raise PhotostyleError(f"there are no CUDA kernels: {CUDA_STATUS}")
    return CUDA.kernels, torch.cuda.current_stream(device).cuda_stream


def uses_cpu_kernels(device: torch.device) -> bool:
    """Whether the kernels for tensors on `device` are the CPU's, which read neither float16 nor uint8."""
    return kernels(device)[0] is _core.kernels


@functools.cache
def _loaded_code(index: int) -> int:
    assert CUDA is not None
    with torch.cuda.device(index):
        return int(CUDA.loaded_code())


def loaded_code(device: torch.device) -> int:
    """The compute capability, 10 major + minor, that the CUDA kernels loaded for `device` were compiled for; 0 where
    there are none. It may be older than that of the device."""
    if device.type != "cuda" or CUDA is None:
        return 0
    return _loaded_code(torch.cuda.current_device() if device.index is None else device.index)


def has_kernel(name: str, device: torch.device) -> bool:
    """Whether there is a kernel `name` for tensors on `device`: a few exist for CUDA only."""
    return name in kernels(device)[0]


def multiplies_bfloat16(device: torch.device) -> bool:
    """Whether the hardware multiplies bfloat16: AVX512-BF16 or AMX, or a GPU of compute capability 8.0 or newer."""
    return _core.bfloat16 if device.type == "cpu" else torch.cuda.get_device_capability(device) >= (8, 0)


def launch(name: str, device: torch.device, **fields: Tensor | int | float | None) -> None:
    """Run the kernel `name` of ``csrc/kernels.def``.

    `fields` are those of its Params in ``csrc``, every one: contiguous tensors on `device` (None: not wanted), which
    the caller has checked, and numbers.
    """
    held = []  # until the kernel has run, or is in the stream

    def allocate(size: int) -> int:
        held.append(scratch(size, device))
        return held[0].data_ptr()

    values = {
        field: value.data_ptr() if isinstance(value, Tensor) else 0 if value is None else value
        for field, value in fields.items()
    }
    elsewhere = device.type == "cuda" and device.index != torch.cuda.current_device()
    with torch.cuda.device(device) if elsewhere else contextlib.nullcontext():
        available, handle = kernels(device)
        available[name](handle, allocate, **values)


def scratch(size: int, device: torch.device) -> Tensor:
    """`size` bytes, aligned to 256. Those of the CPU are kept per thread between calls, so that inner
    loops allocate nothing; torch's CUDA allocator keeps its own, per stream."""
    if device.type != "cpu":
        return torch.empty(size, dtype=torch.uint8, device=device)
    held: Tensor | None = getattr(_local, "scratch", None)
    if held is None or held.numel() < size:
        held = torch.empty(size + 256, dtype=torch.uint8, device="cpu")
        offset = -held.data_ptr() % 256
        held = held[offset : offset + size]
        if size <= _KEPT_SCRATCH:
            _local.scratch = held
    return held
