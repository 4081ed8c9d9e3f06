"""Regions of two photos by what they show (scene parsing); every content region is given one of the style photo."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..network.vgg19 import VGG19
from .edges import along_edges, strongest
from .joint_features import JointFeatures, joint_features
from .regions import SceneRegions
from .scene_groups import COLORS, GROUPS

_SLIVER = 0.005  # a group that covers a smaller share of a photo is left out there
_OPINION = 0.1  # the parser has a next choice if the style photo's groups together have at least this probability

Parser = Callable[[Tensor], Tensor]


@torch.no_grad()
def parse_scenes(content: Tensor, style: Tensor, parser: Parser, vgg: VGG19) -> SceneRegions:
    """Divide two photos by what they show.

    If the style photo lacks the group of a content region, the region takes a group that the style photo has: the
    parser's next choice or, if the parser has none, the group whose VGG features are closest. Groups that only the
    style photo has stay in its label map.

    Args:
        content, style: (3, H, W) and (3, H', W'), RGB in [0, 1]. The label maps have these sizes.
        parser: function of a photo that returns log-probabilities (len(GROUPS), h, w) of `scene_groups.GROUPS`; see
            `scene_parser`.
        vgg: the network for the features.

    Returns:
        The regions; a note says which groups were replaced.

    Source: Luan et al. 2017, section 3, which constrains the content's labels to those of the style photo.
    """
    images = content.detach().float().cpu(), style.detach().float().cpu()
    soft = [along_edges(parser(image).exp(), image) for image in images]
    maps = [_without_slivers(own) for own in soft]
    here, there = np.unique(maps[0]), np.unique(maps[1])
    orphans = np.setdiff1d(here, there)
    likes = _likes(joint_features(*images, vgg), maps, orphans, there) if len(orphans) else {}
    follows, notes = np.arange(len(GROUPS)), []
    for group in orphans:
        region = maps[0] == group
        chances = soft[0][:, torch.from_numpy(region)].mean(1)[torch.from_numpy(there).long()]
        if float(chances.sum()) >= _OPINION:
            follows[group], reason = there[int(chances.argmax())], "the parser's next choice"
        else:
            follows[group], reason = likes[group], "the closest by features"
        notes.append(
            f"`{GROUPS[group]}` ({100 * region.mean():.0f} % of the content) is not in the style photo and follows"
            f" `{GROUPS[follows[group]]}`, {reason}."
        )
    if len(there) == 1:
        notes.append(f"The style photo shows nothing but `{GROUPS[there[0]]}`: each photo is one region.")
    return _numbered([follows[maps[0]], maps[1]], soft, tuple(notes))


def _without_slivers(soft: Tensor) -> np.ndarray:
    """The likeliest group of each pixel, (len(GROUPS), H, W) -> (H, W) int16, without groups that are too small."""
    soft = soft.clone()
    while True:
        index = strongest(soft)
        shares = np.bincount(index.ravel(), minlength=len(GROUPS)) / index.size
        slivers = np.flatnonzero((shares > 0) & (shares < _SLIVER))
        if not len(slivers):
            return index
        soft[slivers] = -torch.inf


def _likes(
    features: JointFeatures, maps: list[np.ndarray], groups: np.ndarray, targets: np.ndarray
) -> dict[int, int]:
    """For each of the content's `groups`, find the group in the style photo's `targets` with the closest features."""
    content, style = features.split(features.points)
    style_means = torch.stack([_mean_point(style, maps[1] == target) for target in targets])
    return {
        group: int(targets[int((style_means - _mean_point(content, maps[0] == group)).norm(dim=1).argmin())])
        for group in groups
    }


def _mean_point(points: Tensor, region: np.ndarray) -> Tensor:
    """The mean of the cells' points (rows, columns, D) over a region, given as a bool mask (H, W)."""
    share = F.adaptive_avg_pool2d(torch.from_numpy(region)[None].float(), (points.shape[0], points.shape[1]))[0]
    return (points * share[..., None]).sum((0, 1)) / share.sum()


def _numbered(maps: list[np.ndarray], soft: list[Tensor], notes: tuple[str, ...]) -> SceneRegions:
    """Make the result, with only the groups that occur in a photo; `maps` hold positions in GROUPS."""
    kept = np.union1d(*maps)
    position = np.zeros(len(GROUPS), np.int16)
    position[kept] = np.arange(len(kept))
    sure = []
    for group in kept:
        regions = [torch.from_numpy(index == group) for index in maps]
        sure.append(
            min(
                float(own[group][region].mean().clamp(0, 1)) if bool(region.any()) else 0.0
                for own, region in zip(soft, regions, strict=True)
            )
        )
    names = tuple(GROUPS[group] for group in kept)
    labels = tuple(COLORS[name] for name in names)
    return SceneRegions(position[maps[0]], position[maps[1]], labels, tuple(sure), notes, names)
