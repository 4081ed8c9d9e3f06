"""What is timed: a family of jobs, one case of it, and the ways in which it can be done."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor

Call = Callable[[], Any]


class WrongResult(RuntimeError):
    """A way computes something else than it should: it must not be timed."""


@dataclass
class Case:
    """One job of one size.

    `ways` maps a name to calls that do the job on different copies of the data. `missing` says why a way of the
    family is not among them. `bytes` are those that the job cannot avoid moving (every input and every output once),
    `operations` those of its arithmetic as we do it, a multiply-add counted as two; both 0 where they mean nothing.
    """

    pixels: int
    bytes: float = 0.0
    operations: float = 0.0
    ways: dict[str, list[Call]] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    once: bool = False  # a call takes long: one sample in a pass is enough
    launched: frozenset[str] = frozenset()  # ways that wait for the device, so that no CUDA graph can hold them

    def offer(
        self,
        name: str,
        make: Callable[[], list[Call]],
        needs: Iterable[str] = (),
        unless: str = "",
        right: Callable[[Any], None] | None = None,
    ) -> None:
        """Add a way, or say why it is missing.

        It is for the reason `unless`, if a module of `needs` is not installed, and if it is a peer's and making it,
        its first call, or `right` of that call's result raises an exception.
        """
        absent = [module for module in needs if importlib.util.find_spec(module) is None]
        if unless or absent:
            self.missing[name] = unless or f"not installed: {', '.join(absent)}"
            return
        try:
            made = make()
            if right:
                right(made[0]())
        except Exception as error:  # of any kind: others wrote it
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
        """Add `function` under torch.compile, or what torch said where it cannot compile.

        `step` makes the job out of the compiled function, default: it is the job. Its result may be off by `limit`
        from that of the job without compilation.
        """
        torch.compiler.reset()  # after a few recompilations of one function torch would quietly run it uncompiled
        job = step(torch.compile(function, dynamic=False))

        def right(result: Any) -> None:
            for mine, other in zip(_tensors(result), _tensors(step(function)(*data[0])), strict=True):
                check(name, mine, other, limit)

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the compiler, about its own doings
            self.offer(name, lambda: calls(job, data), right=right)


@dataclass(frozen=True)
class Family:
    """A job: its name in results, a title for people, every way that it may be done in, and how to set it up."""

    name: str
    title: str
    ways: tuple[str, ...]
    build: Callable[..., Case]  # (device, **parameters)


@dataclass(frozen=True)
class Spec:
    """A case that is not built yet."""

    family: Family
    parameters: Mapping[str, Any]

    @property
    def label(self) -> str:
        """The parameters as people read them: ``700 px, 8 masks``."""
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
    """One line that says what went wrong."""
    lines = str(error).strip().splitlines()
    return lines[0][:160] if lines else type(error).__name__


def _tensors(result: Tensor | Iterable[Tensor]) -> list[Tensor]:
    return [result] if isinstance(result, Tensor) else list(result)


def calls(function: Callable[..., Any], data: Iterable[tuple[Any, ...]]) -> list[Call]:
    """One call of `function` per tuple of arguments."""
    return [partial(function, *arguments) for arguments in data]


def check(what: str, result: Tensor, truth: Tensor, limit: float) -> None:
    """Refuse a way whose result is off by more than `limit`, relative, in the Euclidean norm."""
    truth = truth.detach().double().cpu()
    if result.shape != truth.shape:
        raise WrongResult(f"{what} has shape {tuple(result.shape)}, not {tuple(truth.shape)}")
    error = float((result.detach().double().cpu() - truth).norm() / truth.norm())
    if not error <= limit:
        raise WrongResult(f"{what} is off by {error:.1e}, more than {limit:.0e}")
