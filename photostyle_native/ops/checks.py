"""Checks of arguments. Every message names the argument and says what is required and what was given."""

from __future__ import annotations

import math
import numbers
import warnings

import torch
from torch import Tensor

from ..errors import PhotostyleError

# Of what is added to a covariance: the least and the largest whose third power, in a determinant, is a number.
RIDGES = 1e-12, 1e30
_TO_FLOATS = {torch.bool: ": convert it with `.float()`", torch.uint8: ": convert it with `.float() / 255`"}
_LARGEST = 4.0  # pictures that are optimised or not clamped stay below


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
    if value.dtype not in dtypes:
        kind = str(value.dtype).removeprefix("torch.")
        raise PhotostyleError(f"`{name}` must be {names}, got {kind}{_TO_FLOATS.get(value.dtype, '')}")


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
    if value.dim() < 3 or (channels is not None and value.shape[-3] != channels):
        raise PhotostyleError(
            f"`{name}` must have shape (..., {want}, H, W), got {tuple(value.shape)}{layout_hint(value)}"
        )


def layout_hint(image: Tensor) -> str:
    """What to do about an image with channels last, as the end of a message; nothing for other shapes."""
    last = image.dim() >= 3 and image.shape[-1] == 3 and image.shape[-3] != 3
    return ": its channels are last, use `.movedim(-1, -3)`" if last else ""


def warn_of_levels(name: str, image: Tensor) -> None:
    """Warn of an image whose values go beyond 1, as those of 0..255 do: options are meant for [0, 1]."""
    highest = float(image.amax()) if image.numel() else 0.0
    if _LARGEST < highest < math.inf:
        text = f"`{name}` should lie in [0, 1], to which options such as `eps` are relative, and has values up to"
        warnings.warn(f"{text} {highest:g}", stacklevel=4)


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
    """Check for an integer (NumPy's included) from `low` to `high`; returns it as int."""
    integer = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not (integer and low <= value <= high):  # type: ignore[operator]
        # Only now: torch.compile cannot write a number that it traces.
        raise PhotostyleError(f"`{name}` must be an integer from {low} to {high}, got {shown(value)}")
    return int(value)  # type: ignore[call-overload]


def clip_radius(radius: int, image: Tensor) -> int:
    """The radius of windows that are cut at the border: a larger one than this changes nothing."""
    return min(radius, max(image.shape[-2:]))


def wants_derivative(*values: Tensor) -> bool:
    """Whether autograd records what is done with one of the tensors, or one carries a forward-mode tangent."""
    if torch.is_grad_enabled() and any(value.requires_grad for value in values):
        return True
    if torch.compiler.is_compiling():
        return False
    return any(torch.autograd.forward_ad.unpack_dual(value).tangent is not None for value in values)


def require_at_least(name: str, value: object, low: float, high: float = math.inf) -> float:
    """Check for a finite real number from `low` to `high`; returns it as float."""
    real = isinstance(value, numbers.Real) and not isinstance(value, bool)
    try:
        number = float(value) if real else math.nan  # type: ignore[arg-type]
    except OverflowError:  # of an integer
        number = math.inf
    if not (low <= number <= high and number < math.inf):
        allowed = f"finite and at least {low:g}" if high == math.inf else f"finite and from {low:g} to {high:g}"
        raise PhotostyleError(f"`{name}` must be {allowed}, got {shown(value)}")
    return number


def shown(value: object) -> str:
    """A value in a message: an integer of a thousand digits, or an array, is not written out."""
    try:
        text = repr(value)
    except ValueError:  # Python refuses to write integers of more than 4300 digits
        text = f"an integer of {value.bit_length()} bits"  # type: ignore[attr-defined]
    return text if len(text) <= 80 else f"{text[:60]}... ({type(value).__name__})"
