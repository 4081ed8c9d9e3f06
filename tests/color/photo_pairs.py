"""Two photos with masks and other colours."""

from __future__ import annotations

import pytest
import torch
from pictures import smooth_picture
from torch import Tensor


@pytest.fixture
def masked_pair() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Two pictures in two halves each, with colours that are no linear map of one another."""
    content, style = smooth_picture(48, 64), smooth_picture(40, 56).flip(0) ** 3
    masks, style_masks = torch.zeros(2, 48, 64), torch.zeros(2, 40, 56)
    masks[0, :24], masks[1, 24:] = 1, 1
    style_masks[0, :, :20], style_masks[1, :, 20:] = 1, 1
    return content, style, masks, style_masks
