"""The energy that a transfer minimises, the sum of four terms: content, style, photorealism, total variation.

Luan, Paris, Shechtman, Bala: *Deep Photo Style Transfer* (CVPR 2017), eqs. 1-6. Where the authors' released code
differs from the paper, constants and conventions are those of the code.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import reduce
from typing import Protocol, TypedDict

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from .. import ops
from ..errors import PhotostyleError
from ..network.mask_pyramid import mask_pyramid
from ..network.vgg19 import BLOCKS, VGG19
from ..ops.masked_gram import gram_normalisation

STYLE_LAYERS = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")
CONTENT_LAYER = "conv4_2"
# The authors multiply the Laplacian, made from colours in [0, 1], with their 0..255 image divided by 256.
_PHOTO_SCALE = 255 / 256


@dataclass(frozen=True)
class Weights:
    """The weights of the four terms; the defaults are those of the authors' released code.

    Args:
        content, style, photo, tv: the weights of content, style, photorealism and total variation.

    Raises:
        PhotostyleError: a weight is negative or not finite.
    """

    content: float = 5.0
    style: float = 100.0
    photo: float = 1e4
    tv: float = 1e-3

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not 0 <= value < float("inf"):
                raise PhotostyleError(f"the weight `{name}` must be finite and not negative, got {value!r}")


@dataclass(frozen=True)
class Terms:
    """The four terms of the energy of one image, each multiplied by its weight.

    Args:
        content, style, photo, tv: scalar tensors: content, style, photorealism and total variation.
    """

    content: Tensor
    style: Tensor
    photo: Tensor
    tv: Tensor

    @property
    def total(self) -> Tensor:
        """The sum of the four terms, a scalar tensor."""
        return reduce(operator.add, (getattr(self, name) for name in TERMS))

    def values(self) -> dict[str, float]:
        """The terms by name, and their sum as ``total``, as Python floats."""
        numbers = {name: float(getattr(self, name).detach()) for name in TERMS}
        return {**numbers, "total": sum(numbers.values())}


class Energy(Protocol):
    """What a solver minimises: `Objective`, or one with more terms."""

    def __call__(self, x: Tensor, *, photo: bool = True) -> Terms:
        """The four terms of an image, differentiable in it; without the photorealism term if `photo` is false."""
        ...


# The names of the terms. Solver, evaluation, tables and command line take them from here.
TERMS = tuple(field.name for field in fields(Terms))
ENERGIES = (*TERMS, "total")


class Energies(TypedDict):
    """The dictionary that `Terms.values` returns: the terms, each with its weight, and their sum."""

    content: float
    style: float
    photo: float
    tv: float
    total: float


@dataclass(frozen=True)
class _StyleTarget:
    """The targets of one layer's masked Gram matrices, and the factors of the comparison."""

    masks: Tensor  # (K, h, w), the content photo's masks m_k
    targets: Tensor  # (K, C, C), the style photo's matrices, divided by C N' mean(m'_k)
    scale: Tensor  # (K,), 1 / (C N mean(m_k)); zero for a mask that is empty in this layer
    weight: Tensor  # (K,), mean(m_k) / C^2: the label's area, divided by the number of a matrix's elements

    @classmethod
    def joined(cls, targets: Sequence[_StyleTarget]) -> _StyleTarget:
        """The targets of several style photos in one layer, as those of all their masks."""
        return cls(*(torch.cat([getattr(t, f.name) for t in targets]).contiguous() for f in fields(cls)))

    def loss(self, features: Tensor) -> Tensor:
        return ops.masked_gram_loss(features, self.masks, self.targets, self.scale, self.weight)

    def losses(self, features: Tensor) -> list[Tensor]:
        """The parts of `loss` that belong to the single masks."""
        parts = (value.split(1) for value in (self.masks, self.targets, self.scale, self.weight))
        return [ops.masked_gram_loss(features, *part) for part in zip(*parts, strict=True)]


