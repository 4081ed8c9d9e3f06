"""The energy and the metrics of any output image, whoever made it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from ..errors import PhotostyleError
from ..images.photo import Photo, as_photo
from ..images.resize import resize
from ..machine import resolve_device
from ..masks.pairs import MaskPair, aspects_differ, exact_pair, single_region
from ..metrics.report import Metrics, measure
from ..network.vgg19 import VGG19
from ..network.weights import load_vgg19
from ..optimization.objective import ENERGIES, Energies, Objective, Weights
from ..pipeline.inputs import fitting_size, read_mask_pair
from ..torch_state import independent


class Evaluation(Energies):
    """The terms of the energy, each multiplied by its weight, their total, and the metrics."""

    metrics: Metrics


def energy_terms(scores: Evaluation) -> dict[str, float]:
    """The energy's terms and their total, without the metrics."""
    values = dict(scores)
    return {name: cast("float", values[name]) for name in ENERGIES}


class Evaluator:
    """A scorer of outputs for one content and style photo; all are compared at the content's size.

    Args:
        content, style: (3, H, W) and (3, H', W'), RGB in [0, 1], float32.
        masks: the masks of both, at these sizes.
        vgg: the network; everything is computed on its device.
        term_weights: weights of the energy's terms; default: the authors'.

    Raises:
        PhotostyleError: shapes do not fit together.
    """

    def __init__(
        self, content: Tensor, style: Tensor, masks: MaskPair, vgg: VGG19, term_weights: Weights | None = None
    ) -> None:
        self._device = vgg.mean.device
        self._style, self._masks = style, masks
        images = content.to(self._device), style.to(self._device)
        both = masks.content.to(self._device), masks.style.to(self._device)
        self._objective = Objective(*images, *both, vgg, term_weights)

    @torch.no_grad()
    def __call__(self, output: Tensor) -> Evaluation:
        """Score an output, (3, h, w) RGB in [0, 1] of any size; it is resized to the content's size."""
        height, width = self._objective.guide.shape[-2:]
        x = resize(output, (height, width)).to(self._device)
        energies = self._objective(x).values()
        return cast("Evaluation", {**energies, "metrics": measure(self._objective, self._style, self._masks, x)})


def check_output_aspect(output: Photo, content: Photo, at: tuple[int, int]) -> None:
    """Raise PhotostyleError unless `at`, the (height, width) of the output, has the content's aspect ratio to 2 %."""
    if aspects_differ(content.size, at):
        raise PhotostyleError(
            f"{output.name} is {output.width}x{output.height}, its content {content.width}x{content.height}: "
            "the aspect ratios differ"
        )


@independent
def evaluate(
    content: Any,
    style: Any,
    output: Any,
    *,
    content_mask: Any = None,
    style_mask: Any = None,
    size: int | None = None,
    weights: str | Path | VGG19 = "bundled",
    term_weights: Weights | None = None,
    device: str | torch.device = "auto",
) -> Evaluation:
    """Compute the energy's terms and the metrics of an output image, whoever made it.

    Args:
        content, style, content_mask, style_mask, weights, term_weights, device: as for `transfer`. Masks count
            exactly as given (see `masks.pairs.exact_pair`); without masks each photo is one region. What is
            transparent belongs to no region.
        output: the image to score, in any form that `content` may have.
        size: longest side in pixels at which everything is compared; default: the output's own size. Content and
            masks are resized to the output's size; the style photo keeps its own size unless it is larger.

    Returns:
        A dictionary of the terms ``content``, ``style``, ``photo`` and ``tv``, each multiplied by its weight, their
        sum ``total``, and ``metrics`` (see `metrics.Metrics` and docs/metrics.md).

    Raises:
        PhotostyleError: input cannot be used, or the output's aspect ratio is not the content's.

    Source: Luan et al. 2017, eqs. 1-6, for the energy; the functions of `metrics` name theirs.
    """
    target = resolve_device(device)
    photo, result = as_photo(content, "content"), as_photo(output, "output")
    style_photo = as_photo(style, "style").converted_to(photo.icc_profile)
    result = result.converted_to(photo.icc_profile)
    longest = max(result.size) if size is None else size
    at = fitting_size(result, longest)
    check_output_aspect(result, photo, at)
    style_at = fitting_size(style_photo, longest, strict=False)
    images = photo.tensor(at), style_photo.tensor(style_at)
    labels = read_mask_pair(content_mask, style_mask, photo, style_photo)
    masks = single_region(at, style_at) if labels is None else exact_pair(*labels, at, style_at)
    masks = masks.weighted(photo.opacity(at), style_photo.opacity(style_at))
    vgg = (weights if isinstance(weights, VGG19) else load_vgg19(weights)).to(target)
    return Evaluator(*images, masks, vgg, term_weights)(result.tensor(at))
