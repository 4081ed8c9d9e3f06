"""Linear Monge-Kantorovitch colour transfer, label by label: where an optimisation starts.

F. Pitie, A. Kokaram: "The linear Monge-Kantorovitch linear colour mapping for example-based colour transfer",
CVMP 2007. Of all linear maps that give one Gaussian the mean and covariance of another, it moves colours the
least: x -> T (x - mean_c) + mean_s with the symmetric T of `linear_mk_map`.
"""

from __future__ import annotations

import math

import torch

from .. import ops
from ..errors import PhotostyleError

# Where labels reach a pixel at all, the global map must not show; it only fills what they leave.
_GLOBAL_WEIGHT = 1e-3

# Variance within a window (standard deviation 0.03) below which a mask fades rather than follows the photo.
_GUIDE_VARIANCE = 1e-3


def linear_mk_map(
    mean_c: torch.Tensor, cov_c: torch.Tensor, mean_s: torch.Tensor, cov_s: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """The map x -> T x + offset that carries mean and covariance of the content into those of the style.

        T = S_c^-1/2 (S_c^1/2 S_s S_c^1/2)^1/2 S_c^-1/2,    offset = mean_s - T mean_c

    Means (D,), covariances (D, D) symmetric positive semidefinite, float64 advised. T is symmetric positive
    semidefinite. Directions in which the content does not vary have no defined gain; T maps them to zero.
    Returns (T (D, D), offset (D,)).
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
    """The content photo with each label's colour statistics taken from the same label of the style photo.

    content (3, H, W), style (3, H', W'), RGB in [0, 1]; content_masks (K, H, W), style_masks (K, H', W'),
    non-negative, soft values allowed. Returns (3, H, W) float32 in [0, 1] on the content's device.

    feather         half width of the windows in which neighbouring labels' maps are blended, as a share of
                    the longer side. The blend follows the photo's edges. 0: no blending.
    regularization  variance added to all colour directions of both photos, about the noise of a photo. It
                    keeps a flat or grey region, whose covariance is singular, from being stretched by what
                    little noise it has, and leaves the map the identity where both statistics agree.
    max_gain        no colour direction is stretched by more than this: the colour noise of a grey lake would
                    otherwise turn into speckles under a sunset's colours. Infinity: no limit.

    A label that is empty in either photo is skipped. What no label covers takes the map of the whole photos.
    Raises PhotostyleError for shapes that do not agree and for options out of range.
    """
    _check(content, style, content_masks, style_masks)
    _check_options(feather, regularization, max_gain)
    pixels, style_pixels = (image.detach().double().flatten(1) for image in (content, style))
    style_pixels = style_pixels.to(pixels.device)
    weights, style_weights = (masks.detach().to(pixels).flatten(1) for masks in (content_masks, style_masks))
    used = (weights.sum(1) > 0) & (style_weights.sum(1) > 0)
    weights, style_weights = weights[used], style_weights[used]

    blend = _blend_weights(weights, content, feather)
    everywhere, style_everywhere = (torch.ones_like(image[0]) for image in (pixels, style_pixels))

    result = torch.zeros_like(pixels)
    sources = [*zip(weights, style_weights, strict=True), (everywhere, style_everywhere)]
    for share, (weight, style_weight) in zip(blend, sources, strict=True):
        statistics = _statistics(pixels, weight), _statistics(style_pixels, style_weight)
        transform, offset = _bounded_map(*statistics, regularization, max_gain)
        result += share * (transform @ pixels + offset[:, None])
    return result.clamp(0, 1).float().view(content.shape)


def _blend_weights(weights: torch.Tensor, content: torch.Tensor, feather: float) -> torch.Tensor:
    """How much of each label's map, and last of the global one, a pixel takes: (K + 1, N), sums to one."""
    weights = weights / weights.sum(0).clamp_min(1)
    shares = torch.cat([weights, 1 - weights.sum(0, keepdim=True)])
    image = content.detach().float()
    shares = _feather(shares.to(image).view(-1, *image.shape[1:]), image, feather).flatten(1).clamp_min(0)
    shares[-1] *= _GLOBAL_WEIGHT
    return (shares / shares.sum(0)).to(weights)


def _bounded_map(
    content: tuple[torch.Tensor, torch.Tensor],
    style: tuple[torch.Tensor, torch.Tensor],
    regularization: float,
    max_gain: float,
) -> tuple[torch.Tensor, torch.Tensor]:
    (mean_c, cov_c), (mean_s, cov_s) = content, style
    noise = regularization * torch.eye(len(cov_c)).to(cov_c)
    transform, _ = linear_mk_map(mean_c, cov_c + noise, mean_s, cov_s + noise)
    gains, directions = torch.linalg.eigh(transform)  # T is symmetric: its eigenvalues are its gains
    transform = (directions * gains.clamp(0, max_gain)) @ directions.mT
    return transform, mean_s - transform @ mean_c


def _statistics(pixels: torch.Tensor, weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Weighted mean (3,) and covariance (3, 3) of pixels (3, N)."""
    weight = weight / weight.sum()
    mean = pixels @ weight
    centered = pixels - mean[:, None]
    return mean, (centered * weight) @ centered.mT


def _sqrt_psd(matrix: torch.Tensor) -> torch.Tensor:
    values, vectors = torch.linalg.eigh((matrix + matrix.mT) / 2)
    return (vectors * values.clamp_min(0).sqrt()) @ vectors.mT


def _feather(masks: torch.Tensor, image: torch.Tensor, share: float) -> torch.Tensor:
    """Soften masks (K, H, W) guided by the photo (3, H, W): a guided filter (He, Sun, Tang 2010).

    Around a label's border a mask becomes the affine function of the colours that explains it best, so it
    steps where the photo steps and fades where the photo is smooth. A plain blur would paint a halo beyond
    every edge. Masks that sum to one still do, and a constant mask stays exactly what it is.
    """
    radius = math.ceil(share * max(image.shape[1:]))
    if radius == 0:
        return masks
    softened = ops.guided_filter(masks.contiguous(), image.contiguous(), radius=radius, eps=_GUIDE_VARIANCE)
    low, high = masks.flatten(1).aminmax(dim=1)
    return torch.where((low == high)[:, None, None], masks, softened)


def _check(content: torch.Tensor, style: torch.Tensor, c_masks: torch.Tensor, s_masks: torch.Tensor) -> None:
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
