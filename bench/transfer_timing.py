"""Where the time of a transfer goes, from files to file, and what an iteration costs beside VGG-19 alone.

    python bench/transfer_timing.py --device cuda --size 700 -o FOLDER        (bench/gpu.sh does this)

Runs the demo's photos. Writes transfer.json and transfer.md: seconds per phase of a warm run, the parts of an
iteration, the iteration as a multiple of the network in the same precision, forward and backward, and, on a GPU,
how often the host waited for it and the memory that was used.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from gpu_kernels import machine
from timing import measure

import photostyle_native as ps
from photostyle_native import ops
from photostyle_native.color_transport import masked_transport
from photostyle_native.demo import CONTENT, CONTENT_MASK, STYLE, STYLE_MASK
from photostyle_native.images import as_photo
from photostyle_native.inputs import fitting_size, read_mask_pair, resolve_precision
from photostyle_native.masks import prepare_pair
from photostyle_native.objective import CONTENT_LAYER, STYLE_LAYERS, Objective
from photostyle_native.solver import _Loop
from photostyle_native.transfer import PRESETS

LAYERS = (*STYLE_LAYERS, CONTENT_LAYER)


def phases(device: torch.device, size: int, precision: str) -> dict[str, Any]:
    """Seconds per phase of the second of two transfers, files to file."""
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


def problem(device: torch.device, size: int, precision: str) -> tuple[Objective, torch.Tensor]:
    photos = as_photo(CONTENT, "content"), as_photo(STYLE, "style")
    sizes = [fitting_size(photo, size) for photo in photos]
    content, style = (photo.tensor(at) for photo, at in zip(photos, sizes, strict=True))
    labels = read_mask_pair(CONTENT_MASK, STYLE_MASK, *photos)
    assert labels is not None
    masks = prepare_pair(*labels, *sizes, content_image=content, style_image=style)
    start = masked_transport(content, style, masks.content, masks.style)
    vgg = ps.load_vgg19().to(device).at_precision(resolve_precision(precision, device))
    arguments = (content, style, masks.content, masks.style)
    return Objective(*(a.to(device) for a in arguments), vgg), start.to(device)


def parts(objective: Objective, start: torch.Tensor) -> dict[str, Any]:
    """Seconds of a whole iteration and of its parts, each timed by itself."""
    device = start.device
    loop = _Loop(objective, start, PRESETS["default"].stages[0])
    x = start.clone().requires_grad_()
    with torch.no_grad():
        features = objective.vgg(x, LAYERS)
    leaves = {name: f.detach().requires_grad_() for name, f in features.items()}
    upstream = [torch.rand_like(features[name]) for name in LAYERS]

    def network() -> None:
        found = objective.vgg(x, LAYERS)
        torch.autograd.grad([found[name] for name in LAYERS], x, upstream)

    def grams() -> None:
        losses = [objective._style[name].loss(leaves[name]) for name in STYLE_LAYERS]
        torch.autograd.grad(torch.stack(losses).sum(), [leaves[name] for name in STYLE_LAYERS])

    def laplacian() -> None:
        torch.autograd.grad(ops.matting_energy(x, objective.guide), x)

    gradient = torch.rand_like(start)

    @torch.no_grad()
    def optimiser() -> None:
        loop.optimizer._advance(torch.full((), 1e6, dtype=torch.float64, device=device), gradient.flatten())

    loop.advance(1)
    waits = _waits(loop.advance)
    ways: dict[str, Callable[[], None]] = {
        "VGG-19 forward + backward": network,
        "masked Gram matrices": grams,
        "matting Laplacian": laplacian,
        "optimiser": optimiser,
        # The bookkeeping row would run over the end of its table: it is set back each time.
        "iteration": lambda: (loop._row.zero_(), loop._iterate())[1],  # type: ignore[func-returns-value]
    }
    seconds = {name: measure([way], device, budget=3.0).median for name, way in ways.items()}
    rest = seconds["iteration"] - sum(s for name, s in seconds.items() if name != "iteration")
    return {
        "seconds": {**seconds, "rest": rest},
        "times_network": seconds["iteration"] / seconds["VGG-19 forward + backward"],
        "waits_per_iteration": waits,
        "size": list(start.shape[-2:]),
    }


def _waits(advance: Callable[[int], Any]) -> float | None:
    """How often the host waits for the GPU per iteration, after the warm-up; None on a CPU."""
    if not torch.cuda.is_available():
        return None
    advance(10)
    torch.cuda.synchronize()
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            advance(20)
        finally:
            torch.cuda.set_sync_debug_mode("default")
    return len([w for w in seen if "synchroniz" in str(w.message)]) / 20


def memory(device: torch.device, size: int, precision: str) -> dict[str, float] | None:
    """Peak of the GPU's memory, in GB, for transfers at `size` with a photo enlarged to it."""
    if device.type != "cuda":
        return None
    photos = [as_photo(path, "photo").tensor((size * 3 // 4, size)) for path in (CONTENT, STYLE)]
    torch.cuda.reset_peak_memory_stats()
    ps.transfer(*photos, size=size, iterations=12, device=device, precision=precision)
    return {"size": size, "peak_gb": torch.cuda.max_memory_allocated() / 1e9}


def table(facts: dict[str, Any], results: list[dict[str, Any]]) -> str:
    lines = [f"# A transfer on {facts['device']}", ""]
    lines += [f"- {name}: {value}" for name, value in facts.items() if name != "device"]
    for r in results:
        lines += [
            "",
            f"## {r['transfer']['precision']}, {r['iteration']['size'][1]} x {r['iteration']['size'][0]}",
            "",
        ]
        lines += [
            f"files to file, warm: {r['transfer']['total']:.2f} s, {r['transfer']['evaluations']} evaluations",
            "",
        ]
        lines += ["| phase | seconds |", "|---|---|"]
        lines += [f"| {name} | {s:.3f} |" for name, s in r["transfer"]["seconds"].items()]
        whole = r["iteration"]["seconds"]["iteration"]
        lines += ["", "| part of an iteration | ms | share |", "|---|---|---|"]
        lines += [f"| {name} | {s * 1e3:.2f} | {s / whole:.0%} |" for name, s in r["iteration"]["seconds"].items()]
        lines += ["", f"an iteration is {r['iteration']['times_network']:.3f} x the network alone"]
        if r["iteration"]["waits_per_iteration"] is not None:
            lines.append(f"the host waits {r['iteration']['waits_per_iteration']:.2f} times per iteration")
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
    facts = machine(device)
    results = []
    options.output.mkdir(parents=True, exist_ok=True)
    for precision in ("bfloat16", "float32"):
        results.append(
            {
                "transfer": phases(device, options.size, precision),
                "iteration": parts(*problem(device, options.size, precision)),
                "memory": memory(device, options.memory_size, precision),
            }
        )
        (options.output / "transfer.json").write_text(json.dumps({"machine": facts, "results": results}, indent=1))
        (options.output / "transfer.md").write_text(table(facts, results))
    print((options.output / "transfer.md").read_text())
    return 0


if __name__ == "__main__":
    sys.exit(main())
