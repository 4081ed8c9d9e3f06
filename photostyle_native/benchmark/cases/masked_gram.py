"""Masked Gram matrices of a style layer, forward and backward, beside one unmasked product and a copy per mask."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ...machine import available_bytes
from ...network.mask_pyramid import mask_pyramid
from ..case import Case, Family, calls, check
from ..scenes import bands, height_of, layer_size

_COPIES = 3
WAYS = (
    "ours",
    "ours, TF32",
    "ours, bfloat16 features",
    "ours, bfloat16 features, channels last",
    "one unmasked product",
    "one unmasked product, TF32",
    "features times masks",
    "features times masks, torch.compile",
)


def build(device: torch.device, layer: str, width: int, masks: int) -> Case:
    channels, height, row = layer_size(layer, width)
    # As in a transfer: bands of the picture, which overlap softly in deeper layers.
    stack = mask_pyramid(bands(masks, height_of(width), width), (layer,))[layer].contiguous().to(device)
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
    truth = _truth(features[0], stack, upstream)

    def right(limit: float) -> Callable[[Any], None]:
        def both(result: tuple[Tensor, Tensor]) -> None:
            for what, mine, other in zip(("Gram matrices", "gradient"), result, truth, strict=True):
                check(what, mine, other, limit)

        return both

    case.offer("ours", lambda: calls(ours, data), right=right(2e-6))
    halves = [(f.bfloat16(),) for f in features]
    case.offer("ours, bfloat16 features", lambda: calls(ours, halves), right=right(5e-3))
    gpu_only = "" if device.type == "cuda" else "GPU only"
    rows = [(f.movedim(0, -1).contiguous().movedim(-1, 0),) for (f,) in halves]
    case.offer(
        "ours, bfloat16 features, channels last", lambda: calls(ours, rows), unless=gpu_only, right=right(5e-3)
    )
    case.ways["one unmasked product"] = calls(single, data)
    copies = 4.0 * masks * channels * pixels
    large = f"left out: needs some {3e-9 * copies:.0f} GB" if 3 * copies > 0.7 * available_bytes(device) else ""
    case.offer("features times masks", lambda: calls(multiplied, data), unless=large, right=right(1e-5))
    tf32 = [(f, True) for f in features]
    case.offer("ours, TF32", lambda: calls(ours, tf32), unless=gpu_only, right=right(5e-3))
    case.offer(
        "one unmasked product, TF32",
        lambda: calls(_with_tf32, ((single, f) for f in features)),
        unless=gpu_only,
    )
    if large:
        case.missing["features times masks, torch.compile"] = large
    else:
        case.offer_compiled("features times masks, torch.compile", multiplied, data)
    return case


def _truth(features: Tensor, masks: Tensor, upstream: Tensor) -> tuple[Tensor, Tensor]:
    """Compute Gram matrices and gradient in float64, one mask at a time, because memory may not hold all copies."""
    grams, gradient = [], torch.zeros_like(features, dtype=torch.float64)
    for mask, given in zip(masks.double(), upstream.double(), strict=True):
        copy = (features * mask).flatten(1)
        grams.append(copy @ copy.mT)
        gradient += ((given + given.mT) @ copy).view_as(features) * mask
    return torch.stack(grams), gradient


def _with_tf32(call: Callable[[Tensor], Any], f: Tensor) -> Any:
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = True
    try:
        return call(f)
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before


FAMILY = Family("masked_gram", "Masked Gram matrices, forward and backward", WAYS, build)
