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


@dataclass(frozen=True, eq=False)
class JointFeatures:
    """The cells of both photos as points of one space.

    points  (n + n', D) float32: the content's cells row by row, then the style's.
    grids   (rows, columns) of the content and of the style; n and n' are their products.
    """

    points: Tensor
    grids: tuple[tuple[int, int], tuple[int, int]]

    def split(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """Split values of all cells, (n + n', ...), into the content's and the style's: (rows, columns, ...) each."""
        (h, w), (style_h, style_w) = self.grids
        rest = values.shape[1:]
        return values[: h * w].view(h, w, *rest), values[h * w :].view(style_h, style_w, *rest)


@torch.no_grad()
def joint_features(content: Tensor, style: Tensor, vgg: VGG19) -> JointFeatures:
    """Describe two photos, (3, H, W) and (3, H', W') in [0, 1], of any size. Computes on the device of `vgg`."""
    layers, cues, grids = [], [], []
    for image in (content, style):
        small = _network_size(image).to(vgg.mean.device)
        grid = max(2, round(small.shape[1] / CELL)), max(2, round(small.shape[2] / CELL))
        layers.append([_cells(f.float(), grid) for f in vgg(small, tuple(_LAYERS)).values()])
        cues.append(_soft_cues(small, grid))
        grids.append(grid)
    scaled = []
    for pair, deviation in zip(zip(*layers, strict=True), _LAYERS.values(), strict=True):
        scaled.append(torch.cat([deviation * _standardised(_unit(cells)) for cells in pair]))
    points = _principal(torch.cat(scaled, 1))
    return JointFeatures(torch.cat((_unit(points), torch.cat(cues)), 1).cpu(), (grids[0], grids[1]))


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


def _soft_cues(image: Tensor, grid: tuple[int, int]) -> Tensor:
    """Height and colour of each cell, relative to those of the whole photo: (cells, 4)."""
    rows, columns = grid
    height = (torch.arange(rows, device=image.device) + 0.5) / rows - 0.5
    height = height[:, None].expand(rows, columns).reshape(-1, 1) * 12**0.5  # 12**0.5 makes the variance 1
    return torch.cat((_HEIGHT * height, _COLOR * _standardised(F.adaptive_avg_pool2d(image, grid).flatten(1).mT)), 1)


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
