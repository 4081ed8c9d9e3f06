"""Whether two photos show the same scene from the same place, from their brightness alone."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

_CELLS = 32  # along the longer side
_AROUND = 9  # cells: the side of the surroundings that a cell is compared with
# Least correlation of the same scene. Photos of something else reach 0.23 among the authors' (0.82 with surroundings,
# since most skies are bright); the same photo darkened has 0.92, and moved by 2 % of its width 0.68.
_SAME = 0.45


def structure(luminance: Tensor) -> Tensor:
    """The brightness of a photo, (H, W), by cell, less the mean of each cell's surroundings: (h, w), 32 at most."""
    height, width = luminance.shape
    longest = max(height, width)
    cells = max(1, round(_CELLS * height / longest)), max(1, round(_CELLS * width / longest))
    means = F.adaptive_avg_pool2d(luminance[None, None], cells)
    reach = _AROUND // 2
    around = F.avg_pool2d(F.pad(means, (reach,) * 4, mode="replicate"), _AROUND, stride=1)
    return (means - around)[0, 0].cpu()


def same_scene(first: Tensor, second: Tensor) -> bool:
    """Whether two results of `structure` correlate; one without any structure shows no scene at all."""
    if first.shape != second.shape:
        return False
    pair = torch.stack((first.flatten(), second.flatten())).double()
    pair = pair - pair.mean(1, keepdim=True)
    norms = pair.norm(dim=1)
    if float(norms.min()) < 1e-6 * pair.shape[1] ** 0.5:
        return False
    return float(pair[0] @ pair[1] / norms.prod()) >= _SAME
