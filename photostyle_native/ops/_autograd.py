"""The derivatives of an op, from one set of formulas, for every way in which torch asks for them.

`torch.library.register_autograd` serves `backward` and `torch.compile`, but silently drops forward-mode
tangents and refuses `torch.func`. An `autograd.Function` with the same formulas supports both, and `vmap`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from . import _backend


def save(ctx: Any, *tensors: Tensor) -> None:
    """Keep tensors for `backward` and for `jvp`."""
    ctx.save_for_backward(*tensors)
    ctx.save_for_forward(*tensors)


def differentiable(
    name: str,
    setup_context: Callable[..., None],
    backward: Callable[..., Any],
    jvp: Callable[..., Any] | None = None,
    *,
    dims: tuple[int, ...] = (),
    shared: tuple[int, ...] = (),
) -> Callable[..., Any]:
    """Give a registered op its derivatives, and return what calls it.

    Args:
        setup_context, backward, jvp: as in `torch.autograd.Function`. They must call differentiable ops through what
            this function returned for them, so that derivatives of derivatives work too. Without `jvp`, forward mode
            raises torch's RuntimeError.
        dims: of every tensor, which are the op's first arguments, how many dimensions are not batch dimensions;
            0 for one that knows no batches. The first one's batch is the result's. Without `dims`, vmap calls the
            op once per item.
        shared: which tensors may be without batch dimensions when the first has some.
    """
    torch.library.register_autograd(
        f"photostyle::{name}", backward, setup_context=setup_context, lib=_backend.LIBRARY
    )
    op = getattr(torch.ops.photostyle, name)

    def vmap(info: Any, in_dims: tuple[int | None, ...], *args: Any) -> tuple[Any, Any]:
        tensors = _batched(info.batch_size, in_dims, args, dims, shared)
        result = call(*tensors, *args[len(dims) :])
        return result, (0,) * len(result) if isinstance(result, tuple) else 0

    if dims:  # for vmap inside torch.compile, which sees the op
        torch.library.register_vmap(f"photostyle::{name}", vmap, lib=_backend.LIBRARY)

    def forward(*args: Any) -> Any:
        return op(*args)

    # Function.apply asks for it at every call, and working it out takes longer than a small op.
    forward.__signature__ = inspect.signature(forward)  # type: ignore[attr-defined]
    functions = {"forward": forward, "setup_context": setup_context, "backward": backward}
    if jvp is not None:
        functions["jvp"] = jvp
    if dims:
        functions["vmap"] = vmap
    members: dict[str, Any] = {key: staticmethod(f) for key, f in functions.items()}
    members["generate_vmap_rule"] = not dims
    function: Any = type(f"photostyle_{name}", (torch.autograd.Function,), members)

    def call(*args: Any) -> Any:
        # torch.compile traces the op as it was registered; it does not trace a Function that has a jvp.
        return op(*args) if torch.compiler.is_compiling() else function.apply(*args)

    return call


def _batched(
    size: int,
    in_dims: tuple[int | None, ...],
    args: tuple[Any, ...],
    dims: tuple[int, ...],
    shared: tuple[int, ...],
) -> list[Tensor]:
    """The tensors of a call that vmap maps `size` times, with that dimension as their first batch dimension."""
    out: list[Tensor] = []
    for index, (value, at, own) in enumerate(zip(args, in_dims, dims, strict=False)):
        if at is not None and not own:
            raise NotImplementedError("vmap cannot map over an argument that has no batch dimensions")
        if not own or (at is None and index in shared and value.dim() == own):
            out.append(value)
            continue
        value = value.expand(size, *value.shape) if at is None else value.movedim(at, 0)
        if index:
            lead = out[0].shape[: out[0].dim() - dims[0]]
            if value.dim() == own + 1:  # no batch dimensions but the new one
                value = value.reshape(size, *(1 for _ in lead[1:]), *value.shape[1:])
            value = value.expand(*lead, *value.shape[value.dim() - own :])
        out.append(value)
    return out
