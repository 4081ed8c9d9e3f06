"""Facts about this machine: its processor, the device to compute on, free memory, the NVIDIA driver.

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

DEVICES = ("auto", "cpu", "cuda", "cuda:N")
# The levels of the x86-64 psABI, each with the flags of /proc/cpuinfo that it adds to the level before.
_X86_LEVELS = (
    ("x86-64-v2", "cx16 lahf_lm popcnt sse4_1 sse4_2 ssse3"),
    ("x86-64-v3", "avx avx2 bmi1 bmi2 f16c fma abm movbe xsave"),
    ("x86-64-v4", "avx512f avx512bw avx512cd avx512dq avx512vl"),
)


def processor_name() -> str:
    """The name of the processor, or its architecture where the system does not tell the name."""
    match = re.search(r"^model name\s*:\s*(.+)$", cpuinfo(), re.MULTILINE)
    return match[1] if match else platform.processor() or platform.machine()


def processor_level(text: str | None = None) -> str:
    """The highest x86-64 level that the processor supports, ``x86-64`` to ``x86-64-v4``.

    `text` is that of /proc/cpuinfo, by default that of this machine. Without flags in it, as on other
    processors, the result is the name of this machine's architecture.
    """
    match = re.search(r"^flags\s*:\s*(.+)$", cpuinfo() if text is None else text, re.MULTILINE)
    if not match:
        return platform.machine()
    flags, level = set(match[1].split()), "x86-64"
    for name, added in _X86_LEVELS:
        if not flags.issuperset(added.split()):
            break
        level = name
    return level


def cpuinfo() -> str:
    """The text of /proc/cpuinfo, empty where there is none."""
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
    """The torch device that a name stands for; ``auto`` means CUDA where it is available, else the CPU.

    Raises:
        PhotostyleError: the name is not a CPU or CUDA device, or is a CUDA device that torch does not find.
    """
    import torch

    if str(device) == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        resolved = torch.device(device)
    except RuntimeError:
        raise choice_error("device", str(device), DEVICES) from None
    if resolved.type not in ("cpu", "cuda"):
        raise choice_error("device", str(device), DEVICES)
    if resolved.type == "cuda" and not torch.cuda.is_available():
        raise PhotostyleError("`device` is cuda, but torch finds no CUDA device (photostyle doctor says more)")
    if resolved.type == "cuda" and (resolved.index or 0) >= torch.cuda.device_count():
        count = torch.cuda.device_count()
        raise PhotostyleError(f"`device` is {resolved}, but torch finds {count} CUDA device{'s' * (count > 1)}")
    return resolved


def available_bytes(device: torch.device) -> float:
    """The free memory of a device in bytes; infinite where the system does not tell."""
    if device.type == "cuda":
        import torch

        # Blocks that torch holds for later allocations are free, too.
        held = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return float(torch.cuda.mem_get_info(device)[0] + held)
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
    """The bytes that the container's limit (cgroup, version 2) still leaves; None without such a limit."""
    folder = Path("/sys/fs/cgroup")
    try:
        limit, used = ((folder / name).read_text().strip() for name in ("memory.max", "memory.current"))
        return None if limit == "max" else max(0.0, float(limit) - float(used))
    except (OSError, ValueError):
        return None
