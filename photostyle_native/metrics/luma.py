"""The luma of a content and an output picture, which most metrics compare, and the checks of both pictures."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..errors import PhotostyleError

_REC601 = torch.tensor((0.299, 0.587, 0.114), dtype=torch.float64)


def check_pair(content: Tensor, output: Tensor) -> None:
    """Raise PhotostyleError unless both are (3, H, W), of one size, not empty and finite."""
    for name, image in (("content", content), ("output", output)):
        if image.dim() != 3 or image.shape[0] != 3 or image.numel() == 0:
            raise PhotostyleError(f"`{name}` must have shape (3, H, W), got {tuple(image.shape)}")
        if not bool(torch.isfinite(image).all()):
            raise PhotostyleError(f"`{name}` must be finite")
    if content.shape != output.shape:
        raise PhotostyleError(
            f"`output` must have the content's shape {tuple(content.shape)}, got {tuple(output.shape)}"
        )


def luma(image: Tensor) -> np.ndarray:
    """Rec. 601 luma Y' = 0.299 R' + 0.587 G' + 0.114 B' of encoded values (3, H, W), as (H, W) float64."""
    return torch.einsum("c,chw->hw", _REC601, image.detach().cpu().double()).numpy()


def luma_pair(content: Tensor, output: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """The luma of both pictures, after `check_pair`."""
    check_pair(content, output)
    return luma(content), luma(output)
