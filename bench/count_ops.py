"""Count what one iteration of a transfer gives a GPU to do, on a machine without one.

    python bench/count_ops.py [--size 700] [--precision bfloat16] [--list]

The tensors of an iteration become fake ones, which have a shape but no values (torch's FakeTensorMode), and the code
takes the way that it takes for a GPU. So every op that a GPU would get is seen, and nothing is computed. An op of
this package counts once, however many kernels it launches. The bytes of an op are those of its arguments and results,
each counted once: what it has to move if it reads and writes everything once. Two ops of this package go over theirs
more often (`_PASSES`). Views move nothing and are not counted.
"""

from __future__ import annotations

import argparse
import copy
import dataclasses
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from photostyle_native import ops
from photostyle_native.benchmark.cases.iteration import Scene, network
from photostyle_native.network import convolution
from photostyle_native.network.vgg19 import VGG19
from photostyle_native.optimization.objective import Objective
from photostyle_native.optimization.solver import Loop
from photostyle_native.pipeline.presets import PRESETS

_STAGE = PRESETS["default"].stages[0]
# How often these ops go over their arguments and results, by what their files in csrc state.
_PASSES = {
    "photostyle::lbfgs_step": 2,  # once for the products with the history, once for the step
    # To the other order, two Fourier transforms of two passes each, the gains, and back: each reads and writes.
    "photostyle::cosine_filter": 7,
}
_ALLOCATIONS = {
    "aten::empty",
    "aten::empty_like",
    "aten::empty_strided",
    "aten::new_empty",
    "aten::new_empty_strided",
}


class Counts(TorchDispatchMode):
    """Counts the ops that run in it, and the bytes of their tensors."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: Counter[str] = Counter()
        self.bytes: Counter[str] = Counter()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        name = func._schema.name
        if name.startswith(("aten::", "photostyle::")) and not (func.is_view or name in _ALLOCATIONS):
            tensors = {id(t): t for t in tree_leaves((args, kwargs, result)) if isinstance(t, Tensor)}
            self.calls[name] += 1
            size = sum(t.numel() * t.element_size() for t in tensors.values())
            self.bytes[name] += size * _PASSES.get(name, 1)
        return result


@contextmanager
def pretended_gpu() -> Iterator[FakeTensorMode]:
    """Let torch and this package believe that there is a GPU, for fake tensors."""
    library = torch.library.Library("aten", "IMPL")  # shapes of what torch has no fake kernels for

    def same_size(x: Tensor, weight: Tensor, *_: Any) -> Tensor:
        out = x.new_empty(len(x), len(weight), *x.shape[2:])
        return out.contiguous(memory_format=torch.channels_last)

    def transposed(grad: Tensor, weight: Tensor, *_: Any) -> Tensor:
        out = grad.new_empty(len(grad), weight.shape[1], *grad.shape[2:])
        return out.contiguous(memory_format=torch.channels_last)

    library.impl("cudnn_convolution_relu", same_size, "Meta")
    library.impl("cudnn_convolution", same_size, "Meta")
    library.impl("cudnn_convolution_transpose", transposed, "Meta")
    # Autograd refuses fake tensors on a GPU that does not exist, so they are on the CPU, and the choice is made here.
    backend = mock.patch.object(ops, "backend", return_value="native-cuda (pretended)")
    with backend, mock.patch.object(convolution, "_by_cudnn", return_value=True), FakeTensorMode() as mode:
        yield mode


def on_gpu(value: Any, mode: FakeTensorMode) -> Any:
    """A copy of a value in which all tensors are fake ones."""
    if isinstance(value, Tensor):
        return mode.from_tensor(value).detach()
    if isinstance(value, dict):
        return {name: on_gpu(v, mode) for name, v in value.items()}
    if isinstance(value, VGG19):
        network = copy.copy(value)
        network._buffers = {name: _innermost(b) for name, b in on_gpu(value._buffers, mode).items()}
        return network
    if isinstance(value, Objective):
        objective = copy.copy(value)
        vars(objective).update(on_gpu(vars(value), mode))
        return objective
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.replace(value, **on_gpu(vars(value), mode))
    return value


def _innermost(weight: Tensor) -> Tensor:
    """As `VGG19` keeps the weights on a GPU."""
    return weight.contiguous(memory_format=torch.channels_last) if weight.dim() == 4 else weight


def count(width: int, dtype: torch.dtype) -> tuple[Counts, Counts]:
    """What one whole iteration does, and what the energy with its gradient does."""
    scene = Scene.of(width, 3, torch.device("cpu"))
    objective = scene.objective(network(torch.device("cpu"), dtype))
    found = []
    with pretended_gpu() as mode:
        loop = Loop(on_gpu(objective, mode), on_gpu(scene.start, mode), _STAGE)
        loop._iterate()  # what is made once is made here
        for run in (loop._iterate, loop._evaluate):
            counted = Counts()
            with counted:
                run()
            found.append(counted)
    return found[0], found[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=700, help="the photo's width in pixels (700)")
    parser.add_argument(
        "--precision", choices=["bfloat16", "float32"], default="bfloat16", help="the network's (bfloat16)"
    )
    parser.add_argument("--list", action="store_true", help="every op by name")
    options = parser.parse_args()
    iteration, energy = count(options.size, getattr(torch, options.precision))
    print(f"one iteration at {options.size} px, 3 masks, {options.precision}:")
    for name, part in (("all", iteration), ("energy and gradient", energy)):
        own = sum(n for op, n in part.calls.items() if op.startswith("photostyle::"))
        total = sum(part.calls.values())
        print(f"{name:20} {total:5} ops, {own:3} of them of this package; {sum(part.bytes.values()) / 1e9:6.3f} GB")
    if options.list:
        print(f"\n{'op':44} {'calls':>6} {'MB':>9}")
        for op, size in iteration.bytes.most_common():
            print(f"{op:44} {iteration.calls[op]:6} {size / 1e6:9.2f}")


if __name__ == "__main__":
    main()
