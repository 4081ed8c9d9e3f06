"""Run the cases of the benchmark and keep every sample.

The whole list is run several times (passes), with the same data in different memory. What differs between passes of
the same code is the machine's noise, with which `compare` compares changes.
"""

from __future__ import annotations

import gc
import math
import time
import warnings
from collections.abc import Callable, Collection
from typing import Any

import torch

from .case import Spec, reason
from .facts import ceilings, facts
from .plan import specs
from .timing import summary, take_turns

SCHEMA = 1
NOT_REACHED, INTERRUPTED = "not reached", "interrupted"


def run(
    devices: list[torch.device],
    sizes: dict[str, tuple[int, ...]],
    passes: int = 3,
    seconds: float = 0.3,
    quick: bool = False,
    only: Collection[str] = (),
    limit: float = math.inf,
    progress: Callable[[str, int, int], None] = lambda _what, _done, _of: None,
) -> dict[str, Any]:
    """Time every case on every device.

    Args:
        devices: the devices to run on.
        sizes: widths in pixels, per device type.
        passes: how often the whole list is run; `compare` needs 2 to measure noise.
        seconds: time for the samples of each way in each pass.
        quick: whether to use fewer layers and fewer iterations.
        only: names of the families to run; default: all.
        limit: seconds after which no case is started any more; Ctrl-C ends the run in the same way.
        progress: function that is told what runs next, how many steps are done, and how many there are.

    Returns:
        The result, ready for JSON, for the reports and `compare`: ``machine``, ``ceilings`` per device, and ``cases``
        with, per way, ``median``, ``spread`` (quartile range), ``samples`` (one list per pass), all in seconds, and
        ratios. A case with a wrong result, with an error, or that was not reached is in ``failures``, with the
        reason. ``ended`` is empty after a complete run; else it says what ended the run (`INTERRUPTED` or the limit),
        and in which pass.
    """
    found = [(spec, device) for device in devices for spec in specs(sizes[device.type], device.type, quick)]
    rows = [_Row(spec, device) for spec, device in found if not only or spec.family.name in only]
    # Small pictures come first, so that a time limit leaves out large sizes, and not whole families.
    order = sorted(rows, key=lambda row: int(row.spec.parameters["width"]))
    turns = [row for _ in range(passes) for row in order]
    machine = facts(devices)  # before the run, which is itself a load
    limits = {str(device): ceilings(device, quick) for device in devices}
    end = time.monotonic() + limit
    ended = ""
    done = 0
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse CSR", UserWarning)  # torch warns that it is a beta feature
        try:
            for done, row in enumerate(turns):
                if time.monotonic() > end:
                    ended = f"time limit of {limit:.0f} s"
                    break
                progress(row.spec.id, done, len(turns))
                row.take(seconds)
                gc.collect()
                if row.device.type == "cuda":
                    torch.cuda.empty_cache()  # memory that CUDA graphs held
        except KeyboardInterrupt:
            ended = INTERRUPTED
    if ended:
        ended = f"{ended}, in pass {done // len(rows) + 1} of {passes}"
    return {
        "schema": SCHEMA,
        "machine": machine,
        "settings": {"passes": passes, "seconds": seconds, "quick": quick, "sizes": sizes},
        "ceilings": limits,
        "cases": [row.result(limits[str(row.device)]) for row in rows if not row.failure],
        "ended": ended,
        "failures": {f"{row.device} {row.spec.id}": row.failure for row in rows if row.failure},
    }


class _Row:
    """One case on one device, with its samples so far."""

    def __init__(self, spec: Spec, device: torch.device) -> None:
        self.spec, self.device = spec, device
        self.failure = NOT_REACHED
        self._failed = False
        self._samples: dict[str, list[list[float]]] = {}
        self._hows: dict[str, str] = {}
        self._missing: dict[str, str] = {}
        self._about: dict[str, Any] = {}

    def take(self, seconds: float) -> None:
        """Run one pass, unless an earlier one failed."""
        if self._failed:
            return
        try:
            case = self.spec.build(self.device)
            samples, self._hows, failed = take_turns(case.ways, self.device, seconds, case.once, case.launched)
        except Exception as error:  # a wrong result or too little memory; the other cases still count
            self._failed = True
            self.failure = reason(error)
            return
        self.failure = ""
        self._missing |= case.missing | failed
        for name, values in samples.items():
            self._samples.setdefault(name, []).append(values)
        for name in self._missing:  # also from earlier passes: a way that is reported has samples of every pass
            self._samples.pop(name, None)
        self._about = {"pixels": case.pixels, "bytes": case.bytes, "operations": case.operations}

    def result(self, limits: dict[str, float]) -> dict[str, Any]:
        times = {
            name: summary([s for one in passes for s in one], self._hows[name])
            for name, passes in self._samples.items()
        }
        ours = times["ours"].median
        ways: dict[str, dict[str, Any]] = {}
        for name, took in times.items():
            ways[name] = {
                "median": took.median,
                "spread": took.spread,
                "timed_by": took.how,
                "times_ours": took.median / ours,
                "samples_taken": took.samples,
                "samples": [[float(f"{s:.4g}") for s in one] for one in self._samples[name]],
            }
            if self._about["bytes"]:  # 0 for a whole iteration or loop, whose rates have no meaning
                ways[name]["bytes_per_s"] = self._about["bytes"] / took.median
                ways[name]["share_of_copy"] = ways[name]["bytes_per_s"] / limits["copy_bytes_per_s"]
                ways[name]["operations_per_s"] = self._about["operations"] / took.median
                ways[name]["share_of_matrix"] = ways[name]["operations_per_s"] / limits["float32_operations_per_s"]
        return {
            "family": self.spec.family.name,
            "title": self.spec.family.title,
            "label": self.spec.label,
            "parameters": dict(self.spec.parameters),
            "device": str(self.device),
            **self._about,
            "missing": self._missing,
            "ways": ways,
        }
