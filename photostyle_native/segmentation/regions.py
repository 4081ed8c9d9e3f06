"""Regions that were found in two photos, with the same labels in both."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..masks.label_images import LabelImage
from ..masks.palettes import AUTHORS_COLORS


@dataclass(frozen=True, eq=False)
class Regions:
    """Regions of two photos.

    content     (H, W) int16, positions in `labels`.     style  (H', W') int16.
    labels      K colours of the authors' palette.
    confidence  K numbers in [0, 1], 0 for a region that a photo lacks; what is measured, the subclass says.
    notes       one sentence for each thing that the user should know.
    meanings    K words for what the regions show, where that is known.
    """

    content: np.ndarray
    style: np.ndarray
    labels: tuple[str, ...]
    confidence: tuple[float, ...]
    notes: tuple[str, ...] = ()
    meanings: tuple[str, ...] = ()

    def label_images(self) -> tuple[LabelImage, LabelImage]:
        """Both label maps as `prepare_pair` takes them."""
        names = self.meanings or self.labels
        return (
            LabelImage("index", self.content, names, "automatic content mask"),
            LabelImage("index", self.style, names, "automatic style mask"),
        )

    def lines(self) -> list[str]:
        """For each label what a person wants to know: how much of each photo, and the confidence."""
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

    `confidence` is the share of a region whose likes in the other photo are of the same region, of the two photos the
    lower; 1 where one region is all there is.
    """


class SceneRegions(Regions):
    """Regions that `parse_scenes` found by what the photos show, which `meanings` names.

    `confidence` is how probable the region is on its pixels, of the two photos the lower.
    """


def label_colors(labels: tuple[str, ...]) -> np.ndarray:
    """The colours of labels of the authors' palette: (K, 3) uint8."""
    return np.array([[round(255 * v + 0.01) for v in AUTHORS_COLORS[name]] for name in labels], np.uint8)
