"""The table of all ops: one row an op, with what the tests over all ops need to know about it.

Every test over all ops reads these rows, so a new op takes part in all of them by its row (and by new entries of
`tensors`, if it takes what no other op takes). What only one family promises is tested in the file of that family.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import torch
from pictures import smooth_picture
from torch import Tensor

import photostyle_native as ps
from photostyle_native import ops
from photostyle_native.reference import bias_relu_pool as pooling
from photostyle_native.reference import (
    bilateral_grid,
    cosine_filter,
    guided_filter,
    local_affine,
    masked_gram,
    matting_laplacian,
    total_variation,
    winograd,
)

FLOAT, DOUBLE, BRAIN, HALF = torch.float32, torch.float64, torch.bfloat16, torch.float16
# The tensors whose channels come last under layout="channels_last".
WITH_CHANNELS = frozenset({"x", "image", "coefs", "photo", "features", "masks"})
POOLED = (3, 4)  # the size of what is pooled from 5 x 8 pixels
# Keyword arguments of `Row.sample`: one item; a batch in which each item has all tensors of its own; a batch in which
# the tensors that may serve all items do so.
BATCHES: dict[str, dict[str, Any]] = {
    "one picture": {},
    "a batch": {"batch": (2,), "share": False},
    "a batch that shares": {"batch": (2,)},
}


def tensors(
    height: int,
    width: int,
    *,
    batch: tuple[int, ...] = (),
    share: bool = True,
    dtype: torch.dtype = FLOAT,
    device: torch.device | str = "cpu",
    channels: int = 3,
    labels: int = 2,
) -> dict[str, Tensor]:
    """Every tensor that an op takes, by the name that the rows use.

    Args:
        batch: batch dimensions of the tensors that must have them when there is a batch.
        share: the tensors that may serve a whole batch have no batch dimensions, and otherwise one item each.
        channels, labels: of the features and of their masks.
    """
    size, second = (height, width), () if share else batch

    def uniform(*shape: int) -> Tensor:
        return torch.rand(*shape, dtype=DOUBLE)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, dtype=DOUBLE)

    # Some guides lie outside [0, 1]. None lies near a level of a grid with three, where the derivative jumps.
    level = 2.6 * uniform(*batch, *size) - 0.3
    guide = torch.where((level - level.round()).abs() < 0.1, level + 0.2, level) / 2
    # Overlapping soft masks with zeros in them, in runs and alone.
    masks = (uniform(*second, labels, *size) + 0.1) * (torch.rand(*second, labels, *size) > 0.3)
    masks[..., 0, :, width // 2 :] = 0
    masks[..., 0, :1, :1] = 1
    values = {
        "x": uniform(*batch, 3, *size),
        "image": 0.9 * smooth_picture(*size, DOUBLE) + 0.1 * uniform(*second, 3, *size),
        "photo": smooth_picture(2 * height + height // 2, 2 * width + width // 3, DOUBLE),
        "coefs": normal(*batch, 12, *size),
        "grid": normal(*second, 12, 3, 2, 3),
        "fine grid": normal(*second, 12, 4, 4, 6),
        "wide grid": normal(*second, 12, 2, 3, 30),
        "deep grid": normal(*second, 12, 40, 3, 30),
        "guide": guide,
        "upstream": normal(*batch, 3, *size),
        "features": normal(*batch, channels, *size),
        "bias": normal(channels),
        "gate": normal(*batch, channels, *size),
        "weight": normal(channels, channels, 3, 3),
        "factors": ops.winograd_factors(normal(channels, channels, 3, 3)),
        "gain": uniform(*size),
        "pooled upstream": normal(*batch, channels, *POOLED),
    }
    sums = {  # in the type in which features are summed up
        "masks": masks,
        "gram upstream": normal(*batch, labels, channels, channels),
        "targets": normal(*second, labels, channels, channels),
        "scales": uniform(labels),
        "weights": uniform(labels),
    }
    kind = FLOAT if dtype in (BRAIN, HALF) else dtype
    made = {name: value.to(device, dtype) for name, value in values.items()}
    codes = torch.randint(5, (*batch, channels, *POOLED), dtype=torch.uint8)  # of the windows of a pooling
    return made | {name: value.to(device, kind) for name, value in sums.items()} | {"codes": codes.to(device)}


@dataclass(frozen=True)
class Sample:
    """A call: `function` of `tensors`, those numbered in `derivative` with a derivative."""

    function: Callable[..., Tensor]
    tensors: tuple[Tensor, ...]
    derivative: tuple[int, ...]
    reference: Callable[..., Tensor] | None

    def __call__(self) -> Tensor:
        return self.function(*self.tensors)

    def of_first(self, first: Tensor) -> Tensor:
        """The function of its first tensor, with the others as they are."""
        return self.function(first, *self.tensors[1:])

    def truth(self) -> Tensor:
        """The reference's result in float64."""
        assert self.reference is not None
        return self.reference(*(t.double() for t in self.tensors))

    def leaves(self) -> list[Tensor]:
        """The tensors, those with a derivative as copies that require a gradient."""
        return [t.clone().requires_grad_() if i in self.derivative else t for i, t in enumerate(self.tensors)]

    def with_gradients(self) -> tuple[Tensor, ...]:
        """The result, and the gradient of the sum of its squares in every tensor that has one."""
        if not self.derivative:
            return (self(),)
        leaves = self.leaves()
        result = self.function(*leaves)
        return result.detach(), *torch.autograd.grad(result.square().sum(), [leaves[i] for i in self.derivative])


