"""Launch every CUDA kernel of this package at the sizes of a transfer, for Nsight Compute; and read its counters.

ncu ... python bench/launch_kernels.py            (bench/kernel_counters does this)
python bench/launch_kernels.py --table ncu.csv    print the counters, a line for each launch
"""

from __future__ import annotations

import csv
import re
import sys
from pathlib import Path

_WIDTHS = (700, 1664)  # of 4:3 pictures
_BRIEF = {
    "gpu__time_duration.sum": "us",
    "dram__bytes.sum": "MB",
    "dram__throughput.avg.pct_of_peak_sustained_elapsed": "dram %",
    "smsp__issue_active.avg.pct_of_peak_sustained_active": "issue %",
    "sm__warps_active.avg.pct_of_peak_sustained_active": "warps %",
}
_UNITS = {"nsecond": 1e-3, "ns": 1e-3, "usecond": 1.0, "us": 1.0, "msecond": 1e3, "ms": 1e3}
_UNITS |= {"byte": 1e-6, "Kbyte": 1e-3, "Mbyte": 1.0, "Gbyte": 1e3, "%": 1.0}


def launch() -> None:
    import torch

    from photostyle_native import ops
    from photostyle_native.benchmark.cases.iteration import Scene, network
    from photostyle_native.benchmark.scenes import photo

    device = torch.device("cuda")
    for width in _WIDTHS:
        scene = Scene.of(width, 3, device)
        objective = scene.objective(network(device, torch.bfloat16))
        x = scene.start.clone().requires_grad_()
        torch.autograd.grad(objective(x).total, x)
        coefs = ops.smooth_affine_coefficients(ops.fit_local_affine(scene.start, scene.content), scene.content)
        ops.upsample_local_affine(coefs, scene.content, photo(2 * width).to(device))
        ops.guided_filter(scene.masks, scene.content, radius=20)
        grid = torch.rand(12, 8, 16, 16, device=device, requires_grad=True)
        sliced = ops.slice_bilateral_grid(grid, scene.content.mean(0), scene.content)
        torch.autograd.grad(sliced.sum(), grid)
    torch.cuda.synchronize()


def table(path: Path) -> None:
    lines = [line for line in path.read_text().splitlines() if line.startswith('"')]
    launches: dict[str, dict[str, str]] = {}
    for row in csv.DictReader(lines):
        kernel = launches.setdefault(row["ID"], {"name": row["Kernel Name"]})
        if brief := _BRIEF.get(row["Metric Name"]):
            value = float(row["Metric Value"].replace(",", "")) * _UNITS.get(row["Metric Unit"], 1.0)
            kernel[brief] = f"{value:.1f}"
    columns = list(_BRIEF.values())
    print(" ".join(f"{c:>9}" for c in columns))
    for kernel in launches.values():
        name = re.sub(r"photostyle::cuda::|\(anonymous namespace\)::|<unnamed>::", "", kernel["name"])
        print(" ".join(f"{kernel.get(c, '-'):>9}" for c in columns), name[:90])


if __name__ == "__main__":
    if sys.argv[1:2] == ["--table"]:
        table(Path(sys.argv[2]))
    else:
        launch()
