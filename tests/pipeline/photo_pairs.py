"""A content and a style photo, and masks."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pictures import smooth_picture
from torch import Tensor


@pytest.fixture(scope="module")
def pair() -> tuple[Tensor, Tensor]:
    return smooth_picture(72, 96), (smooth_picture(64, 80).flip(0) * torch.tensor([0.9, 0.5, 0.3])[:, None, None])


def labels(height: int, width: int) -> np.ndarray:
    labels = np.zeros((height, width), np.uint8)
    labels[:, width // 2 :] = 1
    return labels
