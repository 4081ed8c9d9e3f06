"""Labels of a coarse grid brought to the pixels of a photo, so that boundaries follow its edges."""

from __future__ import annotations

import numpy as np
import torch.nn.functional as F
from scipy import ndimage  # type: ignore[import-untyped]
from torch import Tensor

from .. import ops

_RADIUS, _EPS = 1 / 56, 1e-3  # of the guided filter: radius / longest side (one cell), variance of fine texture
_SPECK = 0.002  # islands smaller than this share of a photo take the nearest other label


def along_edges(soft: Tensor, image: Tensor) -> Tensor:
    """Bring soft labels (K, h, w) to the pixels of a photo (3, H, W), along its edges: (K, H, W).

    Source: guided filter, K. He, J. Sun, X. Tang, *Guided Image Filtering* (ECCV 2010).
    """
    size = int(image.shape[1]), int(image.shape[2])
    soft = F.interpolate(soft[None], size, mode="bilinear", align_corners=False)[0].contiguous()
    return ops.guided_filter(soft, image.contiguous(), eps=_EPS, radius=max(2, round(_RADIUS * max(size))))


def strongest(soft: Tensor) -> np.ndarray:
    """The strongest label of each pixel, (K, H, W) -> (H, W) int16; tiny islands take the nearest other label."""
    index = soft.argmax(0).numpy().astype(np.int16)
    small = np.zeros(index.shape, bool)
    for label in np.unique(index):
        islands, _ = ndimage.label(index == label)
        small |= (np.bincount(islands.ravel()) < _SPECK * index.size)[islands] & (islands > 0)
    if not small.any() or small.all():
        return index
    nearest = ndimage.distance_transform_edt(small, return_distances=False, return_indices=True)
    return index[tuple(nearest)]
