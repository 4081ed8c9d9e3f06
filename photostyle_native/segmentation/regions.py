"""The regions found in two photos, with the same labels in both."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..masks.label_images import LabelImage
from ..masks.palettes import AUTHORS_COLORS


@dataclass(frozen=True, eq=False)
class Regions:
    """The regions of two photos, as maps of labels.

    content     (H, W) int16: for each pixel of the content, the position of its label in `labels`.
    style       (H', W') int16: the same for the style photo.
    labels      K names of colours in the authors' palette.
    confidence  K numbers in [0, 1], 0 for a region that a photo lacks; the subclass says what they measure.
    notes       one sentence for each thing that the user should know.
    meanings    K words for what the regions show; empty if that is not known.
    """

    content: np.ndarray
    style: np.ndarray
    labels: tuple[str, ...]
    confidence: tuple[float, ...]
    notes: tuple[str, ...] = ()
    meanings: tuple[str, ...] = ()

    def label_images(self) -> tuple[LabelImage, LabelImage]:
        """Both label maps as label images, which `masks.pairs.prepare_pair` takes."""
        names = self.meanings or self.labels
        return (
            LabelImage("index", self.content, names, "automatic content mask"),
            LabelImage("index", self.style, names, "automatic style mask"),
        )

    def lines(self) -> list[str]:
        """One line of text for each label: its share of each photo, and its confidence."""
        count = len(self.labels)
        content, style = (
            np.bincount(index.ravel(), minlength=count) / index.size for index in (self.content, self.style)
        )
        names = self.labels
        if self.meanings:
            names = tuple(f"{label} ({meaning})" for label, meaning in zip(self.labels, self.meanings, strict=True))
        width = max(len(name) for name in names)
        return [
            f"{name:{width}} {own:4.0%} of content, {other:4.0%} of style, confidence {confidence:.2f}"
            for name, own, other, confidence in zip(names, content, style, self.confidence, strict=True)
        ]


class CoSegmentation(Regions):
    """Regions that `cosegment` found by what is alike in both photos.

    For `confidence`, each place of a region is compared with the most similar places of the other photo. It is the
    share of these that are in the same region, averaged over the region, the lower value of the two photos. It is 1
    if there is only one region.
    """


class SceneRegions(Regions):
    """Regions that `parse_scenes` found by what the photos show, which `meanings` names.

    `confidence` is the mean probability of the region on its pixels, the lower value of the two photos.
    """


def label_colors(labels: tuple[str, ...]) -> np.ndarray:
    """The colours of labels, which are names in the authors' palette: (K, 3) uint8."""
    return np.array([[round(255 * v + 0.01) for v in AUTHORS_COLORS[name]] for name in labels], np.uint8)
