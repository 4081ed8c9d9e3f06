"""Regions of two photos from the photos alone, with the same labels in both: masks for a transfer without masks."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from scipy import ndimage  # type: ignore[import-untyped]
from torch import Tensor

from . import ops
from .errors import PhotostyleError
from .joint_features import joint_features
from .joint_regions import CONFIDENT, Divider, Division
from .label_images import LabelImage
from .palettes import AUTHORS_COLORS
from .scribbles import spread, strokes_at, strokes_on_grid
from .spectral import affinity
from .vgg import VGG19, load_vgg19

MAX_REGIONS = len(AUTHORS_COLORS)  # label images are in the authors' palette
_NAMES = tuple(AUTHORS_COLORS)
_RADIUS, _EPS = 1 / 56, 1e-3  # of the guided filter: a cell of the longest side; variance of fine texture
_FLAT = 0.005  # standard deviation within a photo, of its average colours in 16 x 16 places
_SPECK = 0.002  # islands of less than this share of a photo join what is around them


@dataclass(frozen=True, eq=False)
class CoSegmentation:
    """Regions of two photos.

    content     (H, W) int16, positions in `labels`.     style  (H', W') int16.
    labels      K colours of the authors' palette.
    confidence  K numbers in [0, 1]: the share of a region whose likes in the other photo are of the same region, of
                the two photos the lower. 1 where one region is all there is, 0 for one that a photo lacks.
    notes       one sentence for each thing that the user should know.
    """

    content: np.ndarray
    style: np.ndarray
    labels: tuple[str, ...]
    confidence: tuple[float, ...]
    notes: tuple[str, ...] = ()

    def pictures(self) -> tuple[np.ndarray, np.ndarray]:
        """Both label maps painted in their labels' colours, (H, W, 3) uint8 each."""
        colors = label_colors(self.labels)
        return colors[self.content], colors[self.style]

    def label_images(self) -> tuple[LabelImage, LabelImage]:
        """Both label maps as `masks.prepare_pair` takes them, and as it would read them from files."""
        content, style = self.pictures()
        return (
            LabelImage("color", content, name="automatic content mask"),
            LabelImage("color", style, name="automatic style mask"),
        )


def label_colors(labels: tuple[str, ...]) -> np.ndarray:
    """The colours of labels of the authors' palette: (K, 3) uint8."""
    return np.array([[round(255 * v + 0.01) for v in AUTHORS_COLORS[name]] for name in labels], np.uint8)


@torch.no_grad()
def cosegment(
    content: Tensor,
    style: Tensor,
    *,
    regions: int | None = None,
    content_scribbles: np.ndarray | None = None,
    style_scribbles: np.ndarray | None = None,
    vgg: VGG19 | None = None,
) -> CoSegmentation:
    """Divide two photos into regions that correspond.

    Args:
        content, style: (3, H, W) and (3, H', W'), RGB in [0, 1]. The label maps have these sizes; features are
            computed at 448 pixels at most.
        regions: how many, from 1 to 9; default: as many as match, 5 at most.
        content_scribbles, style_scribbles: strokes (see `scribbles.read_scribbles`) that correct the regions found,
            by their colours; a colour that no region has makes a new one. Pixels with a stroke get its label.
        vgg: the network; default: the bundled one. Features are computed on its device.

    Returns:
        The regions; fewer than asked for if the photos have no more in common, which a note says.

    Raises:
        PhotostyleError: an argument does not fit the above.

    Source: normalised cuts (Shi, Malik 2000) of deep features, as in Melas-Kyriazi et al., *Deep Spectral Methods*
    (CVPR 2022), but of two photos at once; edges by a guided filter (He, Sun, Tang 2010).
    """
    for name, image in (("content", content), ("style", style)):
        if image.dim() != 3 or image.shape[0] != 3 or image.numel() == 0:
            raise PhotostyleError(f"`{name}` must have shape (3, H, W), got {tuple(image.shape)}")
    if regions is not None and not 1 <= regions <= MAX_REGIONS:
        raise PhotostyleError(f"`regions` must be from 1 to {MAX_REGIONS}, got {regions}")
    images = content.detach().float().cpu(), style.detach().float().cpu()
    scribbles = content_scribbles, style_scribbles
    if regions == 1 and content_scribbles is None and style_scribbles is None:
        maps = [np.zeros(tuple(image.shape[1:]), np.int16) for image in images]
        return CoSegmentation(maps[0], maps[1], _NAMES[:1], (1.0,))

    features = joint_features(*images, load_vgg19() if vgg is None else vgg)
    weights = affinity(features.points)
    divider = Divider(weights, features.grids[0][0] * features.grids[0][1])
    flat = [name for name, image in zip(("content", "style"), images, strict=True) if _is_flat(image)]
    division, notes = (divider.divide(1), _flat_notes(flat)) if flat else _divide(divider, regions)
    labels = _largest_first(division.labels)
    if content_scribbles is not None or style_scribbles is not None:
        on_grids = [strokes_on_grid(s, grid) for s, grid in zip(scribbles, features.grids, strict=True)]
        labels = spread(weights, labels, torch.cat(on_grids))
    confidence = divider.confidence(labels)

    maps = []
    for image, cells, strokes in zip(images, features.split(labels), scribbles, strict=True):
        index = _refine(cells, image, len(confidence))
        painted = strokes_at(strokes, index.shape)
        maps.append(np.where(painted >= 0, painted, index).astype(np.int16))
    return _without_gaps(maps, confidence, notes)


