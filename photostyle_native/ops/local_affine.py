"""Locally affine colour maps: fit, edge-aware smoothing, and lifting to another resolution.

The last step of Luan et al. 2017 as in the authors' released code (fit, smooth, apply), and joint bilateral
upsampling of the fitted maps (Kopf, Cohen, Lischinski, Uyttendaele: *Joint Bilateral Upsampling*, SIGGRAPH
2007). ``csrc/local_affine/params.h`` states what the kernels compute.

A map is 12 planes, for the red, green and blue output in turn A_r, A_g, A_b, b: output = A content + b.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..reference import local_affine as reference
from . import _backend
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
    require_same_size,
    require_tensor,
    wants_derivative,
)

_DTYPES = (torch.float32, torch.float64)
_MAX_RADIUS = 1000
_MAX_UPSAMPLE_RADIUS = 32
_MIN_SIGMA = 1e-6


def _check_pair(name: str, value: Tensor, channels: int, other_name: str, content: Tensor) -> None:
    require_tensor(name, value)
    require_tensor(other_name, content)
    require_image(name, value, channels)
    require_image(other_name, content, 3)
    require_dtype(name, value, _DTYPES)
    require_like(other_name, content, name, value)
    require_same_size(other_name, content, name, value)
    require_batch(other_name, content, name, value)


def _check_smoothing(radius: int, sigma_space: float | None, sigma_color: float) -> tuple[int, float, float]:
    """The smoothing's arguments, checked, as plain numbers; the default of `sigma_space` depends on the radius."""
    radius = require_integer("radius", radius, 1, _MAX_RADIUS)
    sigma_space = radius / 3 if sigma_space is None else require_at_least("sigma_space", sigma_space, _MIN_SIGMA)
    return radius, sigma_space, require_at_least("sigma_color", sigma_color, _MIN_SIGMA)


def _check_fit(radius_name: str, radius: int, ridge: float) -> tuple[int, float]:
    return require_integer(radius_name, radius, 1, _MAX_RADIUS), require_at_least("ridge", ridge, *RIDGES)


def _check_upsample(
    coefs: Tensor, guide: Tensor, photo: Tensor, radius: int, sigma_space: float, sigma_color: float
) -> tuple[int, float, float]:
    for name, value, channels in (("coefs", coefs, 12), ("guide", guide, 3), ("photo", photo, 3)):
        require_tensor(name, value)
        shape = tuple(value.shape)
        require(
            value.dim() == 3 and shape[0] == channels,
            f"`{name}` must have shape ({channels}, H, W), got {shape}",
        )
        require_dtype(name, value, (torch.float32,))
        require_like(name, value, "coefs", coefs)
    require_same_size("guide", guide, "coefs", coefs)
    require(guide.numel() > 0 or photo.numel() == 0, f"`guide` must have pixels, got {tuple(guide.shape)}")
    return (
        require_integer("radius", radius, 0, _MAX_UPSAMPLE_RADIUS),
        require_at_least("sigma_space", sigma_space, _MIN_SIGMA),
        require_at_least("sigma_color", sigma_color, _MIN_SIGMA),
    )


def _no_gradient(op: str, *tensors: Tensor) -> None:
    if wants_derivative(*tensors):
        raise NotImplementedError(f"`{op}` has no gradient: pass detached tensors")


def _batch(value: Tensor) -> int:
    """The number of images in a tensor (..., C, H, W) that is not empty."""
    return value.numel() // value.shape[-3:].numel()


def _fit(output: Tensor, content: Tensor, radius: int, ridge: float) -> Tensor:
    coefs = _map_like(output)
    if output.numel() == 0:
        return coefs
    _check_pair("output", output, 3, "content", content)  # the registered ops can be called directly
    radius, ridge = _check_fit("radius", radius, ridge)
    output, content = output.contiguous(), content.contiguous()
    _backend.launch(
        "fit_local_affine",
        output.device,
        content=content,
        output=output,
        coefs=coefs,
        batch=_batch(output),
        content_batch=_batch(content),
        height=output.shape[-2],
        width=output.shape[-1],
        radius=clip_radius(radius, output),
        ridge=ridge,
        is_double=output.dtype == torch.float64,
    )
    return coefs


def _launch_smooth(
    coefs: Tensor,
    content: Tensor,
    radius: int,
    sigma_space: float,
    sigma_color: float,
    out: Tensor | None,
    applied: Tensor | None,
) -> None:
    """Run the kernel; the smoothed coefficients or the map applied to the content may be unwanted."""
    if coefs.numel() == 0:
        return
    _check_pair("coefs", coefs, 12, "content", content)
    radius, sigma_space, sigma_color = _check_smoothing(radius, sigma_space, sigma_color)
    coefs, content = coefs.contiguous(), content.contiguous()
    _backend.launch(
        "smooth_affine_coefficients",
        coefs.device,
        coefs=coefs,
        guide=content,
        out=out,
        applied=applied,
        batch=_batch(coefs),
        guide_batch=_batch(content),
        height=coefs.shape[-2],
        width=coefs.shape[-1],
        radius=clip_radius(radius, coefs),
        sigma_space=sigma_space,
        sigma_color=sigma_color,
        is_double=coefs.dtype == torch.float64,
    )


