"""Whole optimisations at equal work, beside torch's L-BFGS, a port of the authors' loop, and pastiche."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ... import data
from ...network.vgg19 import CAFFE_MEAN
from ...optimization.lbfgs import LBFGS
from ...optimization.objective import CONTENT_LAYER, Objective, Weights
from ...optimization.solver import Solver
from ...optimization.stage import Stage
from ...pipeline.start import noise_start
from ..case import Call, Case, Family, WrongResult, check
from ..peers import authors_loop
from ..scenes import height_of
from .iteration import Scene, network, solve

_HISTORY = 100  # as in the authors' code


def build_optimizer(device: torch.device, width: int, iterations: int) -> Case:
    """Set up L-BFGS alone, on an ill-conditioned quadratic of a picture's size that takes almost no time."""
    start = Scene.of(width, 1, device).content
    curvature = torch.logspace(-5, 0, start.numel(), device=device).view_as(start)

    def energy(x: Tensor) -> Tensor:
        return (curvature * x.square()).sum() / 2

    def run(make: Callable[[Tensor], torch.optim.Optimizer]) -> Tensor:
        x = start.clone().requires_grad_()
        optimizer = make(x)

        def closure() -> Tensor:
            x.grad = curvature * x.detach()
            return energy(x.detach())

        for _ in range(iterations):
            optimizer.step(closure)  # type: ignore[arg-type]  # a tensor is what both optimisers take
        return energy(x.detach())

    def ours() -> Tensor:
        return run(lambda x: LBFGS([x], history_size=_HISTORY, first_step=0.02))

    def theirs() -> Tensor:
        return run(
            lambda x: torch.optim.LBFGS([x], lr=1, max_iter=1, max_eval=1, history_size=_HISTORY, tolerance_change=0)
        )

    case = Case(height_of(width) * width, once=True)
    for name, way in (("ours", ours), ("torch.optim.LBFGS", theirs)):
        if not way() < energy(start) / 10:
            raise WrongResult(f"{name} does not minimise")
        case.ways[name] = [way]
    return case


def build_loop(device: torch.device, width: int, masks: int, iterations: int) -> Case:
    """Set up the authors' two stages from noise, `iterations` each: `--preset paper` beside a plain PyTorch port."""
    scene, vgg = Scene.of(width, masks, device), network(device)
    ours, plain = scene.objective(vgg), scene.plain_objective(vgg)
    start = noise_start((scene.content.shape[1], scene.content.shape[2]), seed=0).to(device)
    # A stage of `Solver` evaluates its start too, so one iteration less is equal work.
    stages = (Stage("stylise", iterations - 1, photo=False), Stage("photorealise", iterations - 1))

    def run() -> Tensor:
        return solve(Solver(ours, start), stages).x

    def port() -> Tensor:
        return authors_loop.run(plain, start, iterations)

    # The first steps of the two optimisers differ (torch's is tiny), so the pictures differ: what is checked is that
    # both lower the same energy.
    begin = float(ours(start).total)

    def checked(name: str, way: Callable[[], Tensor]) -> Call:
        def call() -> None:  # evaluating the energy once more is a small part of a run
            if not float(ours(way()).total) < begin / 2:
                raise WrongResult(f"{name} does not minimise")

        return call

    case = Case(height_of(width) * width, once=True)
    for name, way in (("ours", run), ("plain PyTorch port", port)):
        case.ways[name] = [checked(name, way)]
    return case


def build_gatys(device: torch.device, width: int, iterations: int) -> Case:
    """Set up Gatys et al. 2016, from the content, without masks or photorealism, beside the PyPI package pastiche."""
    scene = Scene.of(width, 1, device)
    objective = Objective(
        scene.content, scene.style, scene.masks, scene.masks, network(device), Weights(photo=0.0, tv=0.0)
    )
    stage = Stage("gatys", iterations - 1, photo=False)  # its start is evaluated too
    case = Case(height_of(width) * width, once=True)
    case.ways["ours"] = [lambda: solve(Solver(objective, scene.content), [stage])]
    case.offer("pastiche", lambda: [_pastiche(scene, iterations)], needs=["pastiche"])
    return case


def _pastiche(scene: Scene, iterations: int) -> Call:
    from pastiche.pastiche import PasticheArtist

    # pastiche reads files and wants two different ones, so it gets the demo's two photos, at the scene's size.
    paths = [str(data.CONTENT), str(data.STYLE)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Pillow deprecates how pastiche reads pixels
        artist: Any = PasticheArtist(
            paths[0], paths[1:], size=tuple(scene.content.shape[-2:]), device=str(scene.content.device)
        )
    _check_network(artist, scene)
    start = artist.pastiche.detach().clone()

    def run() -> None:
        with torch.no_grad():
            artist.pastiche.copy_(start)
        artist.optimizer = torch.optim.LBFGS([artist.pastiche], max_iter=1, lr=1.0)  # as pastiche itself makes it
        for _ in range(iterations):
            artist.draw()

    return run


def _check_network(artist: Any, scene: Scene) -> None:
    """Check that pastiche's network computes the same features as this package's, so that work is equal."""
    with torch.no_grad():
        picture = artist.pastiche[0]
        mean = torch.tensor(CAFFE_MEAN, device=picture.device).view(3, 1, 1)
        rgb = (picture.flip(0) + mean) / 255
        ours = network(picture.device)(rgb, (CONTENT_LAYER,))[CONTENT_LAYER]
        theirs = artist.vgg19.forward(artist.pastiche, ["block4_relu2"])["block4_relu2"][0]
    check("pastiche's features", theirs, ours, 1e-4)


OPTIMIZER = Family("optimizer", "L-BFGS alone", ("ours", "torch.optim.LBFGS"), build_optimizer)
LOOP = Family("loop", "The authors' schedule", ("ours", "plain PyTorch port"), build_loop)
GATYS = Family("gatys", "Style transfer without masks (Gatys et al.)", ("ours", "pastiche"), build_gatys)
