"""Total variation and its gradient, in one pass over the picture, beside plain PyTorch."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ...reference import total_variation as reference
from ..case import Case, Family, calls, check
from ..scenes import height_of, photo, views

_COPIES = 3
WAYS = ("ours", "plain PyTorch, autograd", "plain PyTorch, gradient by hand", "gradient by hand, torch.compile")


def _by_autograd(x: Tensor) -> tuple[Tensor, Tensor]:
    x = x.detach().requires_grad_()
    energy = reference.total_variation(x)
    return energy.detach(), torch.autograd.grad(energy, x)[0]


def _by_hand(x: Tensor) -> tuple[Tensor, Tensor]:
    return reference.total_variation(x), reference.gradient(x)


def build(device: torch.device, width: int) -> Case:
    pictures = [(x,) for x in views(photo(width).to(device), _COPIES)]
    pixels = height_of(width) * width
    case = Case(pixels, bytes=24.0 * pixels, operations=33.0 * pixels)
    truth = reference.gradient(pictures[0][0].double())
    native = torch.ops.photostyle.total_variation
    ways: tuple[Callable[[Tensor], tuple[Tensor, Tensor]], ...] = (native, _by_autograd, _by_hand)
    for name, way in zip(WAYS, ways, strict=False):
        check(name, way(*pictures[0])[1], truth, 1e-5)
        case.ways[name] = calls(way, pictures)
    case.offer_compiled(WAYS[3], _by_hand, pictures)
    return case


FAMILY = Family("variation", "Total variation and its gradient, 3 channels", WAYS, build)
