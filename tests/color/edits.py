"""An edit that depends on place, and its look."""

from __future__ import annotations

import pytest
import torch
from pictures import smooth_picture
from torch import Tensor

from photostyle_native import Look


def warm_right(image: Tensor) -> Tensor:
    """An edit that depends on place and brightness."""
    x = torch.linspace(0, 1, image.shape[-1])
    curve = image + 0.3 * (1 - image) * image
    return torch.lerp(image * 0.8, curve * torch.tensor([1.0, 0.8, 0.6])[:, None, None], x)


@pytest.fixture(scope="module")
def look() -> Look:
    content = smooth_picture(60, 80)
    return Look.fit(content, warm_right(content), cells=8)
