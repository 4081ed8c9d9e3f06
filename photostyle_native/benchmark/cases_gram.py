"""Masked Gram matrices, forward and backward, at a style layer: against one unmasked product and a copy per mask."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ..reference import masked_gram as reference
from .case import Case, Family, calls, check
from .scenes import bands, layer_size

_COPIES = 3
WAYS = (
    "ours",
    "ours, TF32",
    "ours, bfloat16 features",
    "one unmasked product",
    "one unmasked product, TF32",
    "features times masks",
    "features times masks, torch.compile",
)


def build(device: torch.device, layer: str, width: int, masks: int) -> Case:
    channels, height, row = layer_size(layer, width)
    stack = bands(masks, height, row).to(device)
    features = [torch.rand(channels, height, row, device=device) for _ in range(_COPIES)]
    upstream = torch.randn(masks, channels, channels, device=device)
    forward, backward = torch.ops.photostyle.masked_gram, torch.ops.photostyle.masked_gram_backward

    def ours(f: Tensor, tf32: bool = False) -> tuple[Tensor, Tensor]:
        return forward(f, stack, tf32), backward(upstream, f, stack, tf32)

    def single(f: Tensor) -> tuple[Tensor, Tensor]:
        flat = f.flatten(1)
        return flat @ flat.mT, (upstream[0] + upstream[0].mT) @ flat

    def multiplied(f: Tensor) -> tuple[Tensor, Tensor]:
        copies = (f * stack[:, None]).flatten(2)
        gradient = ((upstream + upstream.mT).to(f.dtype) @ copies).view(masks, *f.shape)
        return copies @ copies.mT, (gradient * stack[:, None]).sum(0)

    data = [(f,) for f in features]
    pixels = height * row
    case = Case(
        pixels, bytes=12.0 * channels * pixels + 8.0 * masks * channels**2, operations=3.0 * channels**2 * pixels
    )
    truth = reference.masked_gram(features[0].double(), stack.double())
    check("ours", ours(features[0])[0], truth, 2e-6)
    check("ours, backward", ours(features[0])[1], multiplied(features[0].double())[1], 2e-6)
    check("features times masks", multiplied(features[0])[0], truth, 1e-5)
    case.ways["ours"] = calls(ours, data)
    halves = [f.bfloat16() for f in features]
    check("ours, bfloat16", ours(halves[0])[0], truth, 5e-3)
    case.ways["ours, bfloat16 features"] = calls(ours, ((f,) for f in halves))
    case.ways["one unmasked product"] = calls(single, data)
    case.ways["features times masks"] = calls(multiplied, data)
    gpu_only = "" if device.type == "cuda" else "GPU only"
    case.offer("ours, TF32", lambda: calls(ours, ((f, True) for f in features)), unless=gpu_only)
    case.offer(
        "one unmasked product, TF32",
        lambda: calls(_with_tf32, ((single, f) for f in features)),
        unless=gpu_only,
    )
    case.offer_compiled("features times masks, torch.compile", multiplied, data)
    return case


def _with_tf32(call: Callable[[Tensor], Any], f: Tensor) -> Any:
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = True
    try:
        return call(f)
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before


FAMILY = Family("masked_gram", "Masked Gram matrices, forward and backward", WAYS, build)
