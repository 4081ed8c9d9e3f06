"""Masks at the resolutions of VGG-19's layers, where features are compared under them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F

from ..errors import PhotostyleError
from .vgg19 import ALL_LAYERS


def mask_pyramid(masks: torch.Tensor, layers: Sequence[str]) -> dict[str, torch.Tensor]:
    """Reduce masks as VGG-19 reduces images, and return them at some of its convolutions.

    As in the code of Luan et al. 2017, every convolution becomes a 3 x 3 average with stride 1 that counts the zero
    padding, and every pooling a bilinear reduction to ceil(size / 2) (half-pixel centres, no antialiasing).

    Args:
        masks: (..., K, H, W), floating point.
        layers: names from "conv1_1" to "conv5_4"; the masks of a layer include the average of that convolution.

    Returns:
        The masks, (..., K, h, w), by layer, in the order of `layers`.

    Raises:
        PhotostyleError: a layer is unknown, or the masks have another shape or type.
    """
    unknown = [layer for layer in layers if layer not in ALL_LAYERS]
    if unknown:
        raise PhotostyleError(f"`layers` must be convolutions of VGG-19, conv1_1 to conv5_4, got {unknown[0]!r}")
    if masks.dim() < 3 or masks.numel() == 0 or not masks.is_floating_point():
        raise PhotostyleError(
            "`masks` must be floating point with shape (..., K, H, W), none of them zero,"
            f" got {masks.dtype} {tuple(masks.shape)}"
        )
    batch = masks.shape[:-2]
    current = masks.reshape(-1, 1, *masks.shape[-2:])
    found: dict[str, torch.Tensor] = {}
    for layer in ALL_LAYERS[: max((ALL_LAYERS.index(layer) + 1 for layer in layers), default=0)]:
        if layer.endswith("_1") and layer != "conv1_1":
            height, width = current.shape[-2:]
            half = (-(-height // 2), -(-width // 2))
            current = F.interpolate(current, half, mode="bilinear", align_corners=False)
        current = F.avg_pool2d(current, 3, stride=1, padding=1, count_include_pad=True)
        if layer in layers:
            found[layer] = current.reshape(*batch, *current.shape[-2:])
    return {layer: found[layer] for layer in layers}
