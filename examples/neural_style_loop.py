"""The masked style loss of a neural-style loop, without a copy of the features for each mask.

- grams = [gram(features * mask) / mask.mean() for mask in masks]
- loss = sum(m.mean() * F.mse_loss(g, t) for g, t, m in zip(grams, targets, masks))
+ style = MaskedGramLoss(targets, masks)
+ loss = style(features)
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from _recipe import arguments, compare, photo
from torch import Tensor

from photostyle_native import MaskedGramLoss

STEPS, CHANNELS, MASKS = 10, 64, 4


def _network(image: Tensor) -> Tensor:
    """One convolution with ReLU in place of VGG, because the recipe is about what comes after the network."""
    weight = torch.randn(CHANNELS, 3, 3, 3, generator=torch.Generator().manual_seed(0))
    return F.conv2d(image[None], weight, padding=1)[0].relu()


def _grams(features: Tensor, masks: Tensor) -> list[Tensor]:
    masked = [(features * mask).flatten(1) for mask in masks]
    return [m @ m.T / (m.numel() * mask.mean()) for m, mask in zip(masked, masks, strict=True)]


def before(image: np.ndarray, style: np.ndarray, masks: np.ndarray) -> np.ndarray:
    regions = torch.from_numpy(masks)
    targets = _grams(_network(torch.from_numpy(style)), regions)
    x = torch.from_numpy(image).requires_grad_()
    for _ in range(STEPS):
        grams = _grams(_network(x), regions)
        loss = sum(m.mean() * F.mse_loss(g, t) for g, t, m in zip(grams, targets, regions, strict=True))
        (gradient,) = torch.autograd.grad(loss, x)
    return gradient.numpy()


def after(image: np.ndarray, style: np.ndarray, masks: np.ndarray) -> np.ndarray:
    regions = torch.from_numpy(masks)
    targets = torch.stack(
        _grams(_network(torch.from_numpy(style)), regions)
    )  # MaskedGramMatrix(regions) computes them too
    style_loss = MaskedGramLoss(targets, regions)
    x = torch.from_numpy(image).requires_grad_()
    for _ in range(STEPS):
        loss = style_loss(_network(x))
        (gradient,) = torch.autograd.grad(loss, x)
    return gradient.numpy()


def main(argv: list[str] | None = None) -> None:
    options = arguments(__doc__ or "", 700, argv)
    image = np.ascontiguousarray(photo(options.width).transpose(2, 0, 1))
    style = np.ascontiguousarray(image[::-1, :, ::-1])
    band = np.arange(image.shape[1]) * MASKS // image.shape[1]
    masks = np.stack([np.broadcast_to((band == k)[:, None], image.shape[1:]) for k in range(MASKS)]).astype(
        np.float32
    )
    print(f"style loss and gradient under {MASKS} masks, {options.width} x {image.shape[1]}, {STEPS} times")
    compare(before, after, (image, style, masks), 1e-3, options.quick)


if __name__ == "__main__":
    main()
