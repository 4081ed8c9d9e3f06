"""Which region of the style photo a content region follows when no label says so."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from ..errors import PhotostyleError

# Errors in brightness are seen first: the squared weights of a colour difference are those of Rec. 601 luma.
_LUMA = np.array([0.299, 0.587, 0.114])
_HEIGHT_WEIGHT = 0.5  # half the photo's height counts like a quarter of the way from black to white


@dataclass(frozen=True, eq=False)
class Region:
    """All pixels of one label in a photo.

    area    share of the photo's pixels.
    height  mean row, 0 at the top edge and 1 at the bottom edge.
    color   mean RGB less the photo's mean RGB, since a night photo's "bright" is a day photo's "dark"; None
            if there is no photo to look at.
    """

    area: float
    height: float
    color: np.ndarray | None = None


def describe_regions(index: np.ndarray, image: torch.Tensor | None, image_name: str = "image") -> dict[int, Region]:
    """The regions of an index map (H, W) without unlabelled pixels, by label, in ascending order.

    `image` (3, H, W) in [0, 1] is the photo, if known. Raises PhotostyleError if its shape differs.
    """
    if image is not None and tuple(image.shape) != (3, *index.shape):
        raise PhotostyleError(
            f"`{image_name}` must have the shape (3, {index.shape[0]}, {index.shape[1]}) of its masks,"
            f" got {tuple(image.shape)}"
        )
    flat = index.ravel()
    counts = np.bincount(flat)
    rows = np.repeat((np.arange(index.shape[0]) + 0.5) / index.shape[0], index.shape[1])
    present = np.flatnonzero(counts)
    heights = np.bincount(flat, rows)[present] / counts[present]
    colors: list[np.ndarray | None] = [None] * len(present)
    if image is not None:
        channels = image.detach().double().cpu().reshape(3, -1).numpy()
        sums = np.stack([np.bincount(flat, channel)[present] for channel in channels], axis=1)
        colors = list(sums / counts[present, None] - channels.mean(axis=1))
    areas = counts[present] / flat.size
    return {
        int(k): Region(float(area), float(height), color)
        for k, area, height, color in zip(present, areas, heights, colors, strict=True)
    }


def match_regions(content: dict[int, Region], style: dict[int, Region]) -> dict[int, int]:
    """The style label that each content label follows: the same one, or the closest if the style lacks it.

    Closest in colour and height where both photos are known, else in height and area.
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
