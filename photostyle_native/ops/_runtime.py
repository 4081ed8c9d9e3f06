"""What every op needs: which backend runs, how many threads, scratch memory, and argument checks."""

from __future__ import annotations

import contextlib
import math
import numbers
import threading
import warnings
from collections.abc import Callable
from types import ModuleType
from typing import Any

import torch  # before _core: both then share torch's OpenMP threads
from torch import Tensor

from .. import _core
from ..errors import PhotostyleError

LIBRARY: torch.library.Library = torch.library.Library("photostyle", "DEF")


class FallbackWarning(UserWarning):
    """The plain-PyTorch reference runs where a native kernel was expected. ``photostyle doctor`` says why."""


_warned: set[str] = set()
_local = threading.local()
_KEPT_SCRATCH = 64 << 20  # bytes; a rare call that needs more gives it back

# The CUDA kernels, if this build has them. They take device pointers and a stream where the CPU's take host pointers
# and a number of threads; nothing else differs.
CUDA: ModuleType | None = getattr(_core, "cuda", None)


def backend(device: torch.device | str) -> str:
    """Name what runs on `device`: ``native-cpu (x86-64-v4)``, ``native-cuda (sm_90)`` or ``reference on ...``."""
    device = torch.device(device)
    if device.type == "cpu":
        return f"native-cpu ({_core.isa})"
    if device.type == "cuda" and CUDA is not None:
        if not torch.cuda.is_available():
            return "native-cuda"
        return "native-cuda (sm_{}{})".format(*torch.cuda.get_device_capability(device))
    return f"reference on {device.type} (CUDA kernels {_core.cuda_status})"


def warn_fallback(op: str, device: torch.device) -> None:
    """Say once per device type that `op` runs in plain PyTorch."""
    if device.type not in _warned:
        _warned.add(device.type)
        warnings.warn(
            f"photostyle::{op} has no native kernel for {device.type}: {backend(device)} runs", FallbackWarning, 3
        )


def register(name: str, native: Callable[..., Any], fallback: Callable[..., Any], fake: Callable[..., Any]) -> None:
    """Give a defined op its kernels: `native` wherever the build has them, else the announced `fallback`."""

    def announced(first: Tensor, *rest: Any) -> Any:
        warn_fallback(name, first.device)
        return fallback(first, *rest)

    LIBRARY.impl(name, native, "CPU")
    LIBRARY.impl(name, announced if CUDA is None else native, "CUDA")
    torch.library.register_fake(f"photostyle::{name}", fake, lib=LIBRARY)


def kernels(device: torch.device) -> tuple[ModuleType, int]:
    """The kernels for tensors on `device`, and their last argument: threads (CPU) or the current stream (CUDA)."""
    if device.type == "cpu":
        return _core, torch.get_num_threads()
    if CUDA is None:
        raise PhotostyleError(f"there are no CUDA kernels in this build: {_core.cuda_status}")
    return CUDA, torch.cuda.current_stream(device).cuda_stream


def launch(
    name: str,
    device: torch.device,
    tensors: tuple[Tensor | None, ...],
    arguments: tuple[int | float | bool, ...],
    scratch_arguments: tuple[int | float | bool, ...],
) -> None:
    """Run the kernel `name` on contiguous tensors (None: not wanted), with the scratch that it asks for."""
    elsewhere = device.type == "cuda" and device.index != torch.cuda.current_device()
    with torch.cuda.device(device) if elsewhere else contextlib.nullcontext():
        core, handle = kernels(device)
        held = scratch(getattr(core, f"{name}_scratch")(*scratch_arguments, handle), device)
        addresses = [0 if t is None else t.data_ptr() for t in tensors]
        getattr(core, name)(*addresses, held.data_ptr(), *arguments, handle)


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


def require(condition: bool, message: str) -> None:
    """Raise `PhotostyleError(message)` unless `condition` holds."""
    if not condition:
        raise PhotostyleError(message)


def require_tensor(name: str, value: object) -> None:
    """Check that an argument is a tensor."""
    require(isinstance(value, Tensor), f"`{name}` must be a torch.Tensor, got {type(value).__name__}")


def require_dtype(name: str, value: Tensor, dtypes: tuple[torch.dtype, ...]) -> None:
    """Check that a tensor has one of `dtypes`."""
    names = " or ".join(str(d).removeprefix("torch.") for d in dtypes)
    require(value.dtype in dtypes, f"`{name}` must be {names}, got {str(value.dtype).removeprefix('torch.')}")


def _possessive(name: str) -> str:
    return name + ("'" if name.endswith("s") else "'s")


def require_same_device(name: str, value: Tensor, other_name: str, other: Tensor) -> None:
    """Check that `value` is on the device of `other`."""
    require(
        value.device == other.device,
        f"`{name}` must be on {_possessive(other_name)} device {other.device}, got {value.device}",
    )


def require_like(name: str, value: Tensor, other_name: str, other: Tensor) -> None:
    """Check that `value` is on the device of `other` and has its dtype."""
    require_same_device(name, value, other_name, other)
    require(
        value.dtype == other.dtype,
        f"`{name}` must have {_possessive(other_name)} dtype {str(other.dtype).removeprefix('torch.')}, "
        f"got {str(value.dtype).removeprefix('torch.')}",
    )


def require_image(name: str, value: Tensor, channels: int | None = None) -> None:
    """Check for shape (..., channels, H, W)."""
    want = "C" if channels is None else str(channels)
    require(
        value.dim() >= 3 and (channels is None or value.shape[-3] == channels),
        f"`{name}` must have shape (..., {want}, H, W), got {tuple(value.shape)}",
    )


def require_same_size(name: str, value: Tensor, other_name: str, other: Tensor) -> None:
    """Check that two images agree in height and width."""
    require(
        value.shape[-2:] == other.shape[-2:],
        f"`{name}` must have the height and width of `{other_name}`, {tuple(other.shape[-2:])}, "
        f"got {tuple(value.shape[-2:])}",
    )


def require_batch(name: str, value: Tensor, other_name: str, other: Tensor) -> None:
    """Check that the leading dimensions of `value` are those of `other`, or none at all (shared by the batch)."""
    lead, want = tuple(value.shape[:-3]), tuple(other.shape[:-3])
    require(
        lead in ((), want),
        f"`{name}` must have {_possessive(other_name)} batch dimensions {want} or none, got {lead}",
    )


def require_integer(name: str, value: object, low: int, high: int) -> int:
    """Check for an integer (NumPy's count) from `low` to `high`; returns it as int."""
    integer = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    require(
        integer and low <= value <= high,  # type: ignore[operator]
        f"`{name}` must be an integer from {low} to {high}, got {value!r}",
    )
    return int(value)  # type: ignore[call-overload]


def wants_derivative(*values: Tensor) -> bool:
    """Whether autograd records what is done with one of the tensors, or one carries a forward-mode tangent."""
    if torch.is_grad_enabled() and any(value.requires_grad for value in values):
        return True
    if torch.compiler.is_compiling():
        return False
    return any(torch.autograd.forward_ad.unpack_dual(value).tangent is not None for value in values)


def require_at_least(name: str, value: object, low: float) -> float:
    """Check for a finite real number of at least `low`; returns it as float."""
    real = isinstance(value, numbers.Real) and not isinstance(value, bool)
    require(
        real and math.isfinite(value) and value >= low,  # type: ignore[arg-type, operator]
        f"`{name}` must be finite and at least {low:g}, got {value!r}",
    )
    return float(value)  # type: ignore[arg-type]
