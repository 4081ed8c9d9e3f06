"""Time every kernel beside its peers and beside what the device can do at all, in one run.

    python bench/gpu_kernels.py --device cuda -o FOLDER        (bench/gpu.sh does this)

Writes kernels.json and kernels.md: per way the median time, the ratio to ours, and the achieved share of the copy
bandwidth and of the float32 matrix rate, both measured in the same run.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from gpu_cases import Case, all_cases
from timing import Time, measure

import photostyle_native
from photostyle_native import ops
from photostyle_native.doctor import processor_name


def _commit() -> str:
    """The commit that is measured; bench/gpu.sh hands it over where there is no git."""
    if os.environ.get("PHOTOSTYLE_COMMIT"):
        return os.environ["PHOTOSTYLE_COMMIT"]
    done = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True)
    return done.stdout.strip() or "unknown"


def machine(device: torch.device) -> dict[str, Any]:
    """Where this ran."""
    facts: dict[str, Any] = {
        "device": processor_name(),
        "backend": ops.backend(device),
        "photostyle_native": photostyle_native.__version__,
        "commit": _commit(),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "command": " ".join(["python", *sys.argv]),
    }
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        facts["device"] = properties.name
        facts["multiprocessors"] = properties.multi_processor_count
        facts["cuda"] = torch.version.cuda
    return facts


def ceilings(device: torch.device, quick: bool) -> dict[str, float]:
    """Bytes per second of a device copy (read and written) and float32 matrix operations per second."""
    count = (1 << 22) if quick else (1 << 28)
    source = torch.rand(count, device=device)
    target = torch.empty_like(source)
    copy = measure([lambda: target.copy_(source)], device)
    n = 512 if quick else 8192
    a, b = torch.rand(2, n, n, device=device)
    product = measure([lambda: a @ b], device)
    return {"copy_bytes_per_s": 8.0 * count / copy.median, "float32_matrix_per_s": 2.0 * n**3 / product.median}


def run_case(case: Case, device: torch.device, limits: dict[str, float]) -> dict[str, Any]:
    times = {name: measure(calls, device) for name, calls in case.ways.items()}
    ours = times["ours"].median

    def row(time: Time) -> dict[str, Any]:
        return {
            **asdict(time),
            "times_ours": time.median / ours,
            "share_of_copy": case.bytes / time.median / limits["copy_bytes_per_s"],
            "share_of_matrix": case.operations / time.median / limits["float32_matrix_per_s"],
        }

    return {
        "group": case.group,
        "size": case.size,
        "bytes": case.bytes,
        "operations": case.operations,
        "ways": {name: row(time) for name, time in times.items()},
        "missing": case.missing,
    }


def table(facts: dict[str, Any], limits: dict[str, float], rows: list[dict[str, Any]]) -> str:
    lines = [
        f"# {facts['device']}",
        "",
        *(f"- {name}: {value}" for name, value in facts.items() if name != "device"),
        f"- copy bandwidth, read + written: {limits['copy_bytes_per_s'] / 1e9:.0f} GB/s",
        f"- float32 matrix product: {limits['float32_matrix_per_s'] / 1e12:.2f} TFLOP/s",
    ]
    for row in rows:
        per_call = f"{row['bytes'] / 1e6:.1f} MB, {row['operations'] / 1e9:.2f} GFLOP"
        lines += ["", f"## {row['group']}: {row['size']} ({per_call} per call)", ""]
        lines += [
            "| | median | spread | x ours | of copy | of float32 matrix | timed |",
            "|---|---|---|---|---|---|---|",
        ]
        for name, t in row["ways"].items():
            lines.append(
                f"| {name} | {t['median'] * 1e6:.1f} us | {t['spread'] * 1e6:.1f} us | {t['times_ours']:.2f} "
                f"| {t['share_of_copy']:.0%} | {t['share_of_matrix']:.0%} | {t['how']} |"
            )
        lines += [f"| {name} | not here: {why} | | | | | |" for name, why in row["missing"].items()]
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--quick", action="store_true", help="tiny sizes: a rehearsal, not a measurement")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FOLDER")
    options = parser.parse_args()
    device = torch.device(options.device)
    # A float32 product must be one: both switches decide what "the same accuracy" is.
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    facts, limits = machine(device), ceilings(device, options.quick)
    rows: list[dict[str, Any]] = []
    failures = 0
    options.output.mkdir(parents=True, exist_ok=True)
    for make in all_cases(device, options.quick):
        try:
            rows.append(run_case(make(), device, limits))
            print(
                f"{rows[-1]['group']}, {rows[-1]['size']}: {rows[-1]['ways']['ours']['median'] * 1e6:.1f} us",
                flush=True,
            )
        except RuntimeError as error:  # out of memory, or a result that is wrong: the other cases still count
            failures += 1
            print(f"FAILED: {error}", flush=True)
        gc.collect()
        # Written after every case: what a time limit cuts off must not take the rest with it.
        result = {"machine": facts, "ceilings": limits, "cases": rows}
        (options.output / "kernels.json").write_text(json.dumps(result, indent=1))
        (options.output / "kernels.md").write_text(table(facts, limits, rows))
    print((options.output / "kernels.md").read_text())
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
