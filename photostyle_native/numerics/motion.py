"""Motion between two frames: bringing one to the other, and where it can be trusted."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

# How far from its start the way there and back may end: half a squared pixel and a share of the squared ways.
_SLACK, _SHARE = 0.5, 0.01


def warped(image: Tensor, flow: Tensor) -> Tensor:
    """An image (C, h, w) as seen from where `flow` (2, h, w), rows and columns in pixels, begins."""
    height, width = image.shape[1:]
    rows = 2 * (flow[0] + _rows(flow)) / max(height - 1, 1) - 1
    columns = 2 * (flow[1] + _columns(flow)) / max(width - 1, 1) - 1
    grid = torch.stack((columns, rows), -1)[None].float()
    return F.grid_sample(image[None].float(), grid, padding_mode="border", align_corners=True)[0]


def agreement(there: Tensor, back: Tensor) -> Tensor:
    """Where the flow to another frame and the one back from it lead to the same place, (h, w), 1 or 0.

    Elsewhere something is hidden, has left the frame, or the flow is wrong.

    Source: Sundaram, Brox, Keutzer: *Dense point trajectories by GPU-accelerated large displacement optical flow*
    (ECCV 2010), as used by Ruder, Dosovitskiy, Brox: *Artistic style transfer for videos* (GCPR 2016), section 4.2.
    """
    returning = warped(back, there)
    residual = (there + returning).square().sum(0)
    allowed = _SHARE * (there.square() + returning.square()).sum(0) + _SLACK
    height, width = residual.shape
    rows, columns = there[0] + _rows(there), there[1] + _columns(there)
    inside = (rows >= 0) & (rows <= height - 1) & (columns >= 0) & (columns <= width - 1)
    return ((residual <= allowed) & inside).float()


def _rows(flow: Tensor) -> Tensor:
    return torch.arange(flow.shape[1], device=flow.device)[:, None]


def _columns(flow: Tensor) -> Tensor:
    return torch.arange(flow.shape[2], device=flow.device)
