"""Scribbles: strokes that a person paints on a photo to say which label a place has.

A stroke has one of the authors' nine label colours; strokes of one colour in both photos mark places that correspond.
They are painted on a transparent layer, or on the photo itself. Pixels that are not painted say nothing.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import ImageOps
from torch import Tensor

from ..errors import PhotostyleError
from ..masks.label_images import UNLABELED, nearest_pixels
from ..masks.pairs import check_aspect
from ..masks.palettes import AUTHORS_COLORS, authors_index
from ..picture_files import open_picture

_CHANGED = 0.1  # a pixel that differs more than this from the photo's in one channel is painted
# How labels spread from strokes: the power to which weights are raised, the share of its neighbours' labels in a
# node's new label, the weight of the label that a node had before, and the number of steps.
_POWER, _NEIGHBOURS_SHARE, _FIRMNESS, _STEPS = 2, 0.9, 0.005, 60


def read_scribbles(path: str | Path, photo: Tensor, name: str) -> np.ndarray:
    """Read strokes from an image: (h, w) int16, positions in AUTHORS_COLORS, UNLABELED where nothing is painted.

    Args:
        path: an image with transparency, of any size; or one without, which is the photo with strokes on it, of the
            photo's size. Pixels that have none of the nine colours (boundaries of strokes) count as not painted.
        photo: the photo to compare with, (3, H, W) in [0, 1].
        name: the name of the file in messages.

    Raises:
        PhotostyleError: the file cannot be read, has another size or aspect ratio than above, or has no stroke.
    """
    with open_picture(path, name) as file:
        rgba = np.asarray(ImageOps.exif_transpose(file).convert("RGBA"))
    painted = rgba[..., 3] >= 128
    height, width = painted.shape
    if painted.all():
        if (height, width) != tuple(photo.shape[1:]):
            raise PhotostyleError(
                f"{name} without transparency must be the photo with strokes on it, {photo.shape[2]}x{photo.shape[1]}"
                f" pixels, got {width}x{height}"
            )
        difference = np.abs(rgba[..., :3] / 255 - photo.permute(1, 2, 0).numpy())
        painted = difference.max(2) > _CHANGED
    else:
        check_aspect(name, (height, width), (photo.shape[1], photo.shape[2]))
    strokes = np.where(painted, authors_index(rgba[..., :3]), UNLABELED).astype(np.int16)
    if not (strokes >= 0).any():
        raise PhotostyleError(f"{name} must have strokes in {', '.join(AUTHORS_COLORS)}, but has none")
    return strokes


def strokes_at(strokes: np.ndarray | None, size: tuple[int, int]) -> np.ndarray:
    """Bring strokes (h, w) to another size (height, width) by the nearest pixel; None stands for no strokes."""
    if strokes is None:
        return np.full(size, UNLABELED, np.int16)
    return nearest_pixels(strokes, size)


def strokes_on_grid(strokes: np.ndarray | None, grid: tuple[int, int]) -> Tensor:
    """The label painted most in each cell of a grid (rows, columns): (cells,) int64, UNLABELED without a stroke."""
    if strokes is None:
        return torch.full((grid[0] * grid[1],), UNLABELED)
    rows, columns = (np.arange(old) * new // old for old, new in zip(strokes.shape, grid, strict=True))
    counts = np.zeros((grid[0] * grid[1], len(AUTHORS_COLORS)), np.int64)
    y, x = np.nonzero(strokes >= 0)
    np.add.at(counts, (rows[y] * grid[1] + columns[x], strokes[y, x]), 1)
    return torch.from_numpy(np.where(counts.any(1), counts.argmax(1), UNLABELED))


def spread(weights: Tensor, labels: Tensor, strokes: Tensor) -> Tensor:
    """Correct the labels (n,) of a graph's nodes by strokes (n,): (n,) int64.

    `weights` (n, n) say how alike two nodes are. A node with a stroke gets the stroke's label, and so do nodes that
    are like it. Nodes that are like no node with a stroke keep their labels.

    Source: D. Zhou et al., *Learning with Local and Global Consistency* (NIPS 2003), where the old labels are weak
    evidence beside the strokes.
    """
    count = int(torch.maximum(labels, strokes).max()) + 1
    likeness = weights**_POWER
    root = likeness.sum(1).rsqrt()
    opinion = _FIRMNESS * F.one_hot(labels, count).float()
    painted = strokes >= 0
    opinion[painted] = F.one_hot(strokes[painted], count).float()
    belief = opinion
    for _ in range(_STEPS):
        heard = root[:, None] * (likeness @ (root[:, None] * belief))
        belief = _NEIGHBOURS_SHARE * heard + (1 - _NEIGHBOURS_SHARE) * opinion
    return torch.where(painted, strokes, belief.argmax(1))