@dataclass(frozen=True)
class Row:
    """An op, or an object that holds some tensors of an op and is called with the others.

    Attributes:
        name: of the function in `photostyle_native.ops`, or else of the op in `torch.ops.photostyle`, such as a
            gradient. In `VARIANTS` a comma follows, and what is different.
        takes: the names of its tensors, in order, separated by commas.
        reference: takes the same tensors in float64, and `options`.
        options: keyword arguments of every call.
        registered: the keyword arguments that the registered op needs besides; None: none is registered.
        derivative: the names of the tensors in which it has a derivative.
        dtypes: of the tensors (of the features, where there are some).
        is_picture: whether the result has channels of pixels, (..., C, h, w).
        batches: whether it takes batch dimensions.
        torch_func: whether it takes part in forward mode, in `torch.func`, and with one call in `vmap`.
        holds: the names of the tensors that an object holds.
        build: makes the object, or a method of it, from these tensors.
    """

    name: str
    takes: str
    reference: Callable[..., Tensor] | None = None
    options: dict[str, Any] = field(default_factory=dict)
    registered: dict[str, Any] | None = field(default_factory=dict)
    derivative: str = ""
    dtypes: tuple[torch.dtype, ...] = (FLOAT, DOUBLE)
    is_picture: bool = True
    batches: bool = True
    torch_func: bool = False
    holds: str = ""
    build: Callable[..., Callable[..., Tensor]] | None = None

    @property
    def tensor_names(self) -> list[str]:
        return _names(self.takes)

    @property
    def op_name(self) -> str:
        return self.name.partition(",")[0]

    def registered_op(self) -> Any:
        """The op as torch knows it."""
        return getattr(torch.ops.photostyle, self.op_name).default

    def sample(self, height: int, width: int, **facts: Any) -> Sample:
        """A call with new tensors; `facts` are keyword arguments of `tensors`."""
        made = tensors(height, width, **facts)
        function = self.build(*(made[n] for n in _names(self.holds))) if self.build else self._function()
        takes, derivative = self.tensor_names, _names(self.derivative)
        return Sample(
            partial(function, **self.options),
            tuple(made[n] for n in takes),
            tuple(i for i, n in enumerate(takes) if n in derivative),
            self.reference and partial(self.reference, **self.options),
        )

    def _function(self) -> Callable[..., Tensor]:
        return getattr(ops, self.op_name) if self.op_name in ops.__all__ else self.registered_op()


