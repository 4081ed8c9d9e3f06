"""Matrix-free Matting Laplacian.

Levin, Lischinski, Weiss: *A Closed-Form Solution to Natural Image Matting* (PAMI 2008), eq. 5; the product without a
matrix after He, Sun, Tang: *Fast Matting Using Large Kernel Matting Laplacian Matrices* (CVPR 2010), and
*Guided Image Filtering* (ECCV 2010). ``csrc/matting_laplacian/params.h`` states what the kernel computes.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..reference import matting_laplacian as reference
from . import _backend
from ._autograd import differentiable, save
from .checks import (
    RIDGES,
    clip_radius,
    require,
    require_at_least,
    require_batch,
    require_dtype,
    require_image,
    require_integer,
    require_like,
    require_same_device,
    require_same_size,
    require_tensor,
    wants_derivative,
)

_DTYPES = (torch.float32, torch.float64)
LAPLACIAN, GUIDED = 0, 1  # WindowFilter of csrc/matting_laplacian/params.h


def check(x: Tensor, image: Tensor, eps: float, radius: int) -> tuple[float, int]:
    """Raise for what does not fit; returns `eps` and `radius` as plain numbers."""
    require_tensor("x", x)
    require_tensor("image", image)
    require_image("x", x)
    require_image("image", image, 3)
    require_dtype("x", x, _DTYPES)
    if image.dtype == torch.uint8:
        require_same_device("image", image, "x", x)
    else:
        require_like("image", image, "x", x)
    require_same_size("image", image, "x", x)
    require_batch("image", image, "x", x)
    return require_at_least("eps", eps, *RIDGES), require_integer("radius", radius, 1, 1000)


def run(
    x: Tensor, image: Tensor, eps: float, radius: int, mode: int, out: Tensor | None, energy: Tensor | None
) -> None:
    """Run the kernel; `out` (contiguous, like `x`) and `energy` (float64, one per batch item) may be missing."""
    if x.numel() == 0:
        return
    eps, radius = check(x, image, eps, radius)  # the registered ops can be called directly, and may not crash
    if image.dtype == torch.uint8 and _backend.uses_cpu_kernels(x.device):
        image = as_float(image, x)  # the CPU kernels read no bytes
    x, image = x.resolve_neg().contiguous(), image.resolve_neg().contiguous()
    channels, height, width = x.shape[-3:]
    # The kernels' scratch and time grow with the radius, so it is not larger than the image needs.
    if mode == GUIDED:
        radius = clip_radius(radius, x)
    elif 2 * radius + 1 > min(height, width):  # no window lies inside the image
        if out is not None:
            out.zero_()
        return
    _backend.launch(
        "matting_laplacian",
        x.device,
        image=image,
        x=x,
        out=out,
        energy=energy,
        batch=x.numel() // (channels * height * width),
        image_batch=image.numel() // (3 * height * width),
        channels=channels,
        height=height,
        width=width,
        radius=radius,
        eps=eps,
        filter=mode,
        is_double=x.dtype == torch.float64,
        image_is_uint8=image.dtype == torch.uint8,
    )


_backend.LIBRARY.define("matting_laplacian(Tensor x, Tensor image, float eps, int radius) -> Tensor")
_backend.LIBRARY.define("matting_energy(Tensor x, Tensor image, float eps, int radius) -> (Tensor, Tensor)")


def _product(x: Tensor, image: Tensor, eps: float, radius: int) -> Tensor:
    out = torch.empty_like(x, memory_format=torch.contiguous_format)
    run(x, image, eps, radius, LAPLACIAN, out, None)
    return out


def _energy(x: Tensor, image: Tensor, eps: float, radius: int) -> tuple[Tensor, Tensor]:
    out = torch.empty_like(x, memory_format=torch.contiguous_format)
    energy = torch.zeros(x.shape[:-3], dtype=torch.float64, device=x.device)
    run(x, image, eps, radius, LAPLACIAN, out, energy)
    return energy.to(x.dtype), out


def as_float(image: Tensor, x: Tensor) -> Tensor:
    return image.to(x.dtype) / 255 if image.dtype == torch.uint8 else image


def _reference_product(x: Tensor, image: Tensor, eps: float, radius: int) -> Tensor:
    return reference.matting_laplacian(x, as_float(image, x), eps, radius)


def _reference_energy(x: Tensor, image: Tensor, eps: float, radius: int) -> tuple[Tensor, Tensor]:
    product = _reference_product(x, image, eps, radius)
    return (x * product).sum((-3, -2, -1)), product


def like_x(x: Tensor, image: Tensor, eps: float, radius: int) -> Tensor:
    return torch.empty_like(x, memory_format=torch.contiguous_format)


def _energy_like(x: Tensor, image: Tensor, eps: float, radius: int) -> tuple[Tensor, Tensor]:
    return x.new_empty(x.shape[:-3]), like_x(x, image, eps, radius)


_backend.register("matting_laplacian", _product, _reference_product, like_x)
_backend.register("matting_energy", _energy, _reference_energy, _energy_like)


def _save_image(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
    _, image, ctx.eps, ctx.radius = inputs
    save(ctx, image)


def _product_backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None, None]:
    # L is symmetric: the gradient of a linear map is the map itself.
    return _product_jvp(ctx, grad), None, None, None


def _product_jvp(ctx: Any, tangent: Tensor, *_: Any) -> Tensor:
    (image,) = ctx.saved_tensors
    return _differentiable_product(tangent, image, ctx.eps, ctx.radius)


def _save_product(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    _, image, ctx.eps, ctx.radius = inputs
    save(ctx, image, output[1])
    ctx.set_materialize_grads(False)


def _energy_backward(
    ctx: Any, grad_energy: Tensor | None, grad_product: Tensor | None
) -> tuple[Tensor | None, None, None, None]:
    # The product is an output too, so it carries its own graph and a second derivative comes for free.
    image, product = ctx.saved_tensors
    grad = None if grad_energy is None else 2 * grad_energy[..., None, None, None] * product
    if grad_product is not None:
        through = _differentiable_product(grad_product, image, ctx.eps, ctx.radius)
        grad = through if grad is None else grad + through
    return grad, None, None, None


def _energy_jvp(ctx: Any, tangent: Tensor, *_: Any) -> tuple[Tensor, Tensor]:
    image, product = ctx.saved_tensors
    along = 2 * (product * tangent).sum((-3, -2, -1))
    return along, _differentiable_product(tangent, image, ctx.eps, ctx.radius)


_differentiable_product = differentiable(
    "matting_laplacian", _save_image, _product_backward, _product_jvp, dims=(3, 3), shared=(1,)
)
_differentiable_energy = differentiable(
    "matting_energy", _save_product, _energy_backward, _energy_jvp, dims=(3, 3), shared=(1,)
)


def _no_image_gradient(image: Tensor) -> None:
    if wants_derivative(image):
        raise NotImplementedError("the gradient with respect to `image` is not implemented: pass image.detach()")


def _overlap(a: Tensor, b: Tensor) -> bool:
    """Whether the memory behind two tensors overlaps, also when both view a third party's buffer."""
    first, second = a.untyped_storage(), b.untyped_storage()
    if a.device != b.device or 0 in (first.nbytes(), second.nbytes()):
        return False
    start, other = first.data_ptr(), second.data_ptr()
    return start < other + second.nbytes() and other < start + first.nbytes()


