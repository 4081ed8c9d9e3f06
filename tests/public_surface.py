"""The public surface as text, one line per name: what semantic versioning is about.

    python tests/public_surface.py

writes it to tests/public_surface.txt. What changed must be said in CHANGELOG.md by hand.
"""

from __future__ import annotations

import argparse
import dataclasses
import inspect
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, is_typeddict

import photostyle_native
from photostyle_native import metrics, ops
from photostyle_native.cli.options import build_parser
from photostyle_native.segmentation.automatic import find_regions

LISTING = Path(__file__).with_name("public_surface.txt")


def python_names() -> Iterator[tuple[str, str]]:
    """Every public name, with its module or class, and what is behind it: a signature, a type, or nothing."""
    for prefix, module in (("ps", photostyle_native), ("ops", ops), ("metrics", metrics)):
        for name in sorted(module.__all__):
            value = getattr(module, name)
            yield f"{prefix}.{name}", _shape(value)
            if inspect.isclass(value):
                yield from ((f"{name}.{member}", shape) for member, shape in _members(value))


def _shape(value: Any) -> str:
    if isinstance(value, ModuleType):
        return ": module"
    if isinstance(value, (dict, tuple)):
        return f": {', '.join(str(getattr(key, 'key', key)) for key in value)}"
    if isinstance(value, str):
        return ": str"
    if is_typeddict(value):
        return ": TypedDict"
    if inspect.isclass(value) and issubclass(value, (Exception, Warning)):
        return f": {value.__mro__[1].__name__}"
    return _signature(value)


def _signature(function: Any) -> str:
    return str(inspect.signature(function)).replace("'", "")  # Python 3.14 quotes no annotations


def _members(value: type) -> Iterator[tuple[str, str]]:
    """What a class defines, itself or in a base class of this package."""
    fields = {field.name for field in dataclasses.fields(value)} if dataclasses.is_dataclass(value) else set()
    fields |= set(value.__annotations__) if is_typeddict(value) else set()
    own = [c for c in reversed(value.__mro__) if c.__module__.startswith("photostyle_native")]
    members = {name: member for c in own for name, member in vars(c).items()}
    for name, member in sorted({**dict.fromkeys(fields), **members}.items()):
        if (name.startswith("_") and name not in ("__call__", "__matmul__")) or name == "extra_repr":
            continue
        if name in fields or isinstance(member, property):
            yield name, ": attribute"
        elif isinstance(member, (classmethod, staticmethod)):
            yield name, _signature(member.__func__)
        elif inspect.isfunction(member):
            yield name, _signature(member)


def options() -> Iterator[tuple[str, str, str]]:
    """Of every command, its arguments and options: the command, the name, and what can be given."""
    of_transfer = inspect.signature(photostyle_native.transfer).parameters
    for command, parser in _commands("", build_parser()):
        for action in parser._actions:
            if isinstance(action, (argparse._HelpAction, argparse._VersionAction, argparse._SubParsersAction)):
                continue
            choices = "|".join(map(str, action.choices)) if action.choices else action.metavar or ""
            value = action.default
            if value is argparse.SUPPRESS:  # the default is that of the function
                function = find_regions if command == "masks" else photostyle_native.transfer
                value = inspect.signature(function).parameters.get(action.dest, of_transfer[action.dest]).default
            default = "" if value is None or value is False else f" default {value}"
            name = "/".join(action.option_strings) or str(action.dest)
            given = f" {choices}" if choices and action.option_strings else ""
            yield command, name, f"{given}{' required' if action.required else ''}{default}"


def _commands(prefix: str, parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """A parser's commands, and theirs."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, command in sorted(action.choices.items()):
                yield prefix + name, command
                yield from _commands(f"{prefix}{name} ", command)


def listing() -> str:
    """The surface as it is now."""
    python = [name + shape for name, shape in python_names()]
    program = [f"photostyle {command} {name}{given}" for command, name, given in options()]
    return "\n".join([*python, *program]) + "\n"


def main() -> None:
    """Write the listing, and say which lines are new or gone."""
    before = LISTING.read_text().splitlines() if LISTING.exists() else []
    text = listing()
    LISTING.write_text(text)
    for line in sorted(set(before) ^ set(text.splitlines()), key=lambda line: line.split("(")[0]):
        print("-" if line in before else "+", line)


if __name__ == "__main__":
    main()
