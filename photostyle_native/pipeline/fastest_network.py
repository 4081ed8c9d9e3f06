"""Which way to compute VGG-19's convolutions is the fastest on this machine: measured once, and remembered.

What a processor's flags promise is no guide: with AVX512-BF16 bfloat16 is twice as fast as float32 on one processor,
and slower on another.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import platformdirs
import torch
from torch import Tensor

from .._version import __version__
from ..errors import PhotostyleError
from ..files import make_folder, write_atomically
from ..machine import processor_name
from ..network.convolution import convolution_relu
from ..network.vgg19 import VGG19
from ..ops import backend, winograd_factors
from ..ops._backend import multiplies_bfloat16
from ..torch_state import independent

# The ways, by the names under which they are remembered: a type, and whether by minimal filtering.
WAYS: dict[str, tuple[torch.dtype, bool]] = {
    "float32": (torch.float32, False),
    "float32, Winograd": (torch.float32, True),
    "bfloat16": (torch.bfloat16, False),
}
# What is timed: channels, height and width of the second layer of each block for a picture of 192 x 128 pixels, and
# how many such layers the block is worth.
_LAYERS = ((64, 128, 192, 1.0), (128, 64, 96, 1.5), (256, 32, 48, 3.5), (512, 16, 24, 3.75))
_FILE = "convolutions.json"


@dataclass(frozen=True)
class Way:
    """A way to compute the network: its type, whether by minimal filtering, and why it was taken."""

    dtype: torch.dtype
    winograd: bool
    reason: str

    @property
    def description(self) -> str:
        """What the report and `photostyle doctor` say: ``Winograd (measured on this machine: ...)``."""
        return f"{'Winograd' if self.winograd else 'direct'} ({self.reason})"

    def arrange(self, vgg: VGG19) -> VGG19:
        """The network that computes in this way."""
        return vgg.by_winograd() if self.winograd else vgg.at_precision(self.dtype)


def fastest_way(device: torch.device, allowed: tuple[torch.dtype, ...]) -> Way:
    """The fastest way among those with one of the `allowed` types.

    On a GPU nothing is measured: it is bfloat16 where the hardware multiplies it. On the CPU the first call on a
    machine takes half a second for the measurement, whose result is kept in the user's cache folder.
    """
    if device.type != "cpu":
        if len(allowed) == 1:
            return Way(allowed[0], False, "asked for")
        fast = multiplies_bfloat16(device)
        reason = f"this GPU {'multiplies' if fast else 'does not multiply'} bfloat16"
        return Way(torch.bfloat16 if fast else torch.float32, False, reason)
    names = [name for name, (dtype, _) in WAYS.items() if dtype in allowed]
    if len(names) == 1:
        return Way(*WAYS[names[0]], "asked for")
    seconds = measured()
    best = min(names, key=seconds.__getitem__)
    others = ", ".join(f"{name} {seconds[name] / seconds[best]:.2f} x" for name in names if name != best)
    return Way(*WAYS[best], f"measured on this machine: {others} the time of {best}")


def measured() -> dict[str, float]:
    """The seconds that each of `WAYS` takes for a few layers and their gradients, measured now or earlier."""
    path, key = Path(platformdirs.user_cache_dir("photostyle_native")) / _FILE, _key()
    known = _read(path)
    if key not in known:
        known[key] = _measure()
        # A folder that cannot be written costs the measurement next time, and nothing else.
        with suppress(PhotostyleError):
            make_folder(path.parent)
            write_atomically(str(path), json.dumps(known, indent=1).encode())
    return known[key]


def _key() -> str:
    """What the result depends on."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    threads = f"{torch.get_num_threads()} threads on {cores} cores"
    return " | ".join((processor_name(), threads, f"torch {torch.__version__}", backend("cpu"), __version__))


def _read(path: Path) -> dict[str, dict[str, float]]:
    """What was remembered and makes sense; what does not is as if it were not there."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    entries = found.items() if isinstance(found, dict) else ()
    return {key: value for key, value in entries if _plausible(value)}


def _plausible(value: object) -> bool:
    return (
        isinstance(value, dict)
        and set(value) == set(WAYS)
        and all(isinstance(s, float) and 0 < s < 1e4 for s in value.values())
    )


@independent
def _measure() -> dict[str, float]:
    generator = torch.Generator().manual_seed(0)
    total = dict.fromkeys(WAYS, 0.0)
    for channels, height, width, times in _LAYERS:
        x = torch.rand(1, channels, height, width, generator=generator)
        weight = torch.randn(channels, channels, 3, 3, generator=generator) / (3 * channels**0.5)
        for name, (dtype, winograd) in WAYS.items():
            total[name] += times * _seconds(_layer(x.to(dtype), weight, winograd))
    return total


def _layer(x: Tensor, weight: Tensor, winograd: bool) -> Callable[[], None]:
    factors = winograd_factors(weight) if winograd else None
    weight, bias = weight.to(x.dtype), x.new_zeros(len(weight))
    x.requires_grad_()

    @torch.enable_grad()
    def run() -> None:
        out = convolution_relu(x, weight, bias, factors)
        torch.autograd.grad(out, x, out.detach())

    return run


def _seconds(run: Callable[[], None]) -> float:
    """The time of the second of two runs; the first prepares memory and code."""
    run()
    start = time.perf_counter()
    run()
    return time.perf_counter() - start
