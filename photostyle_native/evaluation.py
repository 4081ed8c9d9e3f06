"""The energy of any output image: how well somebody's result solves the problem that `transfer` solves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from .errors import PhotostyleError
from .images import as_photo, resize
from .inputs import fitting_size, read_mask_pair, resolve_device
from .masks import exact_pair, single_region
from .objective import Objective, Weights
from .vgg import VGG19, load_vgg19


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
) -> dict[str, float]:
    """The terms of the energy for an output image, whoever made it.

    Args:
        content, style, content_mask, style_mask, weights, term_weights, device: as for `transfer`; masks count
            exactly as given (see `masks.exact_pair`).
        output: the image to score.
        size: longest side at which everything is compared; default: the output's own size. Content and masks are
            resized to the output's size; the style photo keeps its own unless it is larger.

    Returns:
        ``content``, ``style``, ``photo``, ``tv`` and ``total``, each with its weight.

    Raises:
        PhotostyleError: input that cannot be used, among it an output of another aspect ratio than the content.
    """
    target = resolve_device(device)
    photo, result = as_photo(content, "content"), as_photo(output, "output")
    style_photo = as_photo(style, "style").converted_to(photo.icc_profile)
    result = result.converted_to(photo.icc_profile)
    longest = max(result.size) if size is None else size
    at = fitting_size(result, longest)
    if abs(photo.width * at[0] - photo.height * at[1]) > max(0.02 * photo.height * at[1], *photo.size, *at):
        raise PhotostyleError(
            f"{result.name} is {result.width}x{result.height}, its content {photo.width}x{photo.height}: "
            "the aspect ratios differ"
        )
    style_at = fitting_size(style_photo, longest)
    images = photo.tensor(at), style_photo.tensor(style_at)
    labels = read_mask_pair(content_mask, style_mask, photo, style_photo)
    masks = single_region(at, style_at) if labels is None else exact_pair(*labels, at, style_at)
    vgg = (weights if isinstance(weights, VGG19) else load_vgg19(weights)).to(target)
    objective = Objective(
        images[0].to(target),
        images[1].to(target),
        masks.content.to(target),
        masks.style.to(target),
        vgg,
        term_weights,
    )
    with torch.no_grad():
        return objective(resize(result.tensor(), at).to(target)).values()