def _names(listed: str) -> list[str]:
    return listed.split(", ") if listed else []


def _loss(*arguments: Tensor) -> Tensor:
    return masked_gram.masked_gram_loss(*arguments)[0]


def _pooled(*arguments: Tensor) -> Tensor:
    return pooling.bias_relu_pool(*arguments)[0]


def _convolved(x: Tensor, factors: Tensor) -> Tensor:
    return winograd.winograd_convolution(x, factors[0])


def _gated(x: Tensor, gate: Tensor, factors: Tensor, adjoint: bool) -> Tensor:
    return winograd.winograd_gated(x, gate, factors[1].mT if adjoint else factors[0])


_MATTING = {"eps": 1e-7, "radius": 1}
_FEATURES = (FLOAT, DOUBLE, BRAIN, HALF)
_SMOOTHING = {"radius": 5, "sigma_space": 5 / 3, "sigma_color": 0.05}
_UPSAMPLING = {"radius": 2, "sigma_space": 0.7, "sigma_color": 0.15}
_FULL = {"height": 5, "width": 8}
_GRID = {"grid_shape": (12, 3, 2, 3), "derivative": False}

# fmt: off
OPS = (
    Row("matting_laplacian", "x, image", matting_laplacian.matting_laplacian, registered=_MATTING, derivative="x",
        torch_func=True),
    Row("matting_energy", "x, image", matting_laplacian.matting_energy, registered=_MATTING, derivative="x",
        is_picture=False, torch_func=True),
    Row("total_variation", "x", total_variation.total_variation, derivative="x", is_picture=False, torch_func=True),
    Row("guided_filter", "x, image", guided_filter.guided_filter, {"radius": 3}, {"eps": 1e-2}),
    Row("masked_gram", "features, masks", masked_gram.masked_gram, derivative="features", dtypes=_FEATURES,
        is_picture=False, torch_func=True),
    Row("masked_gram_backward", "gram upstream, features, masks", masked_gram.masked_gram_backward,
        derivative="gram upstream, features", dtypes=_FEATURES),
    Row("masked_gram_loss", "features, masks, targets, scales, weights", _loss, derivative="features",
        dtypes=_FEATURES, is_picture=False, torch_func=True),
    Row("bias_relu_pool", "features, bias", _pooled, derivative="features", dtypes=_FEATURES, torch_func=True),
    Row("bias_relu_pool_backward", "pooled upstream, codes", pooling.bias_relu_pool_backward, _FULL,
        derivative="pooled upstream", dtypes=_FEATURES),
    Row("winograd_factors", "weight", winograd.winograd_factors, registered=None, is_picture=False, batches=False),
    Row("winograd_convolution", "features, factors", _convolved,
        registered={"bias": None, "relu": False, "adjoint": False}, derivative="features", torch_func=True),
    Row("winograd_gated", "features, gate, factors", _gated, {"adjoint": False}, derivative="features"),
    Row("cosine_filter", "x, gain", cosine_filter.cosine_filter, derivative="x", torch_func=True),
    Row("fit_local_affine", "x, image", local_affine.fit_local_affine, registered={"radius": 1, "ridge": 1e-3}),
    Row("apply_local_affine", "coefs, image", local_affine.apply_local_affine, registered=None,
        derivative="coefs, image", torch_func=True),
    Row("smooth_affine_coefficients", "coefs, image", local_affine.smooth_affine_coefficients, _SMOOTHING),
    Row("smooth_local_affine", "x, image", local_affine.smooth_local_affine, _SMOOTHING,
        {"patch_radius": 1, "ridge": 1e-3}),
    Row("upsample_local_affine", "coefs, image, photo", local_affine.upsample_local_affine, _UPSAMPLING,
        dtypes=(FLOAT,), batches=False),
    Row("slice_bilateral_grid", "grid, guide, x", bilateral_grid.slice_bilateral_grid, derivative="grid, guide, x",
        registered={"derivative": False}),
    Row("slice_bilateral_grid_backward_grid", "upstream, guide, x", bilateral_grid.backward_grid, _GRID,
        derivative="upstream, guide, x"),
    Row("slice_bilateral_grid_backward_image", "upstream, grid, guide", bilateral_grid.backward_image,
        {"derivative": False}, derivative="upstream, grid, guide"),
    Row("slice_bilateral_grid_backward_guide", "upstream, grid, guide, x", bilateral_grid.backward_guide,
        derivative="upstream, grid, guide, x"),
)
# fmt: on
PUBLIC = tuple(row for row in OPS if row.op_name in ops.__all__)
REGISTERED = tuple(row for row in OPS if row.registered is not None)
# The parts of the package that change their tensors in place; each has a test of its own.
IN_PLACE = ("lbfgs_step",)


