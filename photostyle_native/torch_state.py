"""One shield against the settings that a surrounding program may have made for torch as a whole.

Inference mode, no_grad, autocast, a default device and a default dtype change what torch's functions do, deep in any
library. Functions under `independent` give the same numbers whatever is set, and leave the settings as they were.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import wraps
from typing import ParamSpec, TypeVar

import torch

P = ParamSpec("P")
R = TypeVar("R")


def independent(function: Callable[P, R]) -> Callable[P, R]:
    """A decorator for functions that are not differentiable from outside: none of the settings reaches them.

    The default dtype is of the whole process: where it was another, no other thread should make tensors meanwhile.
    """

    @wraps(function)
    def shielded(*args: P.args, **kwargs: P.kwargs) -> R:
        with torch.inference_mode(False), torch.no_grad(), ExitStack() as settings:
            for kind in ("cpu", "cuda"):
                if torch.is_autocast_enabled(kind):
                    settings.enter_context(torch.autocast(kind, enabled=False))
            if torch.get_default_device().type != "cpu":  # only then: within it each call of torch takes longer
                settings.enter_context(torch.device("cpu"))
            before = torch.get_default_dtype()
            if before != torch.float32:
                torch.set_default_dtype(torch.float32)
                settings.callback(torch.set_default_dtype, before)
            return function(*args, **kwargs)

    return shielded


def own(tensor: torch.Tensor) -> torch.Tensor:
    """The tensor, or a copy of one that was made in inference mode, which autograd refuses to keep."""
    return tensor.clone() if tensor.is_inference() else tensor
