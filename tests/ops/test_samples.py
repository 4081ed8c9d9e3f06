"""The table of all ops is complete."""

from __future__ import annotations

import inspect

import torch
from ops.samples import IN_PLACE, OBJECTS, PUBLIC, REGISTERED

from photostyle_native import ops
from photostyle_native.ops import modules


def test_every_public_op_has_a_row() -> None:
    public = {name for name in ops.__all__ if inspect.isfunction(getattr(ops, name)) and name != "backend"}
    assert sorted(public) == sorted(row.name for row in PUBLIC)


def test_every_registered_op_has_a_row() -> None:
    everything = torch._C._dispatch_get_all_op_names()
    registered = {name.removeprefix("photostyle::") for name in everything if name.startswith("photostyle::")}
    assert sorted(registered) == sorted([*(row.name for row in REGISTERED), *IN_PLACE])


def test_every_torch_module_has_a_row() -> None:
    classes = {name for name, c in vars(modules).items() if inspect.isclass(c) and issubclass(c, torch.nn.Module)}
    assert classes
    assert classes <= {row.name for row in OBJECTS}
