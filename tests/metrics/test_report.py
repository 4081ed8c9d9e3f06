"""All metrics at once, label by label."""

from __future__ import annotations

import pytest
import torch
from pictures import smooth_picture
from torch import Tensor

from photostyle_native import Objective, load_vgg19, metrics
from photostyle_native.masks.pairs import MaskPair
from photostyle_native.optimization.objective import STYLE_LAYERS


def halves(height: int, width: int, labels: int = 2) -> Tensor:
    masks = torch.zeros(labels, height, width)
    masks[0, :, : width // 3], masks[1, :, width // 3 :] = 1, 1
    return masks


def test_style_by_layer_and_label_sums_to_the_term() -> None:
    content, style = smooth_picture(45, 67), smooth_picture(50, 40).flip(0)
    masks, style_masks = halves(45, 67, 3), halves(50, 40, 3)  # the third is empty
    objective = Objective(content, style, masks, style_masks, load_vgg19())
    x = content.flip(2)
    parts = objective.style_parts(x)
    assert parts.shape == (len(STYLE_LAYERS), 3)
    assert float(parts.sum()) == pytest.approx(float(objective(x).style), rel=1e-5)
    assert (parts[:, :2] > 0).all()
    assert (parts[:, 2] == 0).all()
    alone = Objective(content, style, masks[:1], style_masks[:1], load_vgg19())
    assert float(alone(x).style) == pytest.approx(float(parts[:, 0].sum()), rel=1e-5)


def test_measure_says_which_label_is_far_from_the_style() -> None:
    content = torch.full((3, 48, 64), 0.5)
    style = torch.full((3, 40, 40), 0.5)
    style[0] = 0.8
    output = content.clone()
    output[0, :, 21:] = 0.8  # the second label took the style's colour, the first did not
    pair = MaskPair(halves(48, 64), halves(40, 40), ("left", "right"))
    objective = Objective(content, style, pair.content, pair.style, load_vgg19())
    found = metrics.measure(objective, style, pair, output)
    left, right = found["labels"]["left"], found["labels"]["right"]
    assert (left["share"], right["share"]) == (21 / 64, 43 / 64)
    assert left["color_distance"] == pytest.approx(0.15, rel=0.01)  # 0.3 in red, halved: the mean over directions
    assert right["color_distance"] == pytest.approx(0, abs=1e-6)
    assert found["color_distance"] == pytest.approx(21 / 64 * left["color_distance"])
    assert found["color_distance"] == pytest.approx(
        metrics.color_distance(output, style, pair.content, pair.style), abs=1e-12
    )
    assert list(left["gram"]) == list(STYLE_LAYERS)
    assert left["gram"]["conv1_1"] > right["gram"]["conv1_1"]
    assert found["gradient_reversal"] is None


def test_a_label_that_the_style_lacks_has_no_distance() -> None:
    content, style = smooth_picture(40, 50), smooth_picture(40, 50)
    masks, style_masks = halves(40, 50), torch.zeros(2, 40, 50)
    style_masks[0] = 1
    distances = metrics.color_distances(content, style, masks, style_masks)
    assert distances[0] is not None
    assert distances[1] is None
    pair = MaskPair(masks, torch.zeros(2, 40, 50), ("a", "b"))
    objective = Objective(content, style, pair.content, pair.style, load_vgg19())
    assert metrics.measure(objective, style, pair, content)["color_distance"] is None