def _divide(divider: Divider, regions: int | None) -> tuple[Division, list[str]]:
    """The regions of all cells, and what to say about their number."""
    if regions is None:
        division, turned_down = divider.choose()
        if division.count > 1:
            return division, []
        return division, [
            "The photos have no regions that correspond with enough confidence (at best"
            f" {math.floor(100 * turned_down) / 100}, {CONFIDENT} is needed): each photo is one region."
        ]
    division = divider.divide(regions)
    if division.count == regions:
        return division, []
    return division, [f"{regions} regions were asked for, but the photos have only {division.count} in common."]


def _is_flat(image: Tensor) -> bool:
    """Whether a photo (3, H, W) shows nothing: what the network then divides are its own borders."""
    return float(F.adaptive_avg_pool2d(image, 16).flatten(1).std(1).max()) < _FLAT


def _flat_notes(flat: list[str]) -> list[str]:
    return [f"The {' and the '.join(flat)} photo shows no more than one even colour: each photo is one region."]


def _largest_first(labels: Tensor) -> Tensor:
    """The same groups numbered by size."""
    order = torch.argsort(torch.bincount(labels), descending=True, stable=True)
    return torch.argsort(order)[labels]


def _refine(cells: Tensor, image: Tensor, count: int) -> np.ndarray:
    """Labels of cells (rows, columns) -> labels of pixels (H, W) int16, along the edges of the photo (3, H, W)."""
    size = int(image.shape[1]), int(image.shape[2])
    soft = F.one_hot(cells, count).permute(2, 0, 1)[None].float()
    soft = F.interpolate(soft, size, mode="bilinear", align_corners=False)[0].contiguous()
    soft = ops.guided_filter(soft, image.contiguous(), eps=_EPS, radius=max(2, round(_RADIUS * max(size))))
    return _without_specks(soft.argmax(0).numpy().astype(np.int16))


def _without_specks(index: np.ndarray) -> np.ndarray:
    """A label map (H, W) whose tiny islands have joined the nearest label."""
    small = np.zeros(index.shape, bool)
    for label in np.unique(index):
        islands, _ = ndimage.label(index == label)
        small |= (np.bincount(islands.ravel()) < _SPECK * index.size)[islands] & (islands > 0)
    if not small.any() or small.all():
        return index
    nearest = ndimage.distance_transform_edt(small, return_distances=False, return_indices=True)
    return index[tuple(nearest)]


def _without_gaps(maps: list[np.ndarray], confidence: Tensor, notes: list[str]) -> CoSegmentation:
    """The result, with the labels that occur in a photo; label maps `maps` hold positions in the palette."""
    present = [np.bincount(index.ravel(), minlength=MAX_REGIONS) > 0 for index in maps]
    kept = np.flatnonzero(present[0] | present[1])
    position = np.zeros(MAX_REGIONS, np.int16)
    position[kept] = np.arange(len(kept))
    numbers = []
    for k in kept:
        both = bool(present[0][k] and present[1][k]) and k < len(confidence)
        numbers.append(float(confidence[k]) if both else 0.0)
        if not (present[0][k] and present[1][k]):
            where, other = ("content", "style") if present[0][k] else ("style", "content")
            notes = [*notes, f"`{_NAMES[k]}` is in the {where} photo only: put a stroke of it on the {other} photo."]
    return CoSegmentation(
        position[maps[0]], position[maps[1]], tuple(_NAMES[k] for k in kept), tuple(numbers), tuple(notes)
    )
