"""What the first call of each library costs in a fresh process on a GPU, which bench/gpu.sh reports.

A transfer in a fresh process takes seconds longer than the next one. This says where they go.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

BEGAN = time.perf_counter()

import torch  # noqa: E402

import photostyle_native as ps  # noqa: E402
from photostyle_native.benchmark.cases.iteration import Scene  # noqa: E402
from photostyle_native.optimization.image_metric import ImageMetric  # noqa: E402
from photostyle_native.optimization.objective import CONTENT_LAYER, STYLE_LAYERS  # noqa: E402
from photostyle_native.optimization.solver import Loop  # noqa: E402
from photostyle_native.pipeline.presets import PRESETS  # noqa: E402


def timed(what: str, run: Callable[[], Any]) -> Any:
    """Print the seconds of the first and of the second call."""
    seconds = []
    for _ in range(2):
        begin = time.perf_counter()
        result = run()
        if torch.cuda.is_initialized():
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - begin)
    print(f"{seconds[0]:8.3f} {seconds[1]:8.3f}  {what}", flush=True)
    return result


def main() -> int:
    if not torch.cuda.is_available():
        print("there is no GPU here")
        return 0
    print(f"{time.perf_counter() - BEGAN:8.3f}           imports")
    print("   first   second")
    device = torch.device("cuda")
    timed("context", lambda: torch.zeros(1, device=device))
    timed("elementwise", lambda: torch.zeros(9, device=device) + 1)
    timed("matrix product (cuBLAS)", lambda: torch.ones(64, 64, device=device) @ torch.ones(64, 64, device=device))
    one = torch.eye(40, device=device, dtype=torch.float64)
    timed("triangular solve", lambda: torch.linalg.solve_triangular(one, one[:, :1], upper=True))
    scene = timed("scene of 700 x 525", lambda: Scene.of(700, 3, device))
    vgg = timed("network", lambda: ps.load_vgg19().to(device).at_precision(torch.bfloat16))
    timed("sort", lambda: scene.start.flatten(1).double().sort(1))
    timed("Fourier transforms", lambda: ImageMetric(525, 700, device)(scene.start))
    timed("matting Laplacian", lambda: ps.ops.matting_energy(scene.start, scene.content))
    layers = (*STYLE_LAYERS, CONTENT_LAYER)
    with torch.no_grad():
        timed("network forward", lambda: vgg(scene.start, layers))
    objective = timed("objective", lambda: scene.objective(vgg))
    x = scene.start.clone().requires_grad_()
    timed("energy", lambda: objective(x).total)
    timed("energy and gradient", lambda: torch.autograd.grad(objective(x).total, x))
    loops = []

    def begin() -> None:
        loops.append(Loop(objective, scene.start, PRESETS["default"].stages[0]))
        loops[-1].advance(1)

    timed("first iteration", begin)
    timed("second iteration, with the capture", lambda: loops.pop().advance(1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
