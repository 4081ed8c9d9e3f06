"""The CUDA kernels on a machine without a GPU: compiled as plain C++ and run thread by thread (tests/simt)."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import sysconfig
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor

from photostyle_native.ops import _backend

EMULATED = "cuda-emulated"  # the id of the `device` that `use` returns, in the names of tests
HERE = Path(__file__).resolve().parent
# AddressSanitizer instead of the watch for races; .ci/run sets it, and preloads the sanitizer's library.
ADDRESS = os.environ.get("PHOTOSTYLE_SIMT") == "address"


@cache
def module(selftest: bool = False) -> ModuleType:
    """The kernels' module, built when a source has changed; skips the test where there is no compiler.

    With `selftest` it holds only the kernels that test the emulation itself.
    """
    sys.path.insert(0, str(HERE / "simt"))
    import build

    if build.compiler() is None:
        pytest.skip("the emulated CUDA device needs a C++ compiler")
    options = [name for name, wanted in (("--address", ADDRESS), ("--selftest", selftest)) if wanted]
    name = "".join(["simt", *(o.removeprefix("-") for o in options), "-", sysconfig.get_config_var("SOABI")])
    folder = HERE.parent / "build" / name
    # In a process of its own: under a preloaded sanitizer the compiler would be watched as well.
    environment = {k: v for k, v in os.environ.items() if k != "LD_PRELOAD"}
    command = [sys.executable, str(HERE / "simt" / "build.py"), str(folder), *options]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    sys.path.insert(0, str(folder))
    return importlib.import_module("photostyle_simt")


def _dirty(size: int, device: torch.device) -> Tensor:
    """Scratch as a kernel may find it: exactly as long as it asked for, and full of NaN."""
    return torch.full((size,), 255, dtype=torch.uint8, device=device)


def active() -> bool:
    """Whether the ops run on the emulated device now. A call takes milliseconds there: tests make fewer."""
    return _backend.kernels.__module__ == __name__


def use(monkeypatch: pytest.MonkeyPatch, **settings: Any) -> torch.device:
    """Send the ops' CPU tensors through the CUDA kernels; returns the device to make tensors on."""
    simt = module()
    simt.set_order(settings.get("order", "shuffled"), settings.get("seed", 0))
    simt.set_capability(settings.get("capability", 90))

    def kernels(device: torch.device) -> tuple[dict[str, Any], int]:
        return simt.kernels, 0

    monkeypatch.setattr(_backend, "kernels", kernels)
    monkeypatch.setattr(_backend, "loaded_code", lambda device: simt.loaded_code())
    monkeypatch.setattr(_backend, "scratch", _dirty)
    return torch.device("cpu")


def launches() -> dict[str, int]:
    """The kernels that ran in this process, by their C++ names, and how often."""
    library = Path(module().__file__ or "")
    with open("/proc/self/maps") as maps:
        base = min(int(line.split("-")[0], 16) for line in maps if line.rstrip().endswith(library.name))
    listed = subprocess.run(["nm", "-C", str(library)], capture_output=True, text=True, check=True).stdout
    names = {}
    for line in listed.splitlines():
        address, _, name = line.partition(" ")
        if address:
            names[int(address, 16)] = name[2:]
    return {names[address - base]: count for address, count, _ in module().launches()}


def run_sanitized(code: str) -> subprocess.CompletedProcess[str]:
    """Run Python code that uses this module in a process where AddressSanitizer watches the kernels."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), *filter(os.path.isabs, sys.path)])}
    command = [str(HERE / "simt" / "sanitized"), sys.executable, "-c", code]
    # Not where the tests were started: `python -c` would import the package of the checkout, which may not be built.
    return subprocess.run(command, cwd=HERE, env=environment, capture_output=True, text=True)
