"""Masked Gram matrices of four disjoint masks, each VGG style layer at 700 px: against one unmasked F @ F.T
(MKL), and against the plain way, a copy of the features per mask."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from conftest import bands

from photostyle_native import ops
from photostyle_native.reference import masked_gram as reference

LAYERS = {"conv1_1": (64, 525, 700), "conv2_1": (128, 263, 350), "conv3_1": (256, 132, 175), "conv4_1": (512, 66, 88),
          "conv5_1": (512, 33, 44)}  # fmt: skip
WAYS = ["ours, 4 masks", "one F @ F.T", "mask x features, 4 masks"]


def _gram(how: str, features: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    if how == "ours, 4 masks":
        return ops.masked_gram(features, masks)
    if how == "one F @ F.T":
        flat = features.flatten(1)
        return flat @ flat.T
    return reference.masked_gram(features, masks)


def _data(layer: str) -> tuple[torch.Tensor, torch.Tensor]:
    channels, height, width = LAYERS[layer]
    return torch.rand(channels, height, width), bands(4, height, width)


@pytest.mark.parametrize("layer", list(LAYERS))
@pytest.mark.parametrize("how", WAYS)
def test_forward(benchmark: Any, how: str, layer: str) -> None:
    benchmark.group = f"masked Gram forward {layer}"
    features, masks = _data(layer)
    ours, plain = ops.masked_gram(features, masks).sum(0), _gram("one F @ F.T", features, masks)
    assert (ours - plain).norm() <= 1e-5 * plain.norm()
    benchmark(lambda: _gram(how, features, masks))


@pytest.mark.parametrize("layer", list(LAYERS))
@pytest.mark.parametrize("how", WAYS)
def test_forward_and_backward(benchmark: Any, how: str, layer: str) -> None:
    benchmark.group = f"masked Gram forward + backward {layer}"
    features, masks = _data(layer)
    features.requires_grad_()

    def step() -> torch.Tensor:
        return torch.autograd.grad(_gram(how, features, masks).square().sum(), features)[0]

    if how != "one F @ F.T":
        truth = torch.autograd.grad(reference.masked_gram(features, masks).square().sum(), features)[0]
        assert (step() - truth).norm() <= 1e-5 * truth.norm()
    benchmark(step)
