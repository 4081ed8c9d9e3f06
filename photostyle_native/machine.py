"""What this machine has: the processor, the device to compute on, free memory, the NVIDIA driver.

torch is imported only by the functions that need it, because `photostyle doctor` also runs where torch cannot be
imported.
"""

from __future__ import annotations

import ctypes
import platform
import re
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import PhotostyleError, choice_error

if TYPE_CHECKING:
    import torch

DEVICES = ("auto", "cpu", "cuda")
# The x86-64 psABI's levels: flags of /proc/cpuinfo that each adds to the one before.
_X86_LEVELS = (
    ("x86-64-v2", "cx16 lahf_lm popcnt sse4_1 sse4_2 ssse3"),
    ("x86-64-v3", "avx avx2 bmi1 bmi2 f16c fma abm movbe xsave"),
    ("x86-64-v4", "avx512f avx512bw avx512cd avx512dq avx512vl"),
)


def processor_name() -> str:
    """The processor's name, as far as the system tells."""
    match = re.search(r"^model name\s*:\s*(.+)$", _cpuinfo(), re.MULTILINE)
    return match[1] if match else platform.processor() or platform.machine()


def processor_level(cpuinfo: str | None = None) -> str:
    """The highest level that the processor supports, ``x86-64`` to ``x86-64-v4``; elsewhere its architecture.

    `cpuinfo`: text of /proc/cpuinfo, if not this machine's.
    """
    match = re.search(r"^flags\s*:\s*(.+)$", _cpuinfo() if cpuinfo is None else cpuinfo, re.MULTILINE)
    if not match:
        return platform.machine()
    flags, level = set(match[1].split()), "x86-64"
    for name, added in _X86_LEVELS:
        if not flags.issuperset(added.split()):
            break
        level = name
    return level


def _cpuinfo() -> str:
    try:
        return Path("/proc/cpuinfo").read_text(errors="replace")
    except OSError:
        return ""


def driver_cuda_version() -> str | None:
    """The CUDA version that the installed NVIDIA driver supports, or None without a driver."""
    try:
        library = ctypes.CDLL("libcuda.so.1")
        version = ctypes.c_int()
        if library.cuDriverGetVersion(ctypes.byref(version)) != 0:
            return None
    except (OSError, AttributeError):
        return None
    return f"{version.value // 1000}.{version.value % 1000 // 10}"


def resolve_device(device: str | torch.device = "auto") -> torch.device:
    """``auto`` is the first CUDA device if there is one, else the CPU. Raises PhotostyleError if it is not there."""
    import torch

    if str(device) == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        resolved = torch.device(device)
    except RuntimeError:
        raise choice_error("device", str(device), DEVICES) from None
    if resolved.type not in DEVICES:
        raise choice_error("device", str(device), DEVICES)
    if resolved.type == "cuda" and not torch.cuda.is_available():
        raise PhotostyleError("`device` is cuda, but torch finds no CUDA device (photostyle doctor says more)")
    return resolved


def available_bytes(device: torch.device) -> float:
    """Memory that is free on a device; infinite where the system does not say."""
    if device.type == "cuda":
        import torch

        return float(torch.cuda.mem_get_info(device)[0])
    limits = [_free_memory(), _free_in_group()]
    return min((limit for limit in limits if limit is not None), default=float("inf"))


def _free_memory() -> float | None:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    free = [line.split()[1] for line in lines if line.startswith("MemAvailable:")]
    return 1024.0 * int(free[0]) if free else None


def _free_in_group() -> float | None:
    """What the container's limit leaves (cgroup, version 2)."""
    folder = Path("/sys/fs/cgroup")
    try:
        limit, used = ((folder / name).read_text().strip() for name in ("memory.max", "memory.current"))
        return None if limit == "max" else max(0.0, float(limit) - float(used))
    except (OSError, ValueError):
        return None
