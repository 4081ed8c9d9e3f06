"""The function `cosegment`: it divides two photos into regions that look alike, with the same labels in both."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import PhotostyleError
from ..masks.palettes import AUTHORS_COLORS
from ..network.vgg19 import VGG19
from ..network.weights import load_vgg19
from ..numerics.spectral import affinity
from ..torch_state import independent
from .automatic import MAX_REGIONS
from .edges import along_edges, strongest
from .joint_features import joint_features
from .joint_regions import CONFIDENT, Divider, Division
from .regions import CoSegmentation
from .scribbles import spread, strokes_at, strokes_on_grid

_NAMES = tuple(AUTHORS_COLORS)
_FLAT = 0.005  # a photo is flat if its average colours in 16 x 16 places have a smaller standard deviation


@independent
def cosegment(
    content: Tensor,
    style: Tensor,
    *,
    regions: int | None = None,
    content_scribbles: np.ndarray | None = None,
    style_scribbles: np.ndarray | None = None,
    content_opacity: Tensor | None = None,
    style_opacity: Tensor | None = None,
    vgg: VGG19 | None = None,
) -> CoSegmentation:
    """Divide two photos into regions that correspond.

    Args:
        content, style: (3, H, W) and (3, H', W'), RGB in [0, 1]. The label maps have these sizes; features are
            computed at a longest side of 448 pixels at most.
        regions: how many regions, from 1 to 9; default: as many as match, 5 at most.
        content_scribbles, style_scribbles: strokes that correct the regions found: int16 maps of any size, as
            `segmentation.scribbles.read_scribbles` returns them. Pixels with a stroke get its label; a label that no
            region has makes a new region.
        content_opacity, style_opacity: the opacity of the photos' pixels, (H, W) and (H', W') in [0, 1], if they have
            one. Transparent places have no say in which regions there are, and join the nearest one.
        vgg: the network; default: the bundled one. Features are computed on its device.

    Returns:
        The regions. There are fewer than asked for if the photos have no more in common; a note says so.

    Raises:
        PhotostyleError: a photo does not have the shape above, or `regions` is out of range.

    Source: normalised cuts (Shi, Malik 2000) of deep features, as in Melas-Kyriazi et al., *Deep Spectral Methods*
    (CVPR 2022), but of two photos at once; boundaries by a guided filter (He, Sun, Tang 2010).
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

    features = joint_features(*images, load_vgg19() if vgg is None else vgg, content_opacity, style_opacity)
    weights = affinity(features.points)
    divider = Divider(weights, features.count)
    flat = [name for name, image in zip(("content", "style"), images, strict=True) if _is_flat(image)]
    division, notes = (divider.divide(1), _flat_notes(flat)) if flat else _divide(divider, regions)
    labels = _largest_first(division.labels)
    if content_scribbles is not None or style_scribbles is not None:
        on_grids = [strokes_on_grid(s, grid) for s, grid in zip(scribbles, features.grids, strict=True)]
        labels = spread(weights, labels, features.at_points(*on_grids))
    confidence = divider.confidence(labels)

    painted = [strokes_at(s, (image.shape[1], image.shape[2])) for s, image in zip(scribbles, images, strict=True)]
    asked_for = {int(k) for strokes in painted for k in np.unique(strokes) if k >= 0}
    maps = _refine_both(images, features.split(labels), len(confidence), asked_for)
    maps = [np.where(own >= 0, own, index).astype(np.int16) for own, index in zip(painted, maps, strict=True)]
    found = _without_gaps(maps, confidence, notes)
    if regions is None or flat or len(found.labels) >= regions:
        return found
    note = f"{regions} regions were asked for, but the photos have only {len(found.labels)} in common."
    return replace(found, notes=(note, *found.notes))


def _divide(divider: Divider, regions: int | None) -> tuple[Division, list[str]]:
    """Divide all cells into regions; also returns notes for the user."""
    if regions is None:
        division, turned_down = divider.choose()
        if division.count > 1:
            return division, []
        return division, [
            "The photos have no regions that correspond with enough confidence (at best"
            f" {math.floor(100 * turned_down) / 100}, {CONFIDENT} is needed): each photo is one region."
        ]
    return divider.divide(regions), []


def _is_flat(image: Tensor) -> bool:
    """Whether a photo (3, H, W) has one even colour: then its features differ only by the effect of its borders."""
    return float(F.adaptive_avg_pool2d(image, 16).flatten(1).std(1).max()) < _FLAT


def _flat_notes(flat: list[str]) -> list[str]:
    if not flat:
        return []
    who = "Both photos show" if len(flat) == 2 else f"The {flat[0]} photo shows"
    return [f"{who} no more than one even colour: each photo is one region."]


def _largest_first(labels: Tensor) -> Tensor:
    """Renumber labels so that 0 is the largest region, 1 the second largest, and so on."""
    order = torch.argsort(torch.bincount(labels), descending=True, stable=True)
    return torch.argsort(order)[labels]


def _refine_both(
    images: tuple[Tensor, Tensor], cells: tuple[Tensor, Tensor], count: int, asked_for: set[int]
) -> list[np.ndarray]:
    """Turn labels of cells into labels of pixels, for both photos.

    A thin region may be lost on the way in one photo. Its label is then removed from the other photo too, unless a
    stroke `asked_for` it.
    """
    hard = [F.one_hot(own, count).permute(2, 0, 1).float() for own in cells]
    soft = [along_edges(own, image) for own, image in zip(hard, images, strict=True)]
    while True:
        maps = [strongest(s) for s in soft]
        orphans = sorted({int(k) for k in np.setxor1d(maps[0], maps[1])} - asked_for)
        if not orphans:
            return maps
        for s in soft:
            s[orphans] = -torch.inf


def _without_gaps(maps: list[np.ndarray], confidence: Tensor, notes: list[str]) -> CoSegmentation:
    """Make the result, with only the labels that occur in a photo; `maps` hold positions in the palette."""
    present = [np.bincount(index.ravel(), minlength=MAX_REGIONS) > 0 for index in maps]
    kept = np.flatnonzero(present[0] | present[1])
    position = np.zeros(MAX_REGIONS, np.int16)
    position[kept] = np.arange(len(kept))
    numbers = []
    for k in kept:
        both = bool(present[0][k] and present[1][k]) and k < len(confidence)
        numbers.append(1.0 if len(kept) == 1 else float(confidence[k]) if both else 0.0)
        if not present[1][k]:
            notes = [*notes, f"`{_NAMES[k]}` is in the content photo only: put a stroke of it on the style photo."]
        elif not present[0][k]:
            notes = [*notes, f"`{_NAMES[k]}` is in the style photo only: a transfer leaves it out."]
    return CoSegmentation(
        position[maps[0]], position[maps[1]], tuple(_NAMES[k] for k in kept), tuple(numbers), tuple(notes)
    )
