"""A watch for what makes the host wait for a GPU, which works on the CPU as well."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch.utils._python_dispatch import TorchDispatchMode

# A number that goes to the host, or a shape that depends on data.
_WAITS = ("_local_scalar_dense", "nonzero", "masked_select", "unique", "equal.default", "is_nonzero")


class NoWaiting(TorchDispatchMode):
    """Raises AssertionError where torch is asked for something that a GPU would have to be waited for."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if any(name in str(func) for name in _WAITS):
            raise AssertionError(f"{func} waits for the device")
        return func(*args, **(kwargs or {}))


def calls_of(function: Callable[[], Any]) -> int:
    """Run `function` under the watch and count the operators that it calls."""

    class Counting(NoWaiting):
        calls = 0

        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            Counting.calls += 1
            return super().__torch_dispatch__(func, types, args, kwargs)

    with Counting():
        function()
    return Counting.calls