def _variant(name: str, what: str, options: dict[str, Any] | None = None, grid: str = "grid") -> Row:
    """The row of that name, with other options or another grid."""
    row = next(row for row in OPS if row.name == name)
    takes = ", ".join(grid if n == "grid" else n for n in _names(row.takes))
    return replace(row, name=f"{name}, {what}", takes=takes, options=row.options | (options or {}))


# Calls that other code serves than those of the rows above: larger windows, other grids, the derivative in the guide.
VARIANTS = (
    _variant("matting_laplacian", "radius 4", {"radius": 4}),
    _variant("guided_filter", "radius 40", {"radius": 40}),
    _variant("fit_local_affine", "radius 3", {"radius": 3}),
    _variant("fit_local_affine", "radius 40", {"radius": 40}),
    _variant("slice_bilateral_grid", "many vertices", grid="fine grid"),
    _variant("slice_bilateral_grid", "many columns", grid="wide grid"),
    _variant("slice_bilateral_grid", "40 levels", grid="deep grid"),
    # The public function has no such option: this row calls the registered op.
    replace(
        _variant("slice_bilateral_grid", "by guide", {"derivative": True}),
        build=lambda: torch.ops.photostyle.slice_bilateral_grid.default,
    ),
    _variant("slice_bilateral_grid_backward_grid", "many vertices", {"grid_shape": (12, 4, 4, 6)}),
    _variant("slice_bilateral_grid_backward_grid", "40 levels", {"grid_shape": (12, 40, 3, 30)}),
    _variant("slice_bilateral_grid_backward_grid", "by guide", {"derivative": True}),
    _variant("slice_bilateral_grid_backward_image", "many vertices", grid="fine grid"),
    _variant("slice_bilateral_grid_backward_image", "by guide", {"derivative": True}),
    _variant("slice_bilateral_grid_backward_guide", "many vertices", grid="fine grid"),
)

# fmt: off
OBJECTS = (
    Row("MattingLaplacian", "x", holds="image", build=lambda i: ps.MattingLaplacian(i).__matmul__, derivative="x"),
    Row("MattingLaplacian.diagonal", "", holds="image", build=lambda i: ps.MattingLaplacian(i).diagonal),
    Row("MattingLoss", "x", holds="image", build=ps.MattingLoss, derivative="x", is_picture=False, torch_func=True),
    Row("MaskedGramMatrix", "features", holds="masks", build=ps.MaskedGramMatrix, derivative="features",
        is_picture=False, torch_func=True),
    Row("MaskedGramLoss", "features", holds="targets, masks", build=ps.MaskedGramLoss, derivative="features",
        is_picture=False, torch_func=True),
    Row("LocalAffineSmoothing", "x", holds="image", build=ps.LocalAffineSmoothing),
)
# fmt: on
