"""Locally affine colour maps by the definition: a least-squares fit per patch, and bilateral sums tap by tap.

A map has 12 coefficients per pixel: for the red, green and blue output in turn, A_r, A_g, A_b, b. Colours are in
[0, 1], and radii and spatial deviations in pixels.

Sources: Luan, Paris, Shechtman, Bala: Deep Photo Style Transfer (2017), the authors' released code; Kopf, Cohen,
Lischinski, Uyttendaele: Joint Bilateral Upsampling (2007).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def _patches(image: Tensor, radius: int) -> Tensor:
    """The patch of n pixels around every pixel, zero outside the image: (B, C, H, W) -> (B, H, W, n, C)."""
    span = 2 * radius + 1
    padded = F.pad(image, (radius,) * 4)
    return padded.unfold(-2, span, 1).unfold(-2, span, 1).flatten(-2).permute(0, 2, 3, 4, 1)


def fit_local_affine(output: Tensor, content: Tensor, radius: int = 1, ridge: float = 1e-3) -> Tensor:
    """Fit the map from content to output around every pixel: least squares of A I + b = O over the patch.

    Args:
        output: O, shape (..., 3, H, W).
        content: I, shape (3, H, W), or with the batch dimensions of `output`.
        radius: patches have (2 radius + 1)^2 pixels and are cut at the border.
        ridge: weight of |A|_F^2 against the sum of squared residuals, in squared units of `content`.

    Returns:
        The maps, shape (..., 12, H, W).
    """
    flat = output.reshape(-1, *output.shape[-3:])
    guide = content.expand(output.shape).reshape(flat.shape)
    inside = _patches(torch.ones_like(flat[:, :1]), radius)
    count = inside.sum(-2, keepdim=True)
    colors, values = _patches(guide, radius), _patches(flat, radius)
    mean_color, mean_value = colors.sum(-2, keepdim=True) / count, values.sum(-2, keepdim=True) / count
    colors, values = (colors - mean_color) * inside, (values - mean_value) * inside
    eye = torch.eye(3, dtype=flat.dtype, device=flat.device)
    slopes = torch.cholesky_solve(colors.mT @ values, torch.linalg.cholesky(colors.mT @ colors + ridge * eye))
    offset = mean_value - mean_color @ slopes
    rows = torch.cat([slopes, offset], -2).mT  # (B, H, W, 3 outputs, 4)
    return rows.flatten(-2).permute(0, 3, 1, 2).reshape(*output.shape[:-3], 12, *output.shape[-2:])


def apply_local_affine(coefs: Tensor, image: Tensor) -> Tensor:
    """Apply a map per pixel, A I + b: (..., 12, H, W) and (..., 3, H, W) -> (..., 3, H, W), not clamped."""
    rows = coefs.unflatten(-3, (3, 4))
    return (rows[..., :3, :, :] * image.unsqueeze(-4)).sum(-3) + rows[..., 3, :, :]


def _distance2(a: Tensor, b: Tensor) -> Tensor:
    """Squared distance of two colours: (..., 3, H, W) twice -> (..., 1, H, W)."""
    return (a - b).square().sum(-3, keepdim=True)


def smooth_affine_coefficients(
    coefs: Tensor, content: Tensor, radius: int = 15, sigma_space: float = 5.0, sigma_color: float = 0.01
) -> Tensor:
    """Smooth a map's coefficients by a joint bilateral filter, guided by the content.

    Args:
        coefs: shape (..., 12, H, W).
        content: shape (3, H, W), or with the batch dimensions of `coefs`.
        radius: windows have (2 radius + 1)^2 pixels and are cut at the border.
        sigma_space: standard deviation of the spatial weight, in pixels.
        sigma_color: standard deviation of the colour weight, in units of `content`.

    Returns:
        Shaped like `coefs`.
    """
    height, width = coefs.shape[-2:]
    sums = torch.zeros_like(coefs)
    weights = torch.zeros_like(coefs[..., :1, :, :])
    for dy in range(-min(radius, height - 1), min(radius, height - 1) + 1):
        for dx in range(-min(radius, width - 1), min(radius, width - 1) + 1):
            here = (..., slice(max(0, -dy), height - max(0, dy)), slice(max(0, -dx), width - max(0, dx)))
            there = (..., slice(max(0, dy), height + min(0, dy)), slice(max(0, dx), width + min(0, dx)))
            space = (dx * dx + dy * dy) / (2 * sigma_space**2)
            weight = torch.exp(-space - _distance2(content[here], content[there]) / (2 * sigma_color**2))
            sums[here] += weight * coefs[there]
            weights[here] += weight
    return sums / weights


def smooth_local_affine(
    output: Tensor,
    content: Tensor,
    patch_radius: int = 1,
    ridge: float = 1e-3,
    radius: int = 15,
    sigma_space: float = 5.0,
    sigma_color: float = 0.01,
) -> Tensor:
    """Fit a map, smooth it and apply it to the content: (..., 3, H, W) twice -> (..., 3, H, W).

    See `fit_local_affine` for `patch_radius` and `ridge`, and `smooth_affine_coefficients` for the rest.
    """
    coefs = fit_local_affine(output, content, patch_radius, ridge)
    return apply_local_affine(smooth_affine_coefficients(coefs, content, radius, sigma_space, sigma_color), content)


def _axis(low: int, full: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """On one axis, the position of each pixel of the photo among the pixels of the map, and the nearest of these."""
    pixels = torch.arange(full, device=device)
    position = (pixels.double() + 0.5) * low / full - 0.5
    return position, (2 * pixels + 1) * low // (2 * full)  # floor(position + 1/2), exactly


def upsample_local_affine(
    coefs: Tensor,
    guide: Tensor,
    photo: Tensor,
    radius: int = 2,
    sigma_space: float = 0.7,
    sigma_color: float = 0.15,
) -> Tensor:
    """Enlarge a map to the size of a photo by joint bilateral upsampling (Kopf et al. 2007, eq. 3), and apply it.

    Args:
        coefs: the map, shape (12, h, w).
        guide: the photo at the size of the map, shape (3, h, w).
        photo: shape (3, H, W).
        radius: each pixel mixes the (2 radius + 1)^2 maps around it, cut at the border.
        sigma_space: standard deviation of the spatial weight, in low-resolution pixels.
        sigma_color: standard deviation of the colour weight between `photo` and `guide`, in their units.

    Returns:
        Shape (3, H, W), not clamped.
    """
    (low_height, low_width), (height, width) = guide.shape[-2:], photo.shape[-2:]
    y, row = _axis(low_height, height, photo.device)
    x, column = _axis(low_width, width, photo.device)
    taps = [(dy, dx) for dy in range(-radius, radius + 1) for dx in range(-radius, radius + 1)]
    out = torch.empty_like(photo)

    for band in torch.arange(height, device=photo.device).split(256):  # bands need less memory than a photo

        def tap(dy: int, dx: int, band: Tensor = band) -> tuple[Tensor, Tensor]:
            """The exponent of the weight and the coefficients of one tap, for the pixels of a band."""
            i, j = row[band] + dy, column + dx
            inside = ((i >= 0) & (i < low_height))[:, None] & ((j >= 0) & (j < low_width))
            space = (i - y[band]).square()[:, None] + (j - x).square()
            at = (slice(None), i.clamp(0, low_height - 1)[:, None], j.clamp(0, low_width - 1))
            color = _distance2(photo[:, band], guide[at])
            exponent = -space.to(photo.dtype) / (2 * sigma_space**2) - color / (2 * sigma_color**2)
            return exponent.masked_fill(~inside, -torch.inf), coefs[at]

        best = torch.stack([tap(*t)[0] for t in taps]).amax(0)  # subtracted, so that the largest weight is 1
        sums, weights = torch.zeros_like(coefs[:, :1, :1]), torch.zeros_like(best)
        for t in taps:
            exponent, values = tap(*t)
            weight = torch.exp(exponent - best)
            sums = sums + weight * values
            weights = weights + weight
        out[:, band] = apply_local_affine(sums / weights, photo[:, band])
    return out
