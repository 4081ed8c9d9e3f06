"""How close the colours of one picture are to those of another."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from .color_quantiles import color_quantiles
from .errors import PhotostyleError

_DIRECTIONS = 64


def color_distance(image: Tensor, style: Tensor, image_masks: Tensor, style_masks: Tensor) -> float:
    """Sliced Wasserstein distance of the colours of two pictures, label by label.

    For each label, the mean over directions in RGB of the 1-Wasserstein distance between the two distributions of
    colours projected onto that direction; then the mean over labels, weighted by their share of `image`. Zero if
    every label has the same colours in both, in any order; at most about 0.87 (half of black to white).

    Args:
        image, style: (3, H, W) and (3, H', W'), RGB in [0, 1].
        image_masks, style_masks: (K, H, W) and (K, H', W'), non-negative, soft values allowed. A label that is
            empty in either picture does not count.

    Returns:
        The distance, in units of RGB.

    Raises:
        PhotostyleError: shapes do not fit together, or no label occurs in both pictures.

    Source: Bonneel, Rabin, Peyre, Pfister: *Sliced and Radon Wasserstein Barycenters of Measures* (2015).
    """
    for name, picture, masks in (("image", image, image_masks), ("style", style, style_masks)):
        if picture.dim() != 3 or picture.shape[0] != 3 or masks.shape[1:] != picture.shape[1:]:
            raise PhotostyleError(
                f"`{name}` must have shape (3, H, W) and `{name}_masks` (K, H, W), got {tuple(picture.shape)} and "
                f"{tuple(masks.shape)}"
            )
    if len(image_masks) != len(style_masks):
        raise PhotostyleError(
            f"`style_masks` must have as many masks as `image_masks`, {len(image_masks)}, got {len(style_masks)}"
        )
    shares = image_masks.flatten(1).double().mean(1) * (style_masks.flatten(1).amax(1) > 0)
    if float(shares.sum()) <= 0:
        raise PhotostyleError("no label of `image_masks` occurs in `style_masks`")
    directions = _directions().to(image.device)
    total = 0.0
    for k in shares.nonzero().flatten().tolist():
        ours = color_quantiles(image.flatten(1), image_masks[k].flatten(), directions)
        theirs = color_quantiles(style.flatten(1), style_masks[k].flatten(), directions)
        total += float(shares[k] / shares.sum()) * float((ours - theirs).abs().mean())
    return total


def _directions() -> Tensor:
    """Points spread evenly over half a sphere (a Fibonacci spiral), (n, 3): v and -v give the same distance."""
    i = torch.arange(_DIRECTIONS, dtype=torch.float64) + 0.5
    z = i / _DIRECTIONS
    angle = math.pi * (1 + math.sqrt(5)) * i
    r = torch.sqrt(1 - z * z)
    return torch.stack((r * torch.cos(angle), r * torch.sin(angle), z), 1)
