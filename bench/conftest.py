"""Shared by the benchmarks: one real photo at any size, masks, and a check before every timing.

    python -m pytest bench --benchmark-only --benchmark-columns=median,iqr,rounds --benchmark-group-by=group

Each group holds our function and its peers in the same run, on the same data; what counts is their ratio.
"""

from __future__ import annotations

from importlib.resources import files

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

THREE_LABELS = 3


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def photo(width: int) -> Tensor:
    """The demo's content photo in 4:3 (cropped), (3, 3/4 width, width)."""
    path = files("photostyle_native") / "data" / "china.jpg"
    with Image.open(str(path)) as file:
        pixels = np.asarray(file.convert("RGB"), dtype=np.float32) / 255
    image = torch.from_numpy(pixels).permute(2, 0, 1)
    height = image.shape[1] // 3 * 3
    crop = image[:, :height, : height // 3 * 4]
    size = (round(width * 0.75), width)
    return (
        torch.nn.functional.interpolate(crop[None], size, mode="bicubic", antialias=True)[0].clamp(0, 1).contiguous()
    )


def bands(count: int, height: int, width: int) -> Tensor:
    """A partition into `count` slanted bands, (K, H, W)."""
    y = torch.arange(height)[:, None] / height
    x = torch.arange(width)[None, :] / width
    label = ((y + 0.2 * x) / 1.2 * count).long().clamp(max=count - 1)
    return (label == torch.arange(count)[:, None, None]).float()
