"""Time transfers from files to a file, by phase, in a fresh process (cold) and in one that has run before (warm).

    python bench/transfer_timing.py --device cuda -o FOLDER        (bench/gpu.sh does this)

The demo's photos, enlarged to 700 x 525 pixels and to 24 megapixels, are solved at 700 pixels; with --size, at that
size, and the small photo has it too. It writes transfer.json and transfer.md after every transfer.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

_WARM_RUNS = 2  # the last is reported
_LARGE = (6000, 4000)  # 24 megapixels


def measure(folder: Path, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Run in the child process: transfer `_WARM_RUNS` + 1 times, and return seconds by phase and more of each run."""
    import torch

    import photostyle_native as ps

    imported = time.time()
    runs = []
    for run in range(_WARM_RUNS + 1):
        begin = options.began if run == 0 else time.time()
        if options.device != "cpu":
            torch.cuda.reset_peak_memory_stats()
        result = ps.transfer(
            folder / "content.jpg",
            folder / "style.jpg",
            content_mask=folder / "content_mask.png",
            style_mask=folder / "style_mask.png",
            size=options.size,
            device=options.device,
            precision=options.precision,
        )
        done = time.time()
        output = folder / "out.jpg"
        result.save(output)
        seconds = {"import": imported - begin} if run == 0 else {}
        runs.append(
            {
                "seconds": {**seconds, **result.timings, "write": time.time() - done},
                "total": time.time() - begin,
                "evaluations": len(result.history),
                "energy": result.energies["total"],
                "working_size": list(result.working.shape[1:]),
                "precision": result.precision,
                "peak_gb": torch.cuda.max_memory_allocated() / 1e9 if options.device != "cpu" else None,
                "sha256": hashlib.sha256(output.read_bytes()).hexdigest(),
            }
        )
    return runs


def make_photos(folder: Path, size: tuple[int, int]) -> None:
    """Write the demo's photos and label images, stretched to `size` (width, height)."""
    from PIL import Image

    from photostyle_native.data import CONTENT, CONTENT_MASK, STYLE, STYLE_MASK

    folder.mkdir()
    for name, path in (("content", CONTENT), ("style", STYLE)):
        with Image.open(path) as photo:
            photo.convert("RGB").resize(size, Image.Resampling.LANCZOS).save(folder / f"{name}.jpg", quality=95)
    for name, path in (("content_mask", CONTENT_MASK), ("style_mask", STYLE_MASK)):
        with Image.open(path) as labels:
            labels.resize(size, Image.Resampling.NEAREST).save(folder / f"{name}.png")


def transfers(folder: Path, precision: str, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Start a fresh process that transfers the photos of `folder`, and return what it measured."""
    command = [sys.executable, __file__, "--device", options.device, "--size", str(options.size)]
    command += ["--precision", precision, "--child", str(folder), "--began", str(time.time())]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"a transfer failed:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def table(machine: dict[str, Any], results: list[dict[str, Any]]) -> str:
    name = next(reversed(machine["devices"].values()))["name"]
    lines = [f"# Transfers from files to a file on {name}", ""]
    lines += [f"{machine['processor']}, commit {machine['commit']}, torch {machine['versions']['torch']}"]
    for r in results:
        cold, warm = r["runs"][0], r["runs"][-1]
        height, width = warm["working_size"]
        lines += ["", f"## {r['photo']}, solved at {width} x {height}, {warm['precision']}", ""]
        lines += ["| seconds | cold | warm |", "|---|---|---|"]
        for phase in cold["seconds"]:
            lines.append(f"| {phase} | {cold['seconds'][phase]:.3f} | {warm['seconds'].get(phase, 0):.3f} |")
        lines += [f"| **all** | **{cold['total']:.2f}** | **{warm['total']:.2f}** |", ""]
        same = len({run["sha256"] for run in r["runs"]}) == 1
        lines.append(
            f"{warm['evaluations']} evaluations to energy {warm['energy']:.4g}; the {len(r['runs'])} outputs "
            f"{'have the same bytes' if same else 'DIFFER'}"
        )
        if warm["peak_gb"]:
            lines.append(f"; peak of torch's allocations {warm['peak_gb']:.2f} GB")
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--size", type=int, default=700, help="longest side to solve at, in pixels")
    parser.add_argument("--precision", action="append", help="of the network; default: bfloat16, then float32")
    parser.add_argument("-o", "--output", type=Path, metavar="FOLDER")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--began", type=float, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        options.precision = options.precision[0]
        print(json.dumps(measure(options.child, options)))
        return 0
    if options.output is None:
        parser.error("the following arguments are required: -o/--output")

    import torch

    from photostyle_native.benchmark.facts import facts

    machine = facts([torch.device(options.device)])
    options.output.mkdir(parents=True, exist_ok=True)
    results: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        small = (options.size, options.size * 3 // 4)
        photos = {f"{small[0]} x {small[1]} pixels": small, "24 megapixels": _LARGE}
        for index, size in enumerate(photos.values()):
            make_photos(Path(folder) / str(index), size)
        for precision in options.precision or ("bfloat16", "float32"):
            for index, name in enumerate(photos):
                runs = transfers(Path(folder) / str(index), precision, options)
                results.append({"photo": name, "precision": precision, "runs": runs})
                # Written after each, so that a time limit does not lose the results so far.
                text = json.dumps({"machine": machine, "results": results}, indent=1)
                (options.output / "transfer.json").write_text(text)
                (options.output / "transfer.md").write_text(table(machine, results))
    print((options.output / "transfer.md").read_text())
    return 0


if __name__ == "__main__":
    sys.exit(main())