class Objective:
    """The energy of an output image, given a content photo, one or several style photos and their masks.

    Args:
        content: (3, H, W) RGB in [0, 1], float32; also the guide of the Matting Laplacian.
        style: (3, H', W') RGB in [0, 1], float32; or a sequence of such photos, of any sizes.
        content_masks, style_masks: (K, H, W) and (K, H', W'), float32; mask k of one photo corresponds to mask k of
            the other. A label whose mask is empty in the content contributes nothing; the target of a label whose
            mask is empty in the style is zero. Of several style photos each has its own pair: two sequences.
        vgg: the network, on the photos' device.
        weights: weights of the four terms; by default those of the authors.
        low_memory: keep only the input of each block of the network for the gradient, and compute the block again.
            This takes two thirds less memory and a third more time.
        shares: the weight of each style photo in the style term; by default they are equal and their sum is one.
            Where the masks of the content are the same for all, the term is that of the mean of the style photos'
            Gram matrices, weighted so, plus a constant.

    Raises:
        PhotostyleError: the shapes do not fit together, or a photo is smaller than `MIN_SIDE` of `network.vgg19`.

    Source: Luan et al. 2017, eqs. 1-6, and the authors' released code.
    """

    def __init__(
        self,
        content: Tensor,
        style: Tensor | Sequence[Tensor],
        content_masks: Tensor | Sequence[Tensor],
        style_masks: Tensor | Sequence[Tensor],
        vgg: VGG19,
        weights: Weights | None = None,
        low_memory: bool = False,
        *,
        shares: Sequence[float] | None = None,
    ) -> None:
        styles, content_stacks, style_stacks = (
            [given] if isinstance(given, Tensor) else list(given) for given in (style, content_masks, style_masks)
        )
        shares = [1 / len(styles)] * len(styles) if shares is None else list(shares)
        _check_counts(styles, content_stacks, style_stacks, shares)
        for one, masks, its_masks in zip(styles, content_stacks, style_stacks, strict=True):
            _check_shapes(content, one, masks, its_masks)
        self.weights = weights or Weights()
        self.vgg = vgg
        self.low_memory = low_memory
        self.guide = content.contiguous()
        self._used = torch.cat([masks.flatten(1).amax(1) > 0 for masks in content_stacks])
        with torch.no_grad():
            self._content_features = vgg(content, (CONTENT_LAYER,))[CONTENT_LAYER].float()
            photos = [*zip(styles, content_stacks, style_stacks, shares, strict=True)]
            parts = [self._style_targets(*photo) for photo in photos]
        self._style = {layer: _StyleTarget.joined([part[layer] for part in parts]) for layer in STYLE_LAYERS}

    def _style_targets(
        self, style: Tensor, content_masks: Tensor, style_masks: Tensor, share: float
    ) -> dict[str, _StyleTarget]:
        # Labels that do not occur in the content contribute nothing, so they are left out.
        used = content_masks.flatten(1).amax(1) > 0
        content_pyramid = mask_pyramid(content_masks[used], STYLE_LAYERS)
        style_pyramid = mask_pyramid(style_masks[used], STYLE_LAYERS)
        features = self.vgg(style, STYLE_LAYERS)
        result = {}
        for layer in STYLE_LAYERS:
            channels = features[layer].shape[0]
            _, style_scale = gram_normalisation(style_pyramid[layer], channels)
            targets = ops.masked_gram(features[layer], style_pyramid[layer]) * style_scale[:, None, None]
            area, scale = gram_normalisation(content_pyramid[layer], channels)
            result[layer] = _StyleTarget(content_pyramid[layer], targets, scale, share * area / channels**2)
        return result

    def __call__(self, x: Tensor, *, photo: bool = True) -> Terms:
        """The four terms of an image, differentiable in it.

        Args:
            x: (3, H, W), RGB in [0, 1], float32; values outside the range are allowed.
            photo: whether to compute the photorealism term. Otherwise it is zero, as in the authors' first stage.

        Returns:
            The terms, each multiplied by its weight.
        """
        w = self.weights
        style: list[Tensor] = []
        content: list[Tensor] = []  # one element, from the block with the content layer
        features = self.vgg.prepare(x)
        for index in range(BLOCKS):
            if self.low_memory and features.requires_grad:
                features, losses = checkpoint(
                    self._block, index, features, use_reentrant=False, preserve_rng_state=False
                )
            else:
                features, losses = self._block(index, features)
            style.append(losses[0])
            content += losses[1:]
        if photo:
            energy = ops.matting_energy(x, self.guide) * (w.photo * _PHOTO_SCALE**2)
        else:
            energy = x.new_zeros(())
        return Terms(
            content=content[0] * w.content,
            style=torch.stack(style).sum() * w.style,
            photo=energy,
            tv=ops.total_variation(x) * w.tv,
        )

    @torch.no_grad()
    def style_parts(self, x: Tensor) -> Tensor:
        """The parts of the style term by layer and label, without gradients.

        Args:
            x: (3, H, W), RGB in [0, 1], float32.

        Returns:
            (5, K), a row for each of `STYLE_LAYERS`; its sum is ``self(x).style``.
        """
        features = self.vgg(x, STYLE_LAYERS)
        parts = x.new_zeros(len(STYLE_LAYERS), len(self._used))
        for row, layer in enumerate(STYLE_LAYERS):
            for k, loss in zip(self._used.nonzero(), self._style[layer].losses(features[layer]), strict=True):
                parts[row, k] = loss
        return parts * self.weights.style

    def _block(self, index: int, x: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        """The input of the network's next block, and the losses of this block: style, then content if it is here."""
        x, features = self.vgg.block(index, x, (*STYLE_LAYERS, CONTENT_LAYER))
        losses = []
        for name, batch in features.items():
            at = batch.squeeze(0)  # unlike batch[0], this has a gradient that is a view
            if name == CONTENT_LAYER:
                losses.append(F.mse_loss(at.float(), self._content_features))
            else:
                losses.insert(0, self._style[name].loss(at))
        return x, tuple(losses)


def _check_counts(
    styles: Sequence[Tensor], content: Sequence[Tensor], style: Sequence[Tensor], shares: Sequence[float]
) -> None:
    counts = [len(content), len(style), len(shares)]
    if not styles or counts != [len(styles)] * 3:
        raise PhotostyleError(
            f"each of the {len(styles)} style photos needs its `content_masks`, `style_masks` and share, got "
            f"{counts[0]}, {counts[1]} and {counts[2]}"
        )


def _check_shapes(content: Tensor, style: Tensor, content_masks: Tensor, style_masks: Tensor) -> None:
    for name, image, masks in (("content", content, content_masks), ("style", style, style_masks)):
        if image.dim() != 3 or image.shape[0] != 3:
            raise PhotostyleError(f"`{name}` must have shape (3, H, W), got {tuple(image.shape)}")
        if masks.dim() != 3 or masks.shape[-2:] != image.shape[-2:]:
            raise PhotostyleError(
                f"`{name}_masks` must have shape (K, H, W) with {name}'s height and width "
                f"{tuple(image.shape[-2:])}, got {tuple(masks.shape)}"
            )
    if content_masks.shape[0] != style_masks.shape[0]:
        raise PhotostyleError(
            f"`style_masks` must have as many masks as `content_masks`, {content_masks.shape[0]}, "
            f"got {style_masks.shape[0]}"
        )