def _coefficients(coefs: Tensor, content: Tensor, radius: int, sigma_space: float, sigma_color: float) -> Tensor:
    out = _like_first(coefs)
    _launch_smooth(coefs, content, radius, sigma_space, sigma_color, out, None)
    return out


def _smooth(
    output: Tensor,
    content: Tensor,
    patch_radius: int,
    ridge: float,
    radius: int,
    sigma_space: float,
    sigma_color: float,
) -> Tensor:
    coefs = _fit(output, content, patch_radius, ridge)
    applied = _like_first(output)
    _launch_smooth(coefs, content, radius, sigma_space, sigma_color, None, applied)
    return applied


def _upsample(
    coefs: Tensor, guide: Tensor, photo: Tensor, radius: int, sigma_space: float, sigma_color: float
) -> Tensor:
    out = _like_first(photo)
    if photo.numel() == 0:
        return out
    radius, sigma_space, sigma_color = _check_upsample(coefs, guide, photo, radius, sigma_space, sigma_color)
    coefs, guide, photo = coefs.contiguous(), guide.contiguous(), photo.contiguous()
    _backend.launch(
        "upsample_local_affine",
        photo.device,
        coefs=coefs,
        guide=guide,
        photo=photo,
        out=out,
        low_height=guide.shape[-2],
        low_width=guide.shape[-1],
        height=photo.shape[-2],
        width=photo.shape[-1],
        radius=radius,
        sigma_space=sigma_space,
        sigma_color=sigma_color,
    )
    return out


def _map_like(image: Tensor, *_: Any) -> Tensor:
    return image.new_empty((*image.shape[:-3], 12, *image.shape[-2:]))


def _like_first(first: Tensor, *_: Any) -> Tensor:
    return torch.empty_like(first, memory_format=torch.contiguous_format)


def _like_photo(coefs: Tensor, guide: Tensor, photo: Tensor, *_: Any) -> Tensor:
    return torch.empty_like(photo, memory_format=torch.contiguous_format)


_PAIR, _SIGMAS = "Tensor output, Tensor content", "int radius, float sigma_space, float sigma_color"
_FIT, _SMOOTH = f"{_PAIR}, int radius, float ridge", f"{_PAIR}, int patch_radius, float ridge, {_SIGMAS}"
_COEFFICIENTS = f"Tensor coefs, Tensor content, {_SIGMAS}"
_UPSAMPLE = f"Tensor coefs, Tensor guide, Tensor photo, {_SIGMAS}"

for _name, _arguments, _native, _fake in (
    ("fit_local_affine", _FIT, _fit, _map_like),
    ("smooth_affine_coefficients", _COEFFICIENTS, _coefficients, _like_first),
    ("smooth_local_affine", _SMOOTH, _smooth, _like_first),
    ("upsample_local_affine", _UPSAMPLE, _upsample, _like_photo),
):
    _backend.LIBRARY.define(f"{_name}({_arguments}) -> Tensor")
    _backend.register(_name, _native, getattr(reference, _name), _fake)


def fit_local_affine(output: Tensor, content: Tensor, *, radius: int = 1, ridge: float = 1e-3) -> Tensor:
    """Fit, around every pixel, the affine colour map from the content to the output.

    Args:
        output: shape (..., 3, H, W), float32 or float64.
        content: shape (3, H, W), or with the batch dimensions of `output`; same dtype and device.
        radius: patches have (2 radius + 1)^2 pixels and are cut at the border; 1 to 1000.
        ridge: weight of ``|A|_F^2`` against the sum (not the mean) of squared residuals over the patch, in
            squared units of `content`; from 1e-12 to 1e30. The offset b is free.

    Returns:
        Shape (..., 12, H, W): for the red, green and blue output in turn A_r, A_g, A_b, b. Computed in
        float64 inside. The same bits for any number of threads.

    Raises:
        PhotostyleError: an argument does not fit the above.
        NotImplementedError: a gradient is asked for.

    Source: Luan et al. 2017, the authors' released code (3x3 patches, ridge 1e-3).
    """
    _check_pair("output", output, 3, "content", content)
    radius, ridge = _check_fit("radius", radius, ridge)
    _no_gradient("fit_local_affine", output, content)
    return torch.ops.photostyle.fit_local_affine(output, content, radius, ridge)


