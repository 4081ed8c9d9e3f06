"""What every op needs: which backend runs, how many threads, scratch memory, and argument checks."""

from __future__ import annotations

import threading
import warnings

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


def backend(device: torch.device | str) -> str:
    """Name the implementation that runs on `device`: ``native-cpu (<instruction set>)`` or ``reference (...)``."""
    device = torch.device(device)
    if device.type == "cpu":
        return f"native-cpu ({_core.isa})"
    return f"reference on {device.type} (CUDA kernels {_core.cuda})"


def warn_fallback(op: str, device: torch.device) -> None:
    """Say once per device type that `op` runs in plain PyTorch."""
    if device.type not in _warned:
        _warned.add(device.type)
        warnings.warn(
            f"photostyle::{op} has no native kernel for {device.type}: {backend(device)} runs", FallbackWarning, 3
        )


def threads() -> int:
    """Threads that torch is set to, which the CPU kernels use as well."""
    return torch.get_num_threads()


def scratch(size: int) -> Tensor:
    """`size` bytes, 64-byte aligned, kept per thread between calls so that inner loops allocate nothing."""
    held: Tensor | None = getattr(_local, "scratch", None)
    if held is None or held.numel() < size:
        held = torch.empty(size + 64, dtype=torch.uint8, device="cpu")
        offset = -held.data_ptr() % 64
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


def require_like(name: str, value: Tensor, other_name: str, other: Tensor) -> None:
    """Check that `value` is on the device of `other` and has its dtype."""
    require(
        value.device == other.device, f"`{name}` must be on {other_name}'s device {other.device}, got {value.device}"
    )
    require(
        value.dtype == other.dtype,
        f"`{name}` must have {other_name}'s dtype {str(other.dtype).removeprefix('torch.')}, "
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
    require(lead in ((), want), f"`{name}` must have {other_name}'s batch dimensions {want} or none, got {lead}")
