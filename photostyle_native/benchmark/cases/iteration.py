"""One iteration (all four terms and the gradient) beside the network alone and plain PyTorch, and its parts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from ... import ops
from ...network.vgg19 import VGG19
from ...network.weights import load_vgg19
from ...ops._backend import multiplies_bfloat16
from ...optimization.image_metric import ImageMetric
from ...optimization.lbfgs import LBFGS
from ...optimization.objective import CONTENT_LAYER, STYLE_LAYERS, Objective
from ...optimization.solver import Loop, Solver
from ...optimization.stage import Stage
from ...pipeline.inputs import resolve_precision
from ..case import Call, Case, Family, check
from ..peers.plain_objective import PlainObjective
from ..scenes import bands, height_of, photo
from ..timing import captured

_LAYERS = (*STYLE_LAYERS, CONTENT_LAYER)
WAYS = (
    "ours",
    "VGG-19 alone",
    "plain PyTorch",
    "plain PyTorch, torch.compile",
    "ours, bfloat16 network",
    "ours, Winograd network",
    "VGG-19 alone, bfloat16",
)
PARTS = ("VGG-19", "masked Gram matrices", "matting Laplacian", "optimiser")
STEPS = 10  # iterations of a transfer in one call of `PART_FAMILY`
_HISTORY = 40  # as in the default preset


@dataclass(frozen=True)
class Scene:
    """The demo's photo as the content, a style photo with other colours made from it, masks, and a start."""

    content: Tensor
    style: Tensor
    masks: Tensor
    start: Tensor

    @staticmethod
    def of(width: int, masks: int, device: torch.device) -> Scene:
        content = photo(width).to(device)
        return Scene(
            content,
            content.flip(0).roll(40, 1).contiguous(),
            bands(masks, height_of(width), width).to(device),
            (content * 0.9 + 0.05).contiguous(),
        )

    def objective(self, vgg: VGG19) -> Objective:
        return Objective(self.content, self.style, self.masks, self.masks, vgg)

    def plain_objective(self, vgg: VGG19) -> PlainObjective:
        return PlainObjective(self.content, self.style, self.masks, self.masks, vgg)


@cache
def network(device: torch.device, dtype: torch.dtype = torch.float32) -> VGG19:
    return load_vgg19().to(device).at_precision(dtype)


def solve(solver: Solver, stages: Iterable[Stage]) -> Solver:
    """Run stages. Ctrl-C ends a benchmark, where a transfer would go on with the best picture."""
    for stage in stages:
        solver.run(stage)
        if solver.interrupted:
            raise KeyboardInterrupt
    return solver


