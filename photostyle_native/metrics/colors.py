"""Distances between the colours of two pictures."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor

from ..errors import PhotostyleError
from ..numerics.quantiles import color_quantiles
from ..torch_state import independent

_DIRECTIONS = 64
_AT_ONCE = 8  # directions that are computed together; each takes 16 bytes per pixel


@independent
def color_distance(image: Tensor, style: Tensor, image_masks: Tensor, style_masks: Tensor) -> float:
    """The sliced Wasserstein distance between the colours of two pictures, label by label.

    A label's distance is the mean, over directions in RGB, of the 1-Wasserstein distance between its two
    distributions of colours, projected onto that direction. The result is the mean over labels, weighted by their
    shares of `image`. It is zero if every label has the same colours in both pictures, wherever they are, and at most
    about 0.87, half the distance from black to white.

    Args:
        image, style: (3, H, W) and (3, H', W'), RGB in [0, 1].
        image_masks, style_masks: (K, H, W) and (K, H', W'), non-negative, soft values allowed. A label whose mask is
            empty in either picture does not count.

    Returns:
        The distance, in units of RGB; 0 is perfect.

    Raises:
        PhotostyleError: the shapes do not fit together, or no label occurs in both pictures.

    Source: Bonneel, Rabin, Peyre, Pfister: *Sliced and Radon Wasserstein Barycenters of Measures* (2015).
    """
    distances = color_distances(image, style, image_masks, style_masks)
    shares = image_masks.flatten(1).double().mean(1).tolist()
    mean = mean_distance(shares, distances)
    if mean is None:
        raise PhotostyleError("no label of `image_masks` occurs in `style_masks`")
    return mean


def mean_distance(shares: Iterable[float], distances: Iterable[float | None]) -> float | None:
    """The mean of the labels' distances, weighted by their shares; None if no label has a distance."""
    counted = [(share, distance) for share, distance in zip(shares, distances, strict=True) if distance is not None]
    if not counted:
        return None
    return sum(share * distance for share, distance in counted) / sum(share for share, _ in counted)


@independent
def color_distances(image: Tensor, style: Tensor, image_masks: Tensor, style_masks: Tensor) -> list[float | None]:
    """The distance of each label, of which `color_distance` is the mean.

    Args:
        image, style, image_masks, style_masks: as for `color_distance`.

    Returns:
        K distances in units of RGB; None for a label whose mask is empty in either picture.

    Raises:
        PhotostyleError: the shapes do not fit together.

    Source: as `color_distance`.
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
    directions = _directions().to(image.device)
    found: list[float | None] = []
    for image_mask, style_mask in zip(image_masks.flatten(1), style_masks.flatten(1), strict=True):
        if float(image_mask.amax()) > 0 and float(style_mask.amax()) > 0:
            found.append(_distance(image.flatten(1), style.flatten(1), image_mask, style_mask, directions))
        else:
            found.append(None)
    return found


def _distance(image: Tensor, style: Tensor, image_mask: Tensor, style_mask: Tensor, directions: Tensor) -> float:
    total = 0.0
    for some in directions.split(_AT_ONCE):
        difference = color_quantiles(image, image_mask, some) - color_quantiles(style, style_mask, some)
        total += float(difference.abs().mean(1).sum())
    return total / len(directions)


def _directions() -> Tensor:
    """Directions spread evenly over half a sphere by a Fibonacci spiral, (`_DIRECTIONS`, 3).

    Half a sphere suffices, because v and -v give the same distance.
    """
    i = torch.arange(_DIRECTIONS, dtype=torch.float64) + 0.5
    z = i / _DIRECTIONS
    angle = math.pi * (1 + math.sqrt(5)) * i
    r = torch.sqrt(1 - z * z)
    return torch.stack((r * torch.cos(angle), r * torch.sin(angle), z), 1)
