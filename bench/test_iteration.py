"""One full iteration (all four terms and the gradient) at 350 px with three masks, against VGG-19 forward + backward
alone, and against the same energy in plain PyTorch: features multiplied by each mask, box-filter Laplacian."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from conftest import THREE_LABELS, bands, photo
from peers.plain_objective import PlainObjective

from photostyle_native import Objective, load_vgg19
from photostyle_native.objective import CONTENT_LAYER, STYLE_LAYERS


@pytest.fixture(scope="module")
def scene() -> dict[str, Any]:
    content = photo(350)
    masks = bands(THREE_LABELS, *content.shape[-2:])
    style = content.flip(0).roll(40, 1)
    x = (content * 0.9 + 0.05).requires_grad_()
    arguments = (content, style, masks, masks, load_vgg19())
    return {"x": x, "ours": Objective(*arguments), "plain": PlainObjective(*arguments), "vgg": arguments[-1]}


def _gradient(energy: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    return torch.autograd.grad(energy, x)[0]


@pytest.mark.benchmark(group="iteration 350 px, 3 masks", min_rounds=9)
@pytest.mark.parametrize("how", ["VGG alone", "ours", "plain PyTorch"])
def test_iteration(benchmark: Any, how: str, scene: dict[str, Any]) -> None:
    x, ours, plain, vgg = (scene[k] for k in ("x", "ours", "plain", "vgg"))
    if how == "VGG alone":
        with torch.no_grad():
            upstream = {k: torch.rand_like(v) for k, v in vgg(x, (*STYLE_LAYERS, CONTENT_LAYER)).items()}

        def step() -> torch.Tensor:
            features = vgg(x, tuple(upstream))
            return torch.autograd.grad([features[k] for k in upstream], x, list(upstream.values()))[0]
    elif how == "ours":

        def step() -> torch.Tensor:
            return _gradient(ours(x).total, x)
    else:

        def step() -> torch.Tensor:
            return _gradient(plain(x), x)

        a, b = _gradient(ours(x).total, x), step()
        assert (a - b).norm() <= 1e-2 * b.norm()  # the box-filter Laplacian is what is inexact
    benchmark.pedantic(step, rounds=9, warmup_rounds=2)
