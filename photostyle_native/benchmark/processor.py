"""What decides how fast a processor is, beside its name: model, caches, clock, and what else runs on it."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from ..machine import cpuinfo

_CACHES = Path("/sys/devices/system/cpu/cpu0/cache")


def processor_facts(text: str | None = None, caches: Path = _CACHES) -> dict[str, Any]:
    """Facts for `facts.facts`, as far as the system tells them.

    ``model`` has family, model and stepping (many machines have the same name), ``clock_mhz`` the clock at this
    moment, ``caches`` the sizes by level and kind, ``affinity`` the processors that this process may use, ``load``
    the load averages of 1, 5 and 15 minutes.
    """
    text = cpuinfo() if text is None else text
    fields = {
        name: re.search(rf"^{name}\s*:\s*(.+)$", text, re.MULTILINE) for name in ("cpu family", "model", "stepping")
    }
    clocks = [float(value) for value in re.findall(r"^cpu MHz\s*:\s*([\d.]+)", text, re.MULTILINE)]
    return {
        "model": ", ".join(f"{name} {found[1]}" for name, found in fields.items() if found),
        "clock_mhz": round(max(clocks)) if clocks else None,
        "caches": _sizes(caches),
        "affinity": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "load": [round(value, 2) for value in os.getloadavg()] if hasattr(os, "getloadavg") else None,
    }


def _sizes(caches: Path) -> dict[str, str]:
    sizes = {}
    for index in sorted(caches.glob("index*")):
        level, kind, size = (_read(index / name).strip() for name in ("level", "type", "size"))
        if size:
            sizes[f"L{level} {kind.lower()}"] = size
    return sizes


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
