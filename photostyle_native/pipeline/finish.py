"""The last step: smooth the optimised picture along the content's edges, and bring it to the photo's full size."""

from __future__ import annotations

import torch
from torch import Tensor

from .. import ops
from ..color.mixing import Mix
from ..images.photo import Photo

_SMOOTHING_RADIUS, _SMOOTHING_SIZE = 15, 700  # pixels: the authors' radius, and the longest side of their results


@torch.no_grad()
def finish(x: Tensor, guide: Tensor, photo: Photo, mix: Mix | None = None) -> Tensor:
    """Smooth the optimised picture as the authors do, and bring it to the size of the photo.

    The locally affine colour map from the content to the picture is smoothed along the content's edges. If the photo
    is larger, this map is upsampled under the guidance of the full photo, and applied to it.

    Args:
        x: the optimised picture, (3, h, w).
        guide: the content at the same size, (3, h, w).
        photo: the content photo at its own size.
        mix: how much of the change is taken, and what of the photo is kept; default: all of it, nothing.

    Returns:
        (3, H, W) at the photo's size, in [0, 1], on the CPU.
    """
    longest = max(x.shape[-2:])
    radius = max(2, round(_SMOOTHING_RADIUS * longest / _SMOOTHING_SIZE))
    if photo.size == tuple(x.shape[-2:]):
        full = guide
        image = ops.smooth_local_affine(x, guide, radius=radius)
    else:
        full = photo.tensor(device=x.device)
        coefs = ops.smooth_affine_coefficients(ops.fit_local_affine(x, guide), guide, radius=radius)
        image = ops.upsample_local_affine(coefs, guide, full)
    return (mix or Mix())(full, image.clamp_(0, 1)).cpu()
