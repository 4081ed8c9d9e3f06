"""Arrays of other libraries as tensors and back, on the same memory (DLPack).

A function that `any_array` wraps takes NumPy, CuPy, JAX and other DLPack arrays where it takes tensors, and returns
the kind that it was given. A tensor that comes in is looked at once and goes straight through.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import PhotostyleError

_LAYOUTS = ("channels_first", "channels_last")
_NOTE = """
    Arrays of NumPy, CuPy and JAX are accepted too, if all arguments are of one library, and the result is an array of
    that library. Nothing is copied between libraries, and nothing is recorded for a gradient. The kernels run on
    CuPy's current stream. Arrays that JAX traces (`jax.jit`) raise `PhotostyleError`.
"""
_LAYOUT_NOTE = """
    With ``layout="channels_last"`` {names} have their channels (or masks, or coefficients) last,
    (..., H, W, C){result}.
"""


def kind(value: object) -> str | None:
    """The library that an array belongs to: ``torch``, ``numpy``, ``cupy``, ``jax``, ``dlpack``; None: no array."""
    if isinstance(value, Tensor):
        return "torch"
    if isinstance(value, np.ndarray):
        return "numpy"
    if hasattr(type(value), "__dlpack__") and hasattr(type(value), "__dlpack_device__"):
        root = type(value).__module__.partition(".")[0]
        return {"jaxlib": "jax", "jax": "jax", "cupy": "cupy"}.get(root, "dlpack")
    return None


def _require_concrete(name: str, value: object) -> None:
    """Check that an argument is no JAX tracer: those are placeholders without memory, inside `jax.jit` and others."""
    jax = sys.modules.get("jax")
    if jax is not None and isinstance(value, jax.core.Tracer):
        raise PhotostyleError(
            f"`{name}` must be an array, got a JAX tracer: under jax.jit, jax.vmap and jax.grad "
            "wrap the call in jax.pure_callback"
        )


class _Writeable:
    """The memory of a read-only NumPy array, declared writeable.

    torch has no read-only tensors and would warn. No op writes to its input.
    """

    def __init__(self, array: np.ndarray) -> None:
        self.array = array  # keeps it alive
        address, _ = array.__array_interface__["data"]
        self.__array_interface__ = {**array.__array_interface__, "data": (address, False)}


def to_tensor(name: str, value: Any) -> Tensor:
    """A tensor on the memory of `value`.

    Raises:
        PhotostyleError: `value` is no array, or torch does not support its type, strides, byte order or device.
    """
    library = kind(value)
    if library == "torch":
        return value
    _require_concrete(name, value)
    if library is None:
        raise PhotostyleError(
            f"`{name}` must be a torch.Tensor or an array (NumPy, CuPy, JAX, DLPack), got {type(value).__name__}"
        )
    try:
        if library != "numpy":
            return torch.from_dlpack(value)
        if not value.flags.aligned:
            raise ValueError("its elements are not aligned in memory")
        return torch.from_numpy(value if value.flags.writeable else np.asarray(_Writeable(value)))
    except (TypeError, ValueError, BufferError, RuntimeError) as error:
        reason = str(error).partition("\n")[0]
        raise PhotostyleError(f"`{name}` must be an array that torch can view: {reason}") from error


def from_tensor(value: Tensor, library: str) -> Any:
    """`value` as an array of `library`, on the same memory.

    For a library that is not known by name this is the tensor itself, which supports DLPack.
    """
    if library in ("torch", "dlpack"):
        return value
    value = value.detach().resolve_neg()
    if library == "numpy":
        return value.numpy()
    if library == "jax":  # has no strides
        return sys.modules["jax.numpy"].from_dlpack(value.contiguous())
    return sys.modules["cupy"].from_dlpack(value)  # it is imported, since the caller has one of its arrays


def _stream(library: str, arrays: dict[str, Any]) -> contextlib.AbstractContextManager[Any]:
    """Make the caller's stream torch's, for the library that has a current stream of its own."""
    if library != "cupy" or not arrays:
        return contextlib.nullcontext()
    cupy, device = sys.modules["cupy"], next(iter(arrays.values())).device.id
    with cupy.cuda.Device(device):
        pointer = cupy.cuda.get_current_stream().ptr
    # The default stream has the address 0, which ExternalStream does not take.
    stream = torch.cuda.ExternalStream(pointer, device) if pointer else torch.cuda.default_stream(device)
    return torch.cuda.stream(stream)


def _common_kind(given: dict[str, Any]) -> str:
    found = {name: kind(value) for name, value in given.items()}
    if len(set(found.values())) > 1:
        listed = ", ".join(f"`{name}` of {library}" for name, library in found.items())
        raise PhotostyleError(f"the arrays must all be of one library, got {listed}")
    return next(iter(found.values()), None) or "torch"


def _require_output(value: Any, layout: str) -> None:
    if layout != "channels_first":
        raise PhotostyleError("`out` must not be given with layout='channels_last'")
    if kind(value) == "jax" or (kind(value) == "numpy" and not value.flags.writeable):
        raise PhotostyleError("`out` must be writeable, got a read-only array")


def _channels_first(name: str, value: Tensor) -> Tensor:
    if value.dim() < 3:
        raise PhotostyleError(f"`{name}` must have shape (..., H, W, C), got {tuple(value.shape)}")
    return value.movedim(-1, -3)


def any_array(function: Callable[..., Any], channels: tuple[str, ...] = ()) -> Callable[..., Any]:
    """Wrap `function` so that it takes and returns arrays of any library, and has an argument `layout`.

    Args:
        function: takes tensors (its parameters that are annotated so) and returns one.
        channels: names the parameters, and ``return``, whose third dimension from the end is the last one under
            ``layout="channels_last"``.
    """
    signature = inspect.signature(function)
    arrays = {name for name, p in signature.parameters.items() if "Tensor" in str(p.annotation)}
    first = next(iter(signature.parameters))

    def converted(layout: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if layout not in _LAYOUTS:
            raise PhotostyleError(f"`layout` must be 'channels_first' or 'channels_last', got {layout!r}")
        bound = signature.bind(*args, **kwargs)
        for name in arrays & bound.arguments.keys():
            _require_concrete(name, bound.arguments[name])
        # Arguments that are no arrays are left to the checks of the function.
        given = {n: v for n, v in bound.arguments.items() if n in arrays and kind(v) is not None}
        library, last = _common_kind(given), channels if layout == "channels_last" else ()
        if "out" in given:
            _require_output(given["out"], layout)
        with _stream(library, given):
            for name, value in given.items():
                tensor = to_tensor(name, value)
                bound.arguments[name] = _channels_first(name, tensor) if name in last else tensor
            result = function(*bound.args, **bound.kwargs)
            if "out" in given:
                return given["out"]
            return from_tensor(result.movedim(-3, -1) if "return" in last else result, library)

    @functools.wraps(function)
    def wrapper(*args: Any, layout: str = "channels_first", **kwargs: Any) -> Any:
        if layout == "channels_first" and isinstance(args[0] if args else kwargs.get(first), Tensor):
            return function(*args, **kwargs)
        return converted(layout, args, kwargs)

    layout = inspect.Parameter("layout", inspect.Parameter.KEYWORD_ONLY, default="channels_first", annotation="str")
    wrapper.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[*signature.parameters.values(), layout]
    )
    names = " and ".join(f"`{name}`" for name in channels if name not in ("return", "out"))
    result = ", and so has the result" if "return" in channels else ""
    wrapper.__doc__ = (function.__doc__ or "") + _NOTE + _LAYOUT_NOTE.format(names=names, result=result)
    return wrapper
