"""The energy as a plain PyTorch port computes it: the peer of `photostyle_native.Objective`, term by term."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from photostyle_native import VGG19
from photostyle_native.mask_pyramid import mask_pyramid
from photostyle_native.objective import CONTENT_LAYER, STYLE_LAYERS, total_variation


def _grams(features: Tensor, masks: Tensor) -> Tensor:
    """One copy of the features per mask."""
    grams = []
    for mask in masks:
        masked = (features * mask).flatten(1)
        mean = mask.mean()
        grams.append(masked @ masked.T / (masked.numel() * mean))
    return torch.stack(grams)


def _box(x: Tensor) -> Tensor:
    return F.avg_pool2d(x, 3, 1)


def box_filter_energy(x: Tensor, image: Tensor, eps: float = 1e-7) -> Tensor:
    """Matting energy through box filters and explicit inverses, in float64 (float32 would be noise)."""
    x, image = x.double(), image.double()
    mean_i, mean_x = _box(image[None])[0], _box(x[None])[0]
    pairs = torch.einsum("ahw,bhw->abhw", image, image).flatten(0, 1)
    covariance = _box(pairs[None])[0].view(3, 3, *mean_i.shape[1:]) - torch.einsum("ahw,bhw->abhw", mean_i, mean_i)
    cross = torch.einsum("ahw,chw->achw", image, x).flatten(0, 1)
    cross = _box(cross[None])[0].view(3, 3, *mean_i.shape[1:]) - torch.einsum("ahw,chw->achw", mean_i, mean_x)
    system = covariance.permute(2, 3, 0, 1) + eps / 9 * torch.eye(3, dtype=torch.float64)
    slopes = torch.linalg.solve(system, cross.permute(2, 3, 0, 1)).permute(2, 3, 0, 1)
    variance = _box((x * x)[None])[0] - mean_x * mean_x
    return 9 * (variance - (slopes * cross).sum(0)).sum()


class PlainObjective:
    def __init__(
        self, content: Tensor, style: Tensor, content_masks: Tensor, style_masks: Tensor, vgg: VGG19
    ) -> None:
        self.vgg, self.guide = vgg, content
        self.masks = mask_pyramid(content_masks, STYLE_LAYERS)
        style_pyramid = mask_pyramid(style_masks, STYLE_LAYERS)
        with torch.no_grad():
            self.content = vgg(content, (CONTENT_LAYER,))[CONTENT_LAYER]
            features = vgg(style, STYLE_LAYERS)
            self.targets = {k: _grams(features[k], style_pyramid[k]) for k in STYLE_LAYERS}

    def __call__(self, x: Tensor) -> Tensor:
        features = self.vgg(x, (*STYLE_LAYERS, CONTENT_LAYER))
        style = torch.zeros(())
        for layer in STYLE_LAYERS:
            difference = (_grams(features[layer], self.masks[layer]) - self.targets[layer]).square().mean((1, 2))
            style = style + (difference * self.masks[layer].mean((1, 2))).sum()
        content = (features[CONTENT_LAYER] - self.content).square().mean()
        photo = box_filter_energy(x * (255 / 256), self.guide).float()
        return 5 * content + 100 * style + 1e4 * photo + 1e-3 * total_variation(x)
