"""The units of the benchmark: a family (one job), a case (the job at one size), and the ways of doing it."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor

Call = Callable[[], Any]
# Whether `Case.offer_compiled` offers its ways; each takes up to a minute to compile.
COMPILE: ContextVar[bool] = ContextVar("COMPILE", default=True)


class WrongResult(RuntimeError):
    """The result of a way is wrong, so the way must not be timed."""


@dataclass
class Case:
    """One job at one size.

    `ways` maps a name to calls that do the job on different copies of the data. `missing` maps every other way of the
    family to the reason why it is missing. `bytes` is what the job must at least move (every input and output once).
    `operations` counts the arithmetic of this package's way, a multiply-add as two. Both are 0 where they have no
    meaning.
    """

    pixels: int
    bytes: float = 0.0
    operations: float = 0.0
    ways: dict[str, list[Call]] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    once: bool = False  # a call takes long, so that one sample in a pass is enough
    launched: frozenset[str] = frozenset()  # ways that wait for the device, so that no CUDA graph can hold them

    def offer(
        self,
        name: str,
        make: Callable[[], list[Call]],
        needs: Iterable[str] = (),
        unless: str = "",
        right: Callable[[Any], None] | None = None,
    ) -> None:
        """Add a way, or record why it is missing.

        It is missing if `unless` gives a reason, or if a module of `needs` is not installed. A peer's way is also
        missing if `make`, its first call, or `right`, which checks the result of that call, raises an exception.
        """
        absent = [module for module in needs if importlib.util.find_spec(module) is None]
        if unless or absent:
            self.missing[name] = unless or f"not installed: {', '.join(absent)}"
            return
        try:
            made = make()
            if right:
                right(made[0]())
        except Exception as error:  # a peer's code may raise any type
            if is_ours(name):
                raise
            self.missing[name] = f"failed: {reason(error)}"
            return
        self.ways[name] = made

    def offer_compiled(
        self,
        name: str,
        function: Callable[..., Any],
        data: list[tuple[Any, ...]],
        step: Callable[[Callable[..., Any]], Callable[..., Any]] = lambda function: function,
        limit: float = 1e-4,
    ) -> None:
        """Add `function` under torch.compile, or record torch's message if it cannot compile the function.

        `step` makes the job from the compiled function; by default the function is the job. The result may differ by
        `limit` (see `check`) from that of the job without compilation. While `COMPILE` is false, it is left out.
        """
        if not COMPILE.get():
            self.missing[name] = "left out by --no-compile"
            return
        torch.compiler.reset()  # after a few recompilations of one function torch would quietly run it uncompiled
        job = step(torch.compile(function, dynamic=False))

        def right(result: Any) -> None:
            for mine, other in zip(_tensors(result), _tensors(step(function)(*data[0])), strict=True):
                check(name, mine, other, limit)

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # warnings of the compiler about its own work
            self.offer(name, lambda: calls(job, data), right=right)


@dataclass(frozen=True)
class Family:
    """A job: its name in results, its title for readers, the names of all ways, and the function that sets it up."""

    name: str
    title: str
    ways: tuple[str, ...]
    build: Callable[..., Case]  # called with (device, **parameters)


@dataclass(frozen=True)
class Spec:
    """A case that is not built yet."""

    family: Family
    parameters: Mapping[str, Any]

    @property
    def label(self) -> str:
        """The parameters as text for readers: ``700 px, 8 masks``."""
        shown = {name: value for name, value in self.parameters.items() if not isinstance(value, bool)}
        words = [_WORDS.get(name, "{}").format(value) for name, value in shown.items()]
        return ", ".join(words).replace("to, ", "to ")

    @property
    def id(self) -> str:
        return f"{self.family.name}: {self.label}"

    def build(self, device: torch.device) -> Case:
        torch.manual_seed(0)
        case = self.family.build(device, **self.parameters)
        unknown = {*case.ways, *case.missing} ^ set(self.family.ways)
        if unknown:
            raise AssertionError(f"{self.id}: ways and missing ways differ from the family's: {sorted(unknown)}")
        return case


_WORDS = {"width": "{} px", "masks": "{} masks", "iterations": "{} iterations", "low_width": "{} px to"}


def is_ours(way: str) -> bool:
    return way.startswith("ours")


def reason(error: BaseException) -> str:
    """The first line of an error's message, or the error's type if it has no message."""
    lines = str(error).strip().splitlines()
    return lines[0][:160] if lines else type(error).__name__


def _tensors(result: Tensor | Iterable[Tensor]) -> list[Tensor]:
    return [result] if isinstance(result, Tensor) else list(result)


def calls(function: Callable[..., Any], data: Iterable[tuple[Any, ...]]) -> list[Call]:
    """Make calls of `function`, one per tuple of arguments."""
    return [partial(function, *arguments) for arguments in data]


def check(what: str, result: Tensor, truth: Tensor, limit: float) -> None:
    """Raise WrongResult if a result's relative error, in the Euclidean norm, is above `limit`. `what` names it."""
    truth = truth.detach().double().cpu()
    if result.shape != truth.shape:
        raise WrongResult(f"{what} has shape {tuple(result.shape)}, not {tuple(truth.shape)}")
    error = float((result.detach().double().cpu() - truth).norm() / truth.norm())
    if not error <= limit:
        raise WrongResult(f"{what} is off by {error:.1e}, more than {limit:.0e}")
