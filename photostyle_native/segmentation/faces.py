"""Faces in photos, found by a cascade of local binary patterns that scikit-image ships."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from ..images.codecs.samples import quantise
from ..images.photo import Photo
from ..images.resize import working_size

_LONGEST = 480  # pixels of the longer side at which faces are sought
_SMALLEST = 24  # pixels of a face there: that many are in the patterns that the cascade has learned
_NEIGHBOURS = 5  # detections that must agree; with fewer, windows and ornaments are faces too
_SCALE_STEP = 1.2


@dataclass(frozen=True)
class Face:
    """A square around a face, as shares of the photo's height and width, so that it holds at any size."""

    top: float
    left: float
    height: float
    width: float

    def box(self, size: tuple[int, int]) -> tuple[slice, slice]:
        """The rows and columns of the square in a picture of `size` (height, width)."""
        rows, columns = size
        top, left = round(self.top * rows), round(self.left * columns)
        return (
            slice(top, max(top + 1, round((self.top + self.height) * rows))),
            slice(left, max(left + 1, round((self.left + self.width) * columns))),
        )


def find_faces(photo: Photo) -> list[Face]:
    """Find upright faces that look at the camera, of a twentieth of the photo's longer side or more.

    Returns:
        The faces, in no particular order. Now and then one is none: look what is in it.

    Source: Ahonen, Hadid, Pietikainen: *Face Description with Local Binary Patterns* (2006), in the multi-block form
    of Zhang et al. (2007), trained by OpenCV's authors.
    """
    height, width = working_size(photo.size, _LONGEST)
    if min(height, width) < _SMALLEST:
        return []
    pixels = quantise(photo.tensor((height, width)).permute(1, 2, 0).numpy(), np.uint8, photo.name)
    found = _cascade().detect_multi_scale(
        img=np.ascontiguousarray(pixels),
        scale_factor=_SCALE_STEP,
        step_ratio=1,
        min_size=(_SMALLEST, _SMALLEST),
        max_size=(min(height, width), min(height, width)),
        min_neighbor_number=_NEIGHBOURS,
    )
    return [Face(f["r"] / height, f["c"] / width, f["height"] / height, f["width"] / width) for f in found]


@cache
def _cascade() -> Any:
    from skimage.data import lbp_frontal_face_cascade_filename
    from skimage.feature import Cascade

    return Cascade(lbp_frontal_face_cascade_filename())