def matting_laplacian(
    x: Tensor, image: Tensor, *, eps: float = 1e-7, radius: int = 1, out: Tensor | None = None
) -> Tensor:
    """Product L x with the Matting Laplacian L of a guide image, without building L.

    Args:
        x: values of shape (..., C, H, W), float32 or float64, any number of channels.
        image: guide colours of shape (3, H, W), or with the batch dimensions of `x`; same dtype and device.
        eps: regularisation of the windows' colour covariance, which becomes S + eps / n with n = (2 radius + 1)^2;
            from 1e-12 to 1e30. The published value, 1e-7, is for colours in [0, 1].
        radius: windows have (2 radius + 1)^2 pixels. Only windows that lie wholly inside the image count, so an
            image smaller than one window gives zero.
        out: contiguous tensor like `x`, not overlapping it, to write to. Nothing is recorded for autograd and, once
            scratch of O(radius^2 + tile) has been allocated, nothing is allocated.

    Returns:
        L x, shaped like `x`. Differentiable in `x` (any order); not in `image`.

    Raises:
        PhotostyleError: an argument does not fit the above.
        NotImplementedError: `image` requires a gradient.

    Source: Levin, Lischinski, Weiss 2008, eq. 5; He, Sun, Tang 2010 (matrix-free form). Computed in float64
    inside; float32 results are within 1e-6 (relative L2) of exact ones, grey and flat images included. The
    same bits for any number of threads.
    """
    eps, radius = check(x, image, eps, radius)
    _no_image_gradient(image)
    if out is None:
        return _differentiable_product(x, image, eps, radius)
    require_tensor("out", out)
    require_like("out", out, "x", x)
    require(out.shape == x.shape, f"`out` must have x's shape {tuple(x.shape)}, got {tuple(out.shape)}")
    require(out.is_contiguous(), "`out` must be contiguous")
    require(
        not wants_derivative(x, out),
        "`out=` does not record a gradient: use it under torch.no_grad() or with detached tensors",
    )
    for name, other in (("x", x), ("image", image)):
        require(not _overlap(out, other), f"`out` must not share memory with `{name}`")
    if x.device.type == "cpu" or _backend.CUDA is not None:
        torch.autograd.graph.increment_version(out)  # so that autograd notices if it needed the old values
        run(x, image, eps, radius, LAPLACIAN, out, None)
        return out
    return out.copy_(torch.ops.photostyle.matting_laplacian(x, image, eps, radius))


def matting_energy(x: Tensor, image: Tensor, *, eps: float = 1e-7, radius: int = 1) -> Tensor:
    """Matting energy, sum over channels of x^T L x; its gradient 2 L x is computed in the same pass.

    Args:
        x: values of shape (..., C, H, W), float32 or float64.
        image, eps, radius: as for `matting_laplacian`.

    Returns:
        Shape (...): one energy per batch item, summed in float64, never negative, in the dtype of `x`.
        Differentiable in `x`, any number of times; not in `image`.

    Raises:
        PhotostyleError: an argument does not fit the above.
        NotImplementedError: `image` requires a gradient.

    Source: Luan et al. 2017, eq. 2 (photorealism regularisation).
    """
    eps, radius = check(x, image, eps, radius)
    _no_image_gradient(image)
    return _differentiable_energy(x, image, eps, radius)[0]