def _gradient(energy: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    return torch.autograd.grad(energy(x), x)[0]


def network_alone(vgg: VGG19, x: Tensor) -> Call:
    with torch.no_grad():
        upstream = {name: torch.rand_like(features) for name, features in vgg(x, _LAYERS).items()}

    def step() -> Tensor:
        features = vgg(x, _LAYERS)
        return torch.autograd.grad([features[k] for k in upstream], x, list(upstream.values()))[0]

    return step


def build(device: torch.device, width: int, masks: int, compiled: bool = True) -> Case:
    scene = Scene.of(width, masks, device)
    x = scene.start.clone().requires_grad_()
    vgg = network(device)
    ours, plain = scene.objective(vgg), scene.plain_objective(vgg)
    check("plain PyTorch", _gradient(plain, x), _gradient(lambda p: ours(p).total, x), 1e-2)
    case = Case(height_of(width) * width)
    case.ways["ours"] = [lambda: _gradient(lambda p: ours(p).total, x)]
    case.ways["VGG-19 alone"] = [network_alone(vgg, x)]
    case.ways["plain PyTorch"] = [lambda: _gradient(plain, x)]
    if compiled:
        case.offer_compiled("plain PyTorch, torch.compile", plain, [(x,)], lambda f: lambda x: _gradient(f, x), 1e-2)
    else:
        case.missing["plain PyTorch, torch.compile"] = "left out by --quick: compiling takes half a minute"
    slow = "" if multiplies_bfloat16(device) else "this device does not multiply bfloat16"
    case.offer(
        "ours, bfloat16 network",
        lambda: [_other_iteration(scene, x, network(device, torch.bfloat16))],
        unless=slow,
    )
    case.offer(
        "ours, Winograd network",
        lambda: [_other_iteration(scene, x, vgg.by_winograd())],
        unless="" if device.type == "cpu" else "CPU only",
    )
    case.offer("VGG-19 alone, bfloat16", lambda: [network_alone(network(device, torch.bfloat16), x)], unless=slow)
    return case


def _other_iteration(scene: Scene, x: Tensor, vgg: VGG19) -> Call:
    objective = scene.objective(vgg)
    return lambda: _gradient(lambda p: objective(p).total, x)


def build_parts(device: torch.device, width: int, masks: int) -> Case:
    """Set up iterations of a default transfer, optimiser included, and each of their parts alone."""
    scene = Scene.of(width, masks, device)
    vgg = resolve_precision("auto", device).arrange(network(device))
    objective = scene.objective(vgg)
    x = scene.start.clone().requires_grad_()
    with torch.no_grad():
        leaves = {name: f.detach().requires_grad_() for name, f in vgg(x, _LAYERS).items()}

    def grams() -> None:
        losses = [objective._style[name].loss(leaves[name]) for name in STYLE_LAYERS]
        torch.autograd.grad(torch.stack(losses).sum(), [leaves[name] for name in STYLE_LAYERS])

    case = Case(height_of(width) * width, once=True)
    case.ways["ours"] = [_transfer(objective, scene.start)]
    case.ways["VGG-19"] = [_repeat(network_alone(vgg, x), device)]
    case.ways["masked Gram matrices"] = [_repeat(grams, device)]
    case.ways["optimiser"] = [_repeat(_optimiser_step(scene.start), device)]
    case.ways["matting Laplacian"] = [
        _repeat(lambda: torch.autograd.grad(ops.matting_energy(x, objective.guide), x), device)
    ]
    return case


def _transfer(objective: Objective, start: Tensor) -> Call:
    """Make a call that runs the next `STEPS` iterations of a running transfer; on a GPU it replays a graph."""
    stage = Stage("bench", 100 * STEPS, metric=True, bounded=True, history=_HISTORY)
    loop = Loop(objective, start, stage)
    loop.advance(STEPS if start.is_cuda else 1)  # on a GPU this warms up and captures the graph

    def go_on() -> None:
        if loop.done + STEPS > stage.iterations:
            raise RuntimeError("there is nothing left to iterate")
        loop.advance(STEPS)

    return go_on


def _optimiser_step(start: Tensor) -> Call:
    """Make a call that takes one step of the optimiser, with an energy that takes almost no time."""
    curvature = torch.logspace(-4, 0, start.numel(), device=start.device).view_as(start)
    x = start.clone().requires_grad_()
    metric = ImageMetric(start.shape[-2], start.shape[-1], start.device)
    optimizer = LBFGS([x], history_size=_HISTORY, metric=metric, first_step=0.05, capturable=x.is_cuda)

    def step() -> None:
        x.grad = curvature * x.detach()
        optimizer.step(lambda: (curvature * x.detach().square()).sum() / 2)

    return step


def _repeat(call: Call, device: torch.device) -> Call:
    """Make a call that runs `call` `STEPS` times; on a GPU from a graph, as in a transfer."""
    if device.type == "cuda":
        call()
        graph = captured(call)
        call = graph.replay if graph else call

    def calls() -> None:
        for _ in range(STEPS):
            call()

    return calls


FAMILY = Family("iteration", "One iteration: energy and gradient", WAYS, build)
PART_FAMILY = Family(
    "parts", f"{STEPS} iterations of a transfer, and their parts alone", ("ours", *PARTS), build_parts
)
