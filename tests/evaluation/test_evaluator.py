"""Scores of any output image."""

from __future__ import annotations

import pytest
from pictures import smooth_picture
from pipeline.photo_pairs import labels
from torch import Tensor

from photostyle_native import VGG19, PhotostyleError, evaluate, transfer


def test_evaluate_prefers_the_transfer(pair: tuple[Tensor, Tensor], vgg: VGG19) -> None:
    content, style = pair
    masks = {"content_mask": labels(72, 96), "style_mask": labels(64, 80)}
    result = transfer(content, style, size=96, iterations=10, realism=0, weights=vgg, device="cpu", **masks)
    scores = {
        name: evaluate(content, style, image, weights=vgg, device="cpu", **masks)
        for name, image in (("result", result.working), ("content", content))
    }
    assert scores["content"]["content"] == 0
    assert scores["result"]["style"] < 0.5 * scores["content"]["style"]
    # `working` is clamped to [0, 1], the optimised picture was not: close, not equal.
    assert scores["result"]["total"] == pytest.approx(result.energies["total"], rel=2e-2)
    small = evaluate(content, style, result.working, size=48, weights=vgg, device="cpu", **masks)
    assert small["total"] != scores["result"]["total"]


def test_evaluate_checks_the_aspect(pair: tuple[Tensor, Tensor], vgg: VGG19) -> None:
    with pytest.raises(PhotostyleError, match="aspect ratios differ"):
        evaluate(*pair, smooth_picture(72, 72), weights=vgg, device="cpu")
