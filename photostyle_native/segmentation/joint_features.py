"""Features of two photos in one space: VGG features of each cell, with colour and height as soft cues.

Both photos are described on grids of cells of 8 x 8 pixels. For each layer of the network, a cell's features are
brought to unit length (what a cell shows counts, not how strongly), centred within each photo (a night photo differs
from a day photo everywhere, which says nothing about regions), and scaled to the layer's standard deviation. The
first principal components of both photos together are kept.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from scipy import ndimage  # type: ignore[import-untyped]
from torch import Tensor

from ..images.resize import resize, working_size
from ..network.vgg19 import MIN_SIDE, VGG19

LONGEST = 448  # pixels: features of larger photos cost more, describe smaller things and agree less
CELL = 8  # pixels
# Layers, from texture to objects, and their standard deviations. Chosen on hand-made masks of twelve pairs of photos.
_LAYERS = {"conv2_2": 0.7, "conv3_4": 1.0, "conv4_4": 1.0, "conv5_1": 1.0}
_COMPONENTS = 32
_HEIGHT, _COLOR = 0.5, 0.5  # standard deviations of the soft cues; that of all features together is 1
_FLAT = 1e-6
_VISIBLE = 0.5  # mean opacity from which a cell counts
_FEWEST = 9  # visible cells, below which all count, because a graph of fewer cannot be divided


@dataclass(frozen=True, eq=False)
class JointFeatures:
    """The visible cells of both photos as points of one space.

    points   (n + n', D) float32: the content's visible cells row by row, then the style's.
    grids    (rows, columns) of the content and of the style.
    visible  which cells of each grid are visible and have a point, (rows columns,) bool each; None: all.
    """

    points: Tensor
    grids: tuple[tuple[int, int], tuple[int, int]]
    visible: tuple[Tensor | None, Tensor | None] = (None, None)

    @property
    def count(self) -> int:
        """The number n of the content's points."""
        (rows, columns), visible = self.grids[0], self.visible[0]
        return rows * columns if visible is None else int(visible.sum())

    def split(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """Split values of all points, (n + n', ...), into the content's and the style's: (rows, columns, ...) each.

        A cell without a point takes the value of the nearest one.
        """
        parts = values[: self.count], values[self.count :]
        grids = [
            own if visible is None else own[_nearest_points(visible, grid)]
            for own, grid, visible in zip(parts, self.grids, self.visible, strict=True)
        ]
        content, style = (own.view(*grid, *own.shape[1:]) for own, grid in zip(grids, self.grids, strict=True))
        return content, style

    def at_points(self, content: Tensor, style: Tensor) -> Tensor:
        """Join values of all cells of each photo, (rows columns, ...), to values of the points, (n + n', ...)."""
        parts = zip((content, style), self.visible, strict=True)
        return torch.cat([own if visible is None else own[visible] for own, visible in parts])


def _nearest_points(visible: Tensor, grid: tuple[int, int]) -> Tensor:
    """For each cell of a grid, which of the visible cells, counted row by row, is nearest: (rows columns,) int64."""
    shown = visible.view(grid).numpy()
    rows, columns = ndimage.distance_transform_edt(~shown, return_distances=False, return_indices=True)
    numbers = torch.cumsum(visible, 0) - 1
    return numbers[torch.from_numpy(rows * grid[1] + columns).long().flatten()]


@torch.no_grad()
def joint_features(
    content: Tensor,
    style: Tensor,
    vgg: VGG19,
    content_opacity: Tensor | None = None,
    style_opacity: Tensor | None = None,
) -> JointFeatures:
    """Describe two photos, (3, H, W) and (3, H', W') in [0, 1], of any size. Computes on the device of `vgg`.

    Cells that are mostly transparent by `content_opacity` and `style_opacity`, (H, W) and (H', W') in [0, 1], are
    left out; None is opaque.
    """
    layers, cues, grids, shown = [], [], [], []
    for image, opacity in ((content, content_opacity), (style, style_opacity)):
        small = _network_size(image).to(vgg.mean.device)
        grid = max(2, round(small.shape[1] / CELL)), max(2, round(small.shape[2] / CELL))
        visible = _visible_cells(opacity, grid)
        kept = slice(None) if visible is None else visible.to(small.device)
        layers.append([_cells(f.float(), grid)[kept] for f in vgg(small, tuple(_LAYERS)).values()])
        cues.append(_soft_cues(small, grid, kept))
        grids.append(grid)
        shown.append(visible)
    scaled = []
    for pair, deviation in zip(zip(*layers, strict=True), _LAYERS.values(), strict=True):
        scaled.append(torch.cat([deviation * _standardised(_unit(cells)) for cells in pair]))
    points = _principal(torch.cat(scaled, 1))
    return JointFeatures(
        torch.cat((_unit(points), torch.cat(cues)), 1).cpu(), (grids[0], grids[1]), (shown[0], shown[1])
    )


def _visible_cells(opacity: Tensor | None, grid: tuple[int, int]) -> Tensor | None:
    """Which cells of a grid count, (rows columns,) bool on the CPU; None: all."""
    if opacity is None:
        return None
    visible = F.adaptive_avg_pool2d(opacity[None].float().cpu(), grid).flatten() >= _VISIBLE
    return None if bool(visible.all()) or int(visible.sum()) < _FEWEST else visible


def _network_size(image: Tensor) -> Tensor:
    """The image with a longest side of at most LONGEST and no side too small for the network."""
    height, width = working_size((image.shape[1], image.shape[2]), LONGEST)
    size = max(MIN_SIDE, height), max(MIN_SIDE, width)
    return image if size == tuple(image.shape[1:]) else resize(image, size).clamp(0, 1)


def _cells(features: Tensor, grid: tuple[int, int]) -> Tensor:
    """Bring features (C, h, w) to a grid, (cells, C): averaged if they are finer than it, interpolated if coarser."""
    if features.shape[1] > grid[0]:
        features = F.adaptive_avg_pool2d(features, grid)
    elif tuple(features.shape[1:]) != grid:
        features = F.interpolate(features[None], grid, mode="bilinear", align_corners=False)[0]
    return features.flatten(1).mT


def _soft_cues(image: Tensor, grid: tuple[int, int], kept: Tensor | slice) -> Tensor:
    """Height and colour of the `kept` cells; the colour is relative to their mean: (cells, 4)."""
    rows, columns = grid
    height = (torch.arange(rows, device=image.device) + 0.5) / rows - 0.5
    height = height[:, None].expand(rows, columns).reshape(-1, 1) * 12**0.5  # 12**0.5 makes the variance 1
    color = F.adaptive_avg_pool2d(image, grid).flatten(1).mT
    return torch.cat((_HEIGHT * height[kept], _COLOR * _standardised(color[kept])), 1)


def _unit(points: Tensor) -> Tensor:
    return points / points.norm(dim=1, keepdim=True).clamp_min(_FLAT)


def _standardised(points: Tensor) -> Tensor:
    """Centre points and scale them to a mean squared length of 1; zero if all points are the same."""
    points = points - points.mean(0)
    scale = points.square().sum(1).mean().sqrt()
    return points / scale if scale > 1e-3 else torch.zeros_like(points)  # below, it is noise of a flat photo


def _principal(points: Tensor) -> Tensor:
    """The first principal components of points (n, D): (n, `_COMPONENTS` or fewer)."""
    centred = (points - points.mean(0)).double()
    _, directions = torch.linalg.eigh(centred.mT @ centred)
    return (centred @ directions.flip(1)[:, :_COMPONENTS]).float()
