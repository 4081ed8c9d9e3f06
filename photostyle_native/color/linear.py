"""Linear Monge-Kantorovitch colour transfer, label by label; `transport` begins with it.

F. Pitie, A. Kokaram: "The linear Monge-Kantorovitch linear colour mapping for example-based colour transfer",
CVMP 2007. Among the linear maps that give one Gaussian the mean and covariance of another, this one moves colours
least: x -> T (x - mean_c) + mean_s with the symmetric T of `linear_mk_map`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import torch

from .. import ops
from ..errors import PhotostyleError

Statistics: TypeAlias = tuple[torch.Tensor, torch.Tensor]  # mean (3,) and covariance (3, 3)
AffineMap: TypeAlias = tuple[torch.Tensor, torch.Tensor]  # matrix (3, 3) and offset (3,)

# Factor of the global map's weight: the map matters only in pixels that no label's map reaches.
_GLOBAL_WEIGHT = 1e-3

# In windows whose variance is below this (standard deviation 0.03) a mask is blurred and does not follow the photo.
_GUIDE_VARIANCE = 1e-3


def linear_mk_map(
    mean_c: torch.Tensor, cov_c: torch.Tensor, mean_s: torch.Tensor, cov_s: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """The map x -> T x + offset that turns the content's mean and covariance into those of the style.

        T = S_c^-1/2 (S_c^1/2 S_s S_c^1/2)^1/2 S_c^-1/2,    offset = mean_s - T mean_c

    Args:
        mean_c, mean_s: the means of content and style, (D,), preferably float64.
        cov_c, cov_s: their covariances S_c and S_s, (D, D), symmetric positive semidefinite.

    Returns:
        T, (D, D), symmetric positive semidefinite, and the offset, (D,). In directions in which the content does not
        vary the gain is undefined; there T is zero.
    """
    values, vectors = torch.linalg.eigh(cov_c)
    floor = values.amax(-1, keepdim=True).clamp_min(0) * torch.finfo(values.dtype).eps * len(values)
    varies = values > floor
    root = torch.where(varies, values, 0).sqrt()
    inverse_root = torch.where(varies, values, torch.inf).rsqrt()
    half = (vectors * root) @ vectors.mT
    inverse_half = (vectors * inverse_root) @ vectors.mT
    transform = inverse_half @ _sqrt_psd(half @ cov_s @ half) @ inverse_half
    transform = (transform + transform.mT) / 2
    return transform, mean_s - transform @ mean_c


def masked_mk_transfer(
    content: torch.Tensor,
    style: torch.Tensor,
    content_masks: torch.Tensor,
    style_masks: torch.Tensor,
    *,
    feather: float = 0.03,
    regularization: float = 1e-4,
    max_gain: float = 5.0,
) -> torch.Tensor:
    """Give each label of the content photo the mean and covariance of the same label's colours in the style photo.

    A label whose mask is empty in either photo is skipped. Pixels without a label take the map between the whole
    photos.

    Args:
        content, style: (3, H, W) and (3, H', W'), RGB in [0, 1].
        content_masks, style_masks: (K, H, W) and (K, H', W'), non-negative, soft values allowed.
        feather: half the width of the windows in which the maps of neighbouring labels are blended, as a share of
            the longer side. The blend follows the edges of the photo. 0 means no blending.
        regularization: a variance, about that of a photo's noise, which is added to all colour directions of both
            photos. Without it, a flat or grey region, whose covariance is singular, would be stretched according to
            its small noise. Where both statistics agree, the map remains the identity.
        max_gain: the largest factor by which a colour direction is stretched. It prevents that the colour noise of,
            say, a grey lake becomes speckles in the colours of a sunset. Infinity means no limit.

    Returns:
        (3, H, W), float32 in [0, 1], on the content's device.

    Raises:
        PhotostyleError: the shapes do not agree, a mask is negative, or an option is out of range.
    """
    check_masked_photos(content, style, content_masks, style_masks)
    _check_options(feather, regularization, max_gain)

    def fit(content_pixels: Statistics, style_pixels: Statistics) -> AffineMap:
        return _bounded_map(content_pixels, style_pixels, regularization, max_gain)

    pixels, style_pixels = (image.detach().double().flatten(1) for image in (content, style))
    moved = move_by_label(pixels, style_pixels, content, content_masks, style_masks, fit, feather)
    return moved.clamp(0, 1).float().view(content.shape)


def move_by_label(
    pixels: torch.Tensor,
    style_pixels: torch.Tensor,
    guide: torch.Tensor,
    content_masks: torch.Tensor,
    style_masks: torch.Tensor,
    fit: Callable[[Statistics, Statistics], AffineMap],
    feather: float,
) -> torch.Tensor:
    """Give each label's pixels an affine map of its own, and blend the maps along the edges of the photo.

    Args:
        pixels, style_pixels: (3, N) and (3, N'), float64, in any colour space.
        guide: the content photo, (3, H, W), along whose edges the maps are blended; N = H W.
        content_masks, style_masks: (K, H, W) and (K, H', W'). Pixels that no label reaches take the map that
            is fitted to all pixels.
        fit: makes the matrix (3, 3) and the offset (3,) of a label from means and covariances of both photos.
        feather: as for `masked_mk_transfer`.

    Returns:
        The moved pixels, (3, N), float64.
    """
    style_pixels = style_pixels.to(pixels.device)
    weights, style_weights = (masks.detach().to(pixels).flatten(1) for masks in (content_masks, style_masks))
    used = (weights.sum(1) > 0) & (style_weights.sum(1) > 0)
    weights, style_weights = weights[used], style_weights[used]
    blend = _blend_weights(weights, guide, feather)
    everywhere, style_everywhere = (torch.ones_like(image[0]) for image in (pixels, style_pixels))
    result = torch.zeros_like(pixels)
    sources = [*zip(weights, style_weights, strict=True), (everywhere, style_everywhere)]
    for share, (weight, style_weight) in zip(blend, sources, strict=True):
        statistics = _statistics(pixels, weight), _statistics(style_pixels, style_weight)
        transform, offset = (t.to(pixels) for t in fit(*statistics))
        result += share * (transform @ pixels + offset[:, None])
    return result


def _blend_weights(weights: torch.Tensor, content: torch.Tensor, feather: float) -> torch.Tensor:
    """The weights of the labels' maps, and last of the global map, in every pixel: (K + 1, N), with sum one."""
    weights = weights / weights.sum(0).clamp_min(1)
    shares = torch.cat([weights, 1 - weights.sum(0, keepdim=True)])
    image = content.detach().float()
    shares = feathered(shares.to(image).view(-1, *image.shape[1:]), image, feather).flatten(1).clamp_min(0)
    shares[-1] *= _GLOBAL_WEIGHT
    return (shares / shares.sum(0)).to(weights)


def _bounded_map(content: Statistics, style: Statistics, regularization: float, max_gain: float) -> AffineMap:
    (mean_c, cov_c), (mean_s, cov_s) = content, style
    noise = regularization * torch.eye(len(cov_c)).to(cov_c)
    transform, _ = linear_mk_map(mean_c, cov_c + noise, mean_s, cov_s + noise)
    gains, directions = torch.linalg.eigh(transform)  # T is symmetric: its eigenvalues are its gains
    transform = (directions * gains.clamp(0, max_gain)) @ directions.mT
    return transform, mean_s - transform @ mean_c


def _statistics(pixels: torch.Tensor, weight: torch.Tensor) -> Statistics:
    """Weighted mean (3,) and covariance (3, 3) of pixels (3, N), on the CPU, which is fastest with small matrices."""
    weight = weight / weight.sum()
    mean = pixels @ weight
    centered = pixels - mean[:, None]
    return mean.cpu(), ((centered * weight) @ centered.mT).cpu()


def _sqrt_psd(matrix: torch.Tensor) -> torch.Tensor:
    values, vectors = torch.linalg.eigh((matrix + matrix.mT) / 2)
    return (vectors * values.clamp_min(0).sqrt()) @ vectors.mT


def feathered(
    masks: torch.Tensor, image: torch.Tensor, share: float, variance: float = _GUIDE_VARIANCE
) -> torch.Tensor:
    """Soften masks (K, H, W) by a guided filter (He, Sun, Tang 2010) whose guide is the photo (3, H, W), float32.

    Near the border of a label, the mask becomes the affine function of the colours that fits it best. So it is steep
    at the edges of the photo and gradual where the photo is smooth; a plain blur would make a halo along every edge.
    Masks that sum to one still do so, and a constant mask stays exactly the same. Values may leave [0, 1] a little.

    `share` is the radius of the windows as a share of the longer side. In windows whose variance is below `variance`
    a mask is blurred and does not follow the photo.
    """
    radius = math.ceil(share * max(image.shape[1:]))
    if radius == 0:
        return masks
    low, high = masks.flatten(1).aminmax(dim=1)
    if bool((low == high).all()):
        return masks
    softened = ops.guided_filter(masks.contiguous(), image.contiguous(), radius=radius, eps=variance)
    return torch.where((low == high)[:, None, None], masks, softened)


def check_masked_photos(
    content: torch.Tensor, style: torch.Tensor, c_masks: torch.Tensor, s_masks: torch.Tensor
) -> None:
    """Raise PhotostyleError unless these are two photos (3, H, W) with as many masks each, none negative."""
    for image, name in ((content, "content"), (style, "style")):
        if image.dim() != 3 or image.shape[0] != 3 or image.numel() == 0:
            raise PhotostyleError(f"`{name}` must have shape (3, H, W), got {tuple(image.shape)}")
    pairs = ((c_masks, content, "content"), (s_masks, style, "style"))
    for masks, image, name in pairs:
        if masks.dim() != 3 or masks.shape[1:] != image.shape[1:]:
            raise PhotostyleError(
                f"`{name}_masks` must have shape (K, {image.shape[1]}, {image.shape[2]}) as `{name}`,"
                f" got {tuple(masks.shape)}"
            )
        if masks.numel() and masks.min() < 0:
            raise PhotostyleError(f"`{name}_masks` must not be negative, got {float(masks.min()):.3g}")
    if len(c_masks) != len(s_masks):
        raise PhotostyleError(
            f"`content_masks` and `style_masks` must have the same K, got {len(c_masks)} and {len(s_masks)}"
        )


def _check_options(feather: float, regularization: float, max_gain: float) -> None:
    if not 0 <= feather <= 1:
        raise PhotostyleError(f"`feather` must be in [0, 1], got {feather}")
    if not 0 < regularization < math.inf:
        raise PhotostyleError(f"`regularization` must be positive, got {regularization}")
    if not max_gain >= 1:
        raise PhotostyleError(f"`max_gain` must be at least 1, got {max_gain}")
