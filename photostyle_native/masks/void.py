"""Recognises the number 255 where it is no label: data sets write it on borders, and on what is left out.

PASCAL VOC paints a border of five pixels around every object with it (Everingham et al., *The PASCAL Visual Object
Classes Challenge*, 2010); Cityscapes and others call it the label to be ignored. In a mask of black and white it is a
label like any other.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage  # type: ignore[import-untyped]

VOID = 255
_VOC_COLOR = (224, 224, 192)  # of the number 255 in VOC's palette
_LARGEST_CLASS = 63  # where all other numbers are this small they count classes, and 255 does not continue the count
_FEWEST_CLASSES = 3  # among them the ground
_BORDER = 0.008  # of the longer side: half the width of a border; VOC's is 5 pixels of 500
_THINNEST = 1.5  # pixels
_SMALLEST = 64  # pixels of the longer side, below which no width says anything


def is_void_color(color: np.ndarray) -> bool:
    """Whether a palette shows the number 255 in the colour, (3,) uint8, that VOC gives to it."""
    return tuple(int(v) for v in color) == _VOC_COLOR


def is_void(void: np.ndarray, others: np.ndarray) -> bool:
    """Whether the number 255, at the pixels `void` (H, W) bool, is no label beside the numbers `others` (N,).

    It is none if there are three others or more, all of them small, as numbers of classes are; or if there are two,
    and it is nowhere thicker than the border between them.
    """
    if len(others) >= _FEWEST_CLASSES and int(others.max()) <= _LARGEST_CLASS:
        return True
    return len(others) >= 2 and _is_thin(void)


def _is_thin(region: np.ndarray) -> bool:
    longest = max(region.shape)
    if longest < _SMALLEST:
        return False
    padded = np.pad(region, 1)  # what lies along the edge of the picture is thin too
    return bool(ndimage.distance_transform_edt(padded).max() <= max(_THINNEST, _BORDER * longest))
