"""The transparent pixels of photos, whose colours nobody sees, so that nothing may depend on them."""

from __future__ import annotations

import numpy as np
from scipy import ndimage  # type: ignore[import-untyped]


def fill_hidden(pixels: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Give each wholly transparent pixel the colours of the nearest pixel that is not.

    So resizing, filters and networks, which look beyond a pixel, find colours of the photo there.

    Args:
        pixels: (H, W, C).
        alpha: (H, W); 0 is wholly transparent.

    Returns:
        A new array, or `pixels` itself if no pixel is wholly transparent.

    Raises:
        ValueError: every pixel is.
    """
    hidden = alpha == 0
    if not hidden.any():
        return pixels
    if hidden.all():
        raise ValueError("every pixel is wholly transparent")
    filled = pixels.copy()
    # Only the hidden pixels are looked up, which needs less memory than a map of all.
    rows, columns = ndimage.distance_transform_edt(hidden, return_distances=False, return_indices=True)
    filled[hidden] = pixels[rows[hidden], columns[hidden]]
    return filled