def apply_local_affine(coefs: Tensor, image: Tensor) -> Tensor:
    """Apply a map per pixel: A image + b, not clamped.

    Args:
        coefs: shape (..., 12, H, W), as from `fit_local_affine`.
        image: shape (3, H, W), or with the batch dimensions of `coefs`; same dtype and device.

    Returns:
        Shape (..., 3, H, W). Plain PyTorch on any device, differentiable in both.

    Raises:
        PhotostyleError: an argument does not fit the above.
    """
    _check_pair("coefs", coefs, 12, "image", image)
    return reference.apply_local_affine(coefs, image)


def smooth_affine_coefficients(
    coefs: Tensor,
    content: Tensor,
    *,
    radius: int = 15,
    sigma_space: float | None = None,
    sigma_color: float = 0.01,
) -> Tensor:
    """Joint bilateral filter of a map's coefficients, guided by the content.

    Args:
        coefs: shape (..., 12, H, W), float32 or float64.
        content: shape (3, H, W), or with the batch dimensions of `coefs`; same dtype and device.
        radius: windows have (2 radius + 1)^2 pixels and are cut at the border; 1 to 1000. The cost grows with
            its square.
        sigma_space: standard deviation of the spatial weight in pixels, at least 1e-6; None: radius / 3.
        sigma_color: standard deviation of the colour weight (distance in RGB), in units of `content`; at
            least 1e-6.

    Returns:
        Shaped like `coefs`. The same bits for any number of threads.

    Raises:
        PhotostyleError: an argument does not fit the above.
        NotImplementedError: a gradient is asked for.

    Source: Luan et al. 2017, the authors' released code.
    """
    _check_pair("coefs", coefs, 12, "content", content)
    radius, sigma_space, sigma_color = _check_smoothing(radius, sigma_space, sigma_color)
    _no_gradient("smooth_affine_coefficients", coefs, content)
    return torch.ops.photostyle.smooth_affine_coefficients(coefs, content, radius, sigma_space, sigma_color)


def smooth_local_affine(
    output: Tensor,
    content: Tensor,
    *,
    patch_radius: int = 1,
    ridge: float = 1e-3,
    radius: int = 15,
    sigma_space: float | None = None,
    sigma_color: float = 0.01,
) -> Tensor:
    """Make an output photographic: replace it by a smooth locally affine recolouring of its content.

    Args:
        output: shape (..., 3, H, W), float32 or float64.
        content: shape (3, H, W), or with the batch dimensions of `output`; same dtype and device.
        patch_radius, ridge: of the fit, see `fit_local_affine`.
        radius, sigma_space, sigma_color: of the smoothing, see `smooth_affine_coefficients`.

    Returns:
        Shaped like `output`, not clamped. Not differentiable. The same bits for any number of threads.

    Raises:
        PhotostyleError: an argument does not fit the above.
        NotImplementedError: a gradient is asked for.

    Source: Luan et al. 2017, the last step of the authors' released code, whose constants are the defaults.
    """
    _check_pair("output", output, 3, "content", content)
    patch_radius, ridge = _check_fit("patch_radius", patch_radius, ridge)
    radius, sigma_space, sigma_color = _check_smoothing(radius, sigma_space, sigma_color)
    _no_gradient("smooth_local_affine", output, content)
    return torch.ops.photostyle.smooth_local_affine(
        output, content, patch_radius, ridge, radius, sigma_space, sigma_color
    )


def upsample_local_affine(
    coefs: Tensor,
    guide: Tensor,
    photo: Tensor,
    *,
    radius: int = 2,
    sigma_space: float = 0.7,
    sigma_color: float = 0.15,
) -> Tensor:
    """Lift a map to the size of a photo and apply it there.

    Args:
        coefs: the map, shape (12, h, w), float32.
        guide: the photo at the size of the map, shape (3, h, w), float32.
        photo: the photo, shape (3, H, W), float32; any size, even smaller than the guide.
        radius: every pixel mixes the (2 radius + 1)^2 maps around it, cut at the border; 0 (only the nearest
            map) to 32.
        sigma_space: standard deviation of the spatial weight in low-resolution pixels; at least 1e-6.
        sigma_color: standard deviation of the colour weight between `photo` and `guide`, in their units
            (distance in RGB); at least 1e-6. Weights are relative to the largest, so a colour may be far from
            all of the guide's.

    Returns:
        Shape (3, H, W), float32, not clamped. Needs no memory beyond that. The same bits for any number of
        threads.

    Raises:
        PhotostyleError: an argument does not fit the above.
        NotImplementedError: a gradient is asked for.

    Source: Kopf, Cohen, Lischinski, Uyttendaele 2007, eq. 3, on coefficients instead of colours.
    """
    radius, sigma_space, sigma_color = _check_upsample(coefs, guide, photo, radius, sigma_space, sigma_color)
    _no_gradient("upsample_local_affine", coefs, guide, photo)
    return torch.ops.photostyle.upsample_local_affine(coefs, guide, photo, radius, sigma_space, sigma_color)
