"""The energy as a plain PyTorch port of the authors' code computes it: the peer of `photostyle_native.Objective`.

It makes a copy of the features for each mask, and holds the Laplacian as a sparse matrix.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ...network.mask_pyramid import mask_pyramid
from ...network.vgg19 import VGG19
from ...optimization.objective import CONTENT_LAYER, STYLE_LAYERS
from . import sparse_laplacian
from .plain_network import PlainNetwork


def _grams(features: Tensor, masks: Tensor) -> Tensor:
    """Masked Gram matrices (K, C, C), with one copy of the features (C, H, W) for each mask."""
    grams = []
    for mask in masks:
        masked = (features * mask).flatten(1)
        grams.append(masked @ masked.T / (masked.numel() * mask.mean()))
    return torch.stack(grams)


class _MattingEnergy(torch.autograd.Function):
    """The sum over channels of x^T L x, L a sparse matrix; the gradient is 2 L x, so one product is enough."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, matrix: Tensor) -> Tensor:
        columns = x.flatten(1).T.contiguous()
        product = matrix @ columns
        ctx.save_for_backward(product)
        ctx.size = x.shape
        return (columns * product).sum()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (product,) = ctx.saved_tensors
        return (2 * gradient * product).T.reshape(ctx.size), None


def _total_variation(x: Tensor) -> Tensor:
    scaled = 255 * x
    across = scaled[:, :-1, 1:] - scaled[:, :-1, :-1]
    down = scaled[:, 1:, :-1] - scaled[:, :-1, :-1]
    return (across.square() + down.square()).sum() / 2


class PlainObjective:
    """The energy of a picture, as a callable. Its arguments are those of `photostyle_native.Objective`."""

    def __init__(
        self, content: Tensor, style: Tensor, content_masks: Tensor, style_masks: Tensor, vgg: VGG19
    ) -> None:
        self.vgg = PlainNetwork(vgg)
        self.laplacian = sparse_laplacian.csr(content)
        self.masks = mask_pyramid(content_masks, STYLE_LAYERS)
        style_pyramid = mask_pyramid(style_masks, STYLE_LAYERS)
        with torch.no_grad():
            self.content = self.vgg(content, (CONTENT_LAYER,))[CONTENT_LAYER]
            features = self.vgg(style, STYLE_LAYERS)
            self.targets = {k: _grams(features[k], style_pyramid[k]) for k in STYLE_LAYERS}

    def __call__(self, x: Tensor, photo: bool = True) -> Tensor:
        features = self.vgg(x, (*STYLE_LAYERS, CONTENT_LAYER))
        style = x.new_zeros(())
        for layer in STYLE_LAYERS:
            difference = (_grams(features[layer], self.masks[layer]) - self.targets[layer]).square().mean((1, 2))
            style = style + (difference * self.masks[layer].mean((1, 2))).sum()
        content = (features[CONTENT_LAYER] - self.content).square().mean()
        energy = 5 * content + 100 * style + 1e-3 * _total_variation(x)
        if photo:
            energy = energy + 1e4 * _MattingEnergy.apply(x * (255 / 256), self.laplacian)
        return energy
