"""Measure the phases of a transfer from files to a file; on a GPU, also how often the host waits, and the memory.

    python bench/transfer_timing.py --device cuda --size 700 -o FOLDER        (bench/gpu.sh does this)

It uses the demo's photos, and writes transfer.json and transfer.md. For the parts of an iteration, see
`photostyle bench`.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import torch

import photostyle_native as ps
from photostyle_native.benchmark.cases.iteration import Scene, network
from photostyle_native.benchmark.facts import facts
from photostyle_native.data import CONTENT, CONTENT_MASK, STYLE, STYLE_MASK
from photostyle_native.images.photo import as_photo
from photostyle_native.optimization.solver import Loop
from photostyle_native.pipeline.inputs import resolve_precision
from photostyle_native.pipeline.presets import PRESETS


def phases(device: torch.device, size: int, precision: str) -> dict[str, Any]:
    """Run a transfer from files to a file twice, and return the second one's seconds per phase, energy and more."""
    options = {
        "content_mask": CONTENT_MASK,
        "style_mask": STYLE_MASK,
        "size": size,
        "device": device,
        "precision": precision,
    }
    vgg = ps.load_vgg19().to(device)
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(2):
            begin = time.perf_counter()
            result = ps.transfer(CONTENT, STYLE, weights=vgg, **options)
            written = time.perf_counter()
            result.save(Path(folder) / "out.jpg")
            total = time.perf_counter() - begin
    save = total - (written - begin)
    return {
        "seconds": {**result.timings, "write": save},
        "total": total,
        "evaluations": len(result.history),
        "precision": result.precision,
        "energy": result.energies["total"],
    }


def waits(device: torch.device, size: int, precision: str) -> float | None:
    """How often the host waits for the GPU per iteration, after the warm-up; None on a CPU."""
    if device.type != "cuda":
        return None
    scene = Scene.of(size, 3, device)
    objective = scene.objective(network(device, resolve_precision(precision, device)))
    loop = Loop(objective, scene.start, PRESETS["default"].stages[0])
    loop.advance(10)
    torch.cuda.synchronize()
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            loop.advance(20)
        finally:
            torch.cuda.set_sync_debug_mode("default")
    return len([w for w in seen if "called a synchronizing" in str(w.message)]) / 20


def memory(device: torch.device, size: int, precision: str) -> dict[str, float] | None:
    """Peak GPU memory, in GB, of a transfer of photos that are `size` pixels wide; None on a CPU."""
    if device.type != "cuda":
        return None
    photos = [as_photo(path, "photo").tensor((size * 3 // 4, size)) for path in (CONTENT, STYLE)]
    torch.cuda.reset_peak_memory_stats()
    ps.transfer(*photos, size=size, iterations=12, device=device, precision=precision)
    return {"size": size, "peak_gb": torch.cuda.max_memory_allocated() / 1e9}


def table(machine: dict[str, Any], results: list[dict[str, Any]]) -> str:
    name = next(reversed(machine["devices"].values()))["name"]
    lines = [f"# A transfer on {name}", "", f"commit {machine['commit']}, torch {machine['versions']['torch']}"]
    for r in results:
        lines += ["", f"## {r['precision']}, {r['size']} px", ""]
        lines += [f"files to file, warm: {r['total']:.2f} s, {r['evaluations']} evaluations", ""]
        lines += ["| phase | seconds |", "|---|---|"]
        lines += [f"| {phase} | {s:.3f} |" for phase, s in r["seconds"].items()]
        if r["waits_per_iteration"] is not None:
            lines += ["", f"the host waits {r['waits_per_iteration']:.2f} times per iteration"]
        if r["memory"]:
            lines.append(f"peak memory at {r['memory']['size']} px: {r['memory']['peak_gb']:.1f} GB")
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--size", type=int, default=700)
    parser.add_argument("--memory-size", type=int, default=2048, help="where the peak is measured, on a GPU")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FOLDER")
    options = parser.parse_args()
    device = torch.device(options.device)
    machine = facts([device])
    results = []
    options.output.mkdir(parents=True, exist_ok=True)
    for precision in ("bfloat16", "float32"):
        results.append(
            {
                **phases(device, options.size, precision),
                "size": options.size,
                "waits_per_iteration": waits(device, options.size, precision),
                "memory": memory(device, options.memory_size, precision),
            }
        )
        # Written after each precision, so that a time limit does not lose the results so far.
        (options.output / "transfer.json").write_text(json.dumps({"machine": machine, "results": results}, indent=1))
        (options.output / "transfer.md").write_text(table(machine, results))
    print((options.output / "transfer.md").read_text())
    return 0


if __name__ == "__main__":
    sys.exit(main())
