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

    def offer(self, name: str, make: Callable[[], list[Call]], needs: Iterable[str] = (), unless: str = "") -> None:
        """Add a way, or say why it is missing: `unless` gives a reason, or a module of `needs` is not installed."""
        absent = [module for module in needs if importlib.util.find_spec(module) is None]
        if unless or absent:
            self.missing[name] = unless or f"not installed: {', '.join(absent)}"
            return
        self.ways[name] = make()

    def offer_compiled(
        self,
        name: str,
        function: Callable[..., Any],
        data: list[tuple[Any, ...]],
        step: Callable[[Callable[..., Any]], Callable[..., Any]] | None = None,
    ) -> None:
        """Add `function` under torch.compile, or what torch said where it cannot compile.

        `step` makes the job out of the compiled function, default: it is the job.
        """
        torch.compiler.reset()  # after a few recompilations of one function torch would quietly run it uncompiled
        compiled = torch.compile(function, dynamic=False)
        job = step(compiled) if step else compiled
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of the compiler, about its own doings
                job(*data[0])
        except RuntimeError as error:  # torch's compile errors are; the usual one is that there is no C++ compiler
            self.missing[name] = f"torch.compile failed: {str(error).strip().splitlines()[0][:120]}"
            return
        self.ways[name] = calls(job, data)


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


def calls(function: Callable[..., Any], data: Iterable[tuple[Any, ...]]) -> list[Call]:
    """One call of `function` per tuple of arguments."""
    return [partial(function, *arguments) for arguments in data]


def check(what: str, result: Tensor, truth: Tensor, limit: float) -> None:
    """Refuse a way whose result is off by more than `limit`, relative, in the Euclidean norm."""
    truth = truth.double().cpu()
    error = float((result.double().cpu() - truth).norm() / truth.norm())
    if not error <= limit:
        raise WrongResult(f"{what} is off by {error:.1e}, more than {limit:.0e}")
