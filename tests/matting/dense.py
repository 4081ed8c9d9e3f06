"""The Matting Laplacian as a dense matrix."""

from __future__ import annotations

import torch
from torch import Tensor

from photostyle_native.reference import matting_laplacian as reference

DOUBLE = torch.float64


def dense(image: Tensor, eps: float = 1e-7, radius: int = 1) -> Tensor:
    """The matrix by the reference: one product per column."""
    height, width = image.shape[-2:]
    columns = torch.eye(height * width, dtype=image.dtype).view(-1, 1, height, width)
    return reference.matting_laplacian(columns, image, eps, radius).flatten(1).T
