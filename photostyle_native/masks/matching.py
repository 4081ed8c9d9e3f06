"""The choice of a region of the style photo for each content region whose label the style photo lacks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from ..errors import PhotostyleError

# Weights of the squared differences of colours: those of Rec. 601 luma, because the eye notices brightness most.
_LUMA = np.array([0.299, 0.587, 0.114])
_HEIGHT_WEIGHT = 0.5  # half the photo's height counts as much as a quarter of the distance from black to white


@dataclass(frozen=True, eq=False)
class Region:
    """Measures of a region, which is all pixels of one label in a photo.

    Args:
        area: the share of the photo's pixels.
        height: the mean row, from 0 at the top edge to 1 at the bottom edge.
        color: the mean RGB minus that of the whole photo, because a bright region of a night photo may be as dark as
            a dark region of a day photo; None if the photo is not known.
    """

    area: float
    height: float
    color: np.ndarray | None = None


def describe_regions(index: np.ndarray, image: torch.Tensor | None, image_name: str = "image") -> dict[int, Region]:
    """Measure the regions of an index map.

    Args:
        index: (H, W), label numbers; a pixel with a negative one belongs to no region and does not count.
        image: the photo, (3, H, W), RGB in [0, 1], if known.
        image_name: the argument's name in messages.

    Returns:
        The regions by label, in ascending order.

    Raises:
        PhotostyleError: the photo has another shape.
    """
    if image is not None and tuple(image.shape) != (3, *index.shape):
        raise PhotostyleError(
            f"`{image_name}` must have the shape (3, {index.shape[0]}, {index.shape[1]}) of its masks,"
            f" got {tuple(image.shape)}"
        )
    counted = index.ravel() >= 0
    flat = index.ravel()[counted]
    counts = np.bincount(flat)
    rows = np.repeat((np.arange(index.shape[0]) + 0.5) / index.shape[0], index.shape[1])[counted]
    present = np.flatnonzero(counts)
    heights = np.bincount(flat, rows)[present] / counts[present]
    colors: list[np.ndarray | None] = [None] * len(present)
    if image is not None:
        channels = image.detach().double().cpu().reshape(3, -1).numpy()[:, counted]
        sums = np.stack([np.bincount(flat, channel)[present] for channel in channels], axis=1)
        colors = list(sums / counts[present, None] - channels.mean(axis=1))
    areas = counts[present] / flat.size
    return {
        int(k): Region(float(area), float(height), color)
        for k, area, height, color in zip(present, areas, heights, colors, strict=True)
    }


def match_regions(content: dict[int, Region], style: dict[int, Region]) -> dict[int, int]:
    """The style label for each content label: the same one, or the closest label if the style lacks it.

    The closest label is the one whose region differs least in colour and height or, if a photo is not known, in
    height and area.
    """
    return {
        k: k if k in style else min(style, key=lambda other: _distance(region, style[other]))
        for k, region in content.items()
    }


def _distance(a: Region, b: Region) -> float:
    if a.color is None or b.color is None:
        return abs(a.height - b.height) + abs(a.area - b.area)
    difference = float(np.sqrt(_LUMA @ (a.color - b.color) ** 2))
    return difference + _HEIGHT_WEIGHT * abs(a.height - b.height)
