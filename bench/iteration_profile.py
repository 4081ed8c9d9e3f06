"""Look into one iteration on a GPU: time of a replay, kernels, waits and copies, memory, layouts of the network.

    python bench/iteration_profile.py -o FOLDER        (bench/gpu.sh does this)

It writes iteration.json, iteration.md and kernels.txt (torch's profiler, one replay) after every part; a part that
fails is reported, and the next one runs. Without a GPU it stops: nothing in it can be rehearsed on a CPU.
"""

from __future__ import annotations

import argparse
import json
import sys
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

from photostyle_native.benchmark.cases.iteration import Scene, network, network_alone
from photostyle_native.benchmark.facts import ceilings, facts
from photostyle_native.benchmark.peers.plain_objective import PlainObjective
from photostyle_native.network.vgg19 import VGG19
from photostyle_native.optimization.lbfgs import LBFGS
from photostyle_native.optimization.objective import CONTENT_LAYER, STYLE_LAYERS
from photostyle_native.optimization.solver import Loop
from photostyle_native.pipeline.presets import PRESETS

_STAGE = PRESETS["default"].stages[0]
_LAYERS = (*STYLE_LAYERS, CONTENT_LAYER)
_REPLAYS = 20


def seconds(run: Callable[[], Any], repeats: int = _REPLAYS) -> float:
    """The median seconds of a call, by events on the current stream."""
    run()
    times = []
    for _ in range(repeats):
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        run()
        end.record()
        end.synchronize()
        times.append(start.elapsed_time(end) * 1e-3)
    return sorted(times)[len(times) // 2]


def running_loop(width: int, dtype: torch.dtype) -> Loop:
    """The loop of a default transfer whose graph is captured."""
    scene = Scene.of(width, 3, torch.device("cuda"))
    loop = Loop(scene.objective(network(scene.start.device, dtype)), scene.start, _STAGE)
    loop.advance(10)
    torch.cuda.synchronize()
    return loop


def replay(width: int, dtype: torch.dtype) -> dict[str, Any]:
    """The time of one iteration as a transfer runs it, of the energy and gradient alone, and the peak of memory."""
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    loop = running_loop(width, dtype)
    if loop._graph is None:
        raise RuntimeError("the iteration was not captured")
    stream = loop._stream
    with torch.cuda.stream(stream):
        whole = seconds(loop._graph.replay)
        loop.optimizer.restore_best()  # the replays beyond the stage's length have moved on
        alone = torch.cuda.CUDAGraph()
        loop._row.zero_()
        with torch.cuda.graph(alone, stream=stream):
            loop._evaluate()
        loop._row.zero_()
        energy = seconds(alone.replay)
    height = loop.x.shape[-2]
    return {
        "size": f"{width} x {height}",
        "precision": str(dtype).removeprefix("torch."),
        "iteration_ms": 1e3 * whole,
        "energy_and_gradient_ms": 1e3 * energy,
        "peak_gb": torch.cuda.max_memory_allocated() / 1e9,
    }


def eager(width: int, dtype: torch.dtype) -> dict[str, float]:
    """One evaluation of energy and gradient launched from Python: of this package, and of plain PyTorch."""
    scene = Scene.of(width, 3, torch.device("cuda"))
    x = scene.start.clone().requires_grad_()
    vgg = network(x.device, dtype)
    ours = scene.objective(vgg)
    plain = PlainObjective(scene.content, scene.style, scene.masks, scene.masks, network(x.device))
    return {
        "ours_ms": 1e3 * seconds(lambda: torch.autograd.grad(ours(x).total, x), 10),
        "plain_pytorch_float32_ms": 1e3 * seconds(lambda: torch.autograd.grad(plain(x), x), 10),
    }


def plain_iteration(width: int) -> dict[str, float]:
    """One iteration in plain PyTorch, eager: PlainObjective and torch.optim.LBFGS as the authors' loop uses them."""
    scene = Scene.of(width, 3, torch.device("cuda"))
    x = scene.start.clone().requires_grad_()
    plain = PlainObjective(scene.content, scene.style, scene.masks, scene.masks, network(x.device))
    optimizer = torch.optim.LBFGS([x], lr=1.0, max_iter=1, history_size=_STAGE.history)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = plain(x)
        loss.backward()
        return loss

    for _ in range(_STAGE.history):  # the history is full, as in most of a long run
        optimizer.step(closure)
    return {"plain_pytorch_iteration_ms": 1e3 * seconds(lambda: optimizer.step(closure), 10)}


def waits(width: int, dtype: torch.dtype) -> dict[str, float]:
    """How often the host waits, and what it copies from and to the device, in 20 iterations of a running transfer."""
    loop = running_loop(width, dtype)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as trace:
                for _ in range(2):
                    loop.advance(10)
                torch.cuda.synchronize()
        finally:
            torch.cuda.set_sync_debug_mode("default")
    names = {e.key: e.count for e in trace.key_averages()}
    return {
        "waits_that_torch_sees": len([w for w in seen if "called a synchronizing" in str(w.message)]),
        **{k: v for k, v in names.items() if "ynchronize" in k or "Memcpy" in k or k == "cudaGraphLaunch"},
    }


def kernels(width: int, dtype: torch.dtype, folder: Path) -> dict[str, float]:
    """The kernels of one replay by time, as a table in a file; their number and the sum of their times."""
    loop = running_loop(width, dtype)
    assert loop._graph is not None
    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as trace, torch.cuda.stream(loop._stream):
        loop._graph.replay()
        torch.cuda.synchronize()
    found = [e for e in trace.key_averages() if e.device_type == torch.autograd.DeviceType.CUDA]
    found.sort(key=lambda e: -e.self_device_time_total)
    total = sum(e.self_device_time_total for e in found)
    lines = [f"{e.self_device_time_total:9.1f} us {e.count:4} x  {e.key[:150]}" for e in found]
    with (folder / "kernels.txt").open("a") as file:
        file.write(f"one iteration at {width} px, {dtype}: {total:.0f} us in kernels\n" + "\n".join(lines) + "\n\n")
    return {"kernels": sum(e.count for e in found), "sum_ms": total * 1e-3}


def layouts(width: int) -> dict[str, float]:
    """VGG-19 alone, forward and backward: of torch's operations in both memory layouts, and of this package."""
    scene = Scene.of(width, 3, torch.device("cuda"))
    found = {}
    for dtype in (torch.bfloat16, torch.float32):
        ours = network_alone(network(scene.start.device, dtype), scene.start.clone().requires_grad_())
        found[f"{str(dtype).removeprefix('torch.')} ours ms"] = 1e3 * seconds(_graph_of(ours))
        for layout in (torch.contiguous_format, torch.channels_last):
            vgg: VGG19 = network(scene.start.device, dtype)
            arranged = vgg.at_precision(dtype)
            weights = {
                n: b.contiguous(memory_format=layout) for n, b in arranged.named_buffers() if n.endswith("_weight")
            }
            x = scene.start[None].to(dtype).contiguous(memory_format=layout).requires_grad_()

            def step(
                x: torch.Tensor = x, weights: dict[str, torch.Tensor] = weights, vgg: VGG19 = arranged
            ) -> torch.Tensor:
                at = x
                outputs = []
                for name in [n.removesuffix("_weight") for n in weights]:
                    if name.endswith("_1") and name != "conv1_1":
                        at = torch.nn.functional.max_pool2d(at, 2, 2, ceil_mode=True)
                    bias = vgg.get_buffer(f"{name}_bias")
                    at = torch.nn.functional.conv2d(at, weights[f"{name}_weight"], bias, padding=1).relu_()
                    if name in _LAYERS:
                        outputs.append(at.float().mean())
                return torch.autograd.grad(torch.stack(outputs).sum(), x)[0]

            name = "torch, channels_last" if layout is torch.channels_last else "torch, NCHW"
            found[f"{str(dtype).removeprefix('torch.')} {name} ms"] = 1e3 * seconds(_graph_of(step))
    return found


def _graph_of(run: Callable[[], Any]) -> Callable[[], None]:
    side = torch.cuda.Stream()
    with torch.cuda.stream(side):
        for _ in range(2):
            run()
    side.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        run()
    return graph.replay


def optimiser(width: int) -> dict[str, float]:
    """A step of the optimiser on a cheap energy, with the metric and without, replayed."""
    from photostyle_native.optimization.image_metric import ImageMetric

    start = Scene.of(width, 3, torch.device("cuda")).start
    found = {}
    for name, metric in (("with metric", ImageMetric(*start.shape[-2:], start.device)), ("without metric", None)):
        x = start.clone().requires_grad_()
        optimizer = LBFGS([x], history_size=_STAGE.history, metric=metric, first_step=0.05, capturable=True)

        def step(x: torch.Tensor = x, optimizer: LBFGS = optimizer) -> None:
            x.grad = x.detach()
            optimizer.step(lambda: x.detach().square().sum() / 2)

        found[f"{name} ms"] = 1e3 * seconds(_graph_of(step))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FOLDER")
    options = parser.parse_args()
    if not torch.cuda.is_available():
        print("there is no GPU here: an iteration can only be profiled on one")
        return 0
    folder: Path = options.output
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "kernels.txt").unlink(missing_ok=True)
    device, half, full = torch.device("cuda"), torch.bfloat16, torch.float32
    parts: dict[str, Callable[[], Any]] = {
        "machine": lambda: facts([device]),
        "ceilings": lambda: ceilings(device, False),
        "replay, 700 px, bfloat16": lambda: replay(700, half),
        "replay, 700 px, float32": lambda: replay(700, full),
        "kernels, 700 px, bfloat16": lambda: kernels(700, half, folder),
        "waits in 20 iterations, 700 px, bfloat16": lambda: waits(700, half),
        "energy and gradient, eager, 700 px, bfloat16": lambda: eager(700, half),
        "plain PyTorch, eager, 700 px": lambda: plain_iteration(700),
        "VGG-19 alone, 700 px": lambda: layouts(700),
        "optimiser, 700 px": lambda: optimiser(700),
        "replay, 2048 px, bfloat16": lambda: replay(2048, half),
        "kernels, 2048 px, bfloat16": lambda: kernels(2048, half, folder),
        "VGG-19 alone, 2048 px": lambda: layouts(2048),
        "optimiser, 2048 px": lambda: optimiser(2048),
    }
    found: dict[str, Any] = {}
    failed = []
    for name, part in parts.items():
        try:
            found[name] = part()
        except Exception:  # the next part may still tell something
            failed.append(name)
            found[name] = {"failed": traceback.format_exc()}
        (folder / "iteration.json").write_text(json.dumps(found, indent=1))
        (folder / "iteration.md").write_text(_table(found))
    print((folder / "iteration.md").read_text())
    return 1 if failed else 0


def _table(found: dict[str, Any]) -> str:
    lines = [f"# One iteration on {torch.cuda.get_device_name()}", ""]
    for part, values in found.items():
        if part == "machine":
            lines.append(f"commit {values['commit']}, torch {values['versions']['torch']}, {values['date']}")
            continue
        lines += ["", f"**{part}**"]
        for name, value in values.items():
            lines.append(f"- {name}: {value:.4g}" if isinstance(value, float) else f"- {name}: {value}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
