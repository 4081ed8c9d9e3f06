"""Slicing a bilateral grid of affine colour maps, and applying what comes out.

Chen, Paris, Durand: *Real-time Edge-aware Image Processing with the Bilateral Grid* (SIGGRAPH 2007); with affine maps
in the grid, Gharbi, Chen, Barron, Hasinoff, Durand: *Deep Bilateral Learning for Real-Time Image Enhancement*
(SIGGRAPH 2017). ``csrc/bilateral_grid/params.h`` states what the kernels compute.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ..reference import bilateral_grid as reference
from . import _backend
from ._autograd import differentiable
from .checks import require, require_dtype, require_image, require_like, require_same_size, require_tensor

_DTYPES = (torch.float32, torch.float64)
_MAX_VALUES = 2**30


def _require_lead(name: str, lead: Sequence[int], image: Tensor) -> None:
    want = tuple(image.shape[:-3])
    require(
        tuple(lead) in ((), want), f"`{name}` must have image's batch dimensions {want} or none, got {tuple(lead)}"
    )


def _check_pixels(guide: Tensor, image: Tensor) -> None:
    require_tensor("guide", guide)
    require_tensor("image", image)
    require(guide.dim() >= 2, f"`guide` must have shape (..., H, W), got {tuple(guide.shape)}")
    require_image("image", image, 3)
    require_dtype("image", image, _DTYPES)
    require_like("guide", guide, "image", image)
    require_same_size("guide", guide, "image", image)
    _require_lead("guide", guide.shape[:-2], image)
    pixels = image.shape[-1] * image.shape[-2]
    require(pixels <= _MAX_VALUES, f"`image` must have at most 2^30 pixels, got {pixels}")


def _check_grid(name: str, shape: Sequence[int], image: Tensor) -> None:
    shape = tuple(shape)
    require(
        len(shape) >= 4 and shape[-4] == 12 and min(shape[-3:]) >= 1,
        f"`{name}` must have shape (..., 12, D, Gh, Gw) with at least one vertex in every direction, got {shape}",
    )
    _require_lead(name, shape[:-4], image)
    count = 12 * shape[-3] * shape[-2] * shape[-1]
    require(count <= _MAX_VALUES, f"`{name}` must have at most 2^30 values, got {count}")


def _check(grid: Tensor, guide: Tensor, image: Tensor) -> None:
    require_tensor("grid", grid)
    require_dtype("grid", grid, _DTYPES)
    _check_pixels(guide, image)
    require_like("grid", grid, "image", image)
    _check_grid("grid", grid.shape, image)


def _check_upstream(upstream: Tensor, image: Tensor) -> None:
    require_like("upstream", upstream, "image", image)
    want, got = tuple(image.shape), tuple(upstream.shape)
    require(got == want, f"`upstream` must have shape {want}, got {got}")


def _shape(grid_shape: Sequence[int], image: Tensor, derivative: bool) -> dict[str, int]:
    """What both kernels are told of the grid and the image."""
    height, width = image.shape[-2:]
    batch = image.numel() // (3 * height * width)
    depth, grid_height, grid_width = grid_shape[-3:]
    return {
        "batch": batch,
        "grid_batch": 1 if len(grid_shape) == 4 else batch,
        "depth": depth,
        "grid_height": grid_height,
        "grid_width": grid_width,
        "height": height,
        "width": width,
        "derivative": derivative,
        "is_double": image.dtype == torch.float64,
    }


def _readable(value: Tensor) -> Tensor:
    return value.resolve_neg().contiguous()


def _like(image: Tensor) -> Tensor:
    return torch.empty_like(image, memory_format=torch.contiguous_format)


def _launch_slice(
    grid: Tensor,
    guide: Tensor,
    image: Tensor,
    upstream: Tensor | None,
    out: Tensor,
    derivative: bool,
    transposed: bool,
) -> Tensor:
    if image.numel() == 0:
        return out
    _check(grid, guide, image)  # the registered ops can be called directly, and may not crash
    guide = guide.expand(*image.shape[:-3], *image.shape[-2:])
    if upstream is not None:
        _check_upstream(upstream, image)
        upstream = _readable(upstream)
    grid, guide, image = _readable(grid), _readable(guide), _readable(image)
    _backend.launch(
        "slice_bilateral_grid",
        image.device,
        grid=grid,
        guide=guide,
        image=image,
        upstream=upstream,
        out=out,
        transposed=transposed,
        **_shape(grid.shape, image, derivative),
    )
    return out


def _slice(grid: Tensor, guide: Tensor, image: Tensor, derivative: bool) -> Tensor:
    return _launch_slice(grid, guide, image, None, _like(image), derivative, False)


def _backward_grid(
    upstream: Tensor, guide: Tensor, image: Tensor, grid_shape: Sequence[int], derivative: bool
) -> Tensor:
    if image.numel() == 0:
        return image.new_zeros(grid_shape)
    _check_pixels(guide, image)
    _check_grid("grid_shape", grid_shape, image)
    _check_upstream(upstream, image)
    guide = guide.expand(*image.shape[:-3], *image.shape[-2:])
    grad = image.new_empty(grid_shape)
    upstream, guide, image = _readable(upstream), _readable(guide), _readable(image)
    _backend.launch(
        "slice_bilateral_grid_backward_grid",
        image.device,
        upstream=upstream,
        guide=guide,
        image=image,
        grad=grad,
        **_shape(grid_shape, image, derivative),
    )
    return grad


def _backward_image(upstream: Tensor, grid: Tensor, guide: Tensor, derivative: bool) -> Tensor:
    return _launch_slice(grid, guide, upstream, None, _like(upstream), derivative, True)


def _backward_guide(upstream: Tensor, grid: Tensor, guide: Tensor, image: Tensor) -> Tensor:
    return _launch_slice(grid, guide, image, upstream, _guide_like(upstream), True, False)


def _guide_like(upstream: Tensor, *_: Any) -> Tensor:
    return upstream.new_empty(upstream.shape[:-3] + upstream.shape[-2:])


def _grid_like(upstream: Tensor, guide: Tensor, image: Tensor, grid_shape: Sequence[int], *_: Any) -> Tensor:
    return upstream.new_empty(grid_shape)


_NAME = "slice_bilateral_grid"
for _name, _arguments, _native, _fallback, _fake in (
    (
        _NAME,
        "Tensor grid, Tensor guide, Tensor image, bool derivative",
        _slice,
        reference.slice_bilateral_grid,
        lambda grid, guide, image, derivative: _like(image),
    ),
    (
        f"{_NAME}_backward_grid",
        "Tensor upstream, Tensor guide, Tensor image, SymInt[] grid_shape, bool derivative",
        _backward_grid,
        reference.backward_grid,
        _grid_like,
    ),
    (
        f"{_NAME}_backward_image",
        "Tensor upstream, Tensor grid, Tensor guide, bool derivative",
        _backward_image,
        reference.backward_image,
        lambda upstream, grid, guide, derivative: _like(upstream),
    ),
    (
        f"{_NAME}_backward_guide",
        "Tensor upstream, Tensor grid, Tensor guide, Tensor image",
        _backward_guide,
        reference.backward_guide,
        _guide_like,
    ),
):
    _backend.LIBRARY.define(f"{_name}({_arguments}) -> Tensor")
    _backend.register(_name, _native, _fallback, _fake)

# Gradients. F = <upstream, slice(grid, guide, image)> is linear in each of upstream, grid and (image, 1), and
# piecewise linear in the guide. So the derivatives of the four ops, of any order, are those ops again, some with the
# weights of the levels replaced by their derivative, whose own derivative is zero.


def _without_offset(grid: Tensor) -> Tensor:
    rows = grid.unflatten(-4, (3, 4))
    return torch.cat([rows[..., :3, :, :, :], torch.zeros_like(rows[..., 3:, :, :, :])], -4).flatten(-5, -4)


def _save(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.save_for_backward(*(t for t in inputs if isinstance(t, Tensor)))
    ctx.derivative = inputs[-1] if isinstance(inputs[-1], bool) else True
    ctx.grid_shape = inputs[3] if len(inputs) == 5 else None


def _slice_gradient(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
    grid, guide, image = ctx.saved_tensors
    to_grid, to_guide, to_image, _ = ctx.needs_input_grad
    return (
        _to_grid(upstream, guide, image, grid.shape, ctx.derivative) if to_grid else None,
        _to_guide(upstream, grid, guide, image) if to_guide and not ctx.derivative else None,
        _to_image(upstream, grid, guide, ctx.derivative) if to_image else None,
        None,
    )


def _grid_gradient(ctx: Any, direction: Tensor) -> tuple[Tensor | None, ...]:
    upstream, guide, image = ctx.saved_tensors
    to_upstream, to_guide, to_image, *_ = ctx.needs_input_grad
    return (
        _sliced(direction, guide, image, ctx.derivative) if to_upstream else None,
        _to_guide(upstream, direction, guide, image) if to_guide and not ctx.derivative else None,
        _to_image(upstream, direction, guide, ctx.derivative) if to_image else None,
        None,
        None,
    )


def _image_gradient(ctx: Any, direction: Tensor) -> tuple[Tensor | None, ...]:
    upstream, grid, guide = ctx.saved_tensors
    to_upstream, to_grid, to_guide, _ = ctx.needs_input_grad
    linear = _without_offset(grid)
    through = _to_grid(upstream, guide, direction, grid.shape, ctx.derivative) if to_grid else None
    return (
        _sliced(linear, guide, direction, ctx.derivative) if to_upstream else None,
        None if through is None else _without_offset(through),
        _to_guide(upstream, linear, guide, direction) if to_guide and not ctx.derivative else None,
        None,
    )


def _guide_gradient(ctx: Any, direction: Tensor) -> tuple[Tensor | None, ...]:
    upstream, grid, guide, image = ctx.saved_tensors
    to_upstream, to_grid, _, to_image = ctx.needs_input_grad
    scale = direction.unsqueeze(-3)
    return (
        scale * _sliced(grid, guide, image, True) if to_upstream else None,
        _to_grid(scale * upstream, guide, image, grid.shape, True) if to_grid else None,
        None,
        _to_image(scale * upstream, grid, guide, True) if to_image else None,
    )


_sliced = differentiable(_NAME, _save, _slice_gradient)
_to_grid = differentiable(f"{_NAME}_backward_grid", _save, _grid_gradient)
_to_image = differentiable(f"{_NAME}_backward_image", _save, _image_gradient)
_to_guide = differentiable(f"{_NAME}_backward_guide", _save, _guide_gradient)


def slice_bilateral_grid(grid: Tensor, guide: Tensor, image: Tensor) -> Tensor:
    """Recolour an image by affine maps that depend on place and on a guide: A(p) image(p) + b(p).

    Args:
        grid: the maps, shape (..., 12, D, Gh, Gw), at least one vertex in every direction, float32 or float64; the
            batch dimensions of `image`, or none. The 12 are, for the red, green and blue output in turn, A_r, A_g,
            A_b, b.
        guide: shape (..., H, W), clamped to [0, 1]; the batch dimensions of `image`, or none; same dtype and device.
            NaN gives NaN.
        image: shape (..., 3, H, W), same dtype and device.

    Returns:
        Shaped like `image`, not clamped. The map of the pixel at (row, column) is the grid's trilinear interpolation
        at z = guide (D - 1), y = (row + 1/2) / H (Gh - 1), x = (column + 1/2) / W (Gw - 1): one grid serves all sizes
        of an image. Differentiable in all three, any number of times; in the guide where it is not at a
        vertex (the gradient is zero outside [0, 1]). The same bits for any number of threads, gradients included.

    Raises:
        PhotostyleError: an argument does not fit the above.

    Source: Chen, Paris, Durand 2007; Gharbi et al. 2017, eqs. 4 and 5 (there, vertices lie in the middle of cells).
    """
    _check(grid, guide, image)
    guide = guide.expand(*image.shape[:-3], *image.shape[-2:])
    return _sliced(grid, guide, image, False)
