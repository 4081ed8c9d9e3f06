"""The data of the benchmarks: one real photo at any size, masks, and the sizes of features."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from .. import data
from ..network.vgg19 import CHANNELS_PER_BLOCK, block_of


def height_of(width: int) -> int:
    """The height of a scene of this width; all scenes are 4:3."""
    return round(width * 0.75)


def photo(width: int) -> Tensor:
    """The demo's content photo, cropped to 4:3: (3, 3/4 width, width), float32 in [0, 1]."""
    with Image.open(data.CONTENT) as file:
        pixels = np.asarray(file.convert("RGB"), dtype=np.float32) / 255
    image = torch.from_numpy(pixels).permute(2, 0, 1)
    height = image.shape[1] // 3 * 3
    crop = image[None, :, :height, : height // 3 * 4]
    resized = torch.nn.functional.interpolate(crop, (height_of(width), width), mode="bicubic", antialias=True)
    return resized[0].clamp(0, 1).contiguous()


def views(image: Tensor, count: int) -> list[Tensor]:
    """Make `count` pictures from one by flipping. A benchmark uses them in turn, so that no cache holds the next."""
    flips = (image, image.flip(2), image.flip(1), image.flip((1, 2)))
    return [flips[i % 4].contiguous() for i in range(count)]


def bands(count: int, height: int, width: int) -> Tensor:
    """A partition into `count` slanted bands, (count, height, width), float32."""
    y = torch.arange(height)[:, None] / height
    x = torch.arange(width)[None, :] / width
    label = ((y + 0.2 * x) / 1.2 * count).long().clamp(max=count - 1)
    return (label == torch.arange(count)[:, None, None]).float()


def layer_size(layer: str, width: int) -> tuple[int, int, int]:
    """Channels, height and width of a style layer for a photo of that width (pooling rounds up)."""
    block = block_of(layer)
    step = 2**block
    return CHANNELS_PER_BLOCK[block], -(-height_of(width) // step), -(-width // step)
