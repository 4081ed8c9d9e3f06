"""All metrics of one output in one call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypedDict

import torch
from torch import Tensor

from ..masks.pairs import MaskPair
from ..optimization.objective import STYLE_LAYERS, Objective
from ..torch_state import independent
from .artifacts import gradient_reversal, noise_gain
from .colors import color_distances, mean_distance
from .invention import invented_edges, invented_structures
from .photorealism import matting_energy_per_pixel
from .structure import edge_ssim, ssim


class LabelMetrics(TypedDict):
    """The metrics of one label.

    `gram` has the label's part of the style term by layer, in units of the energy; summed over labels and layers it
    is the style term. `color_distance` is None if the label's mask is empty in the content or the style photo, and
    `invented_structure` if it is empty in the content.
    """

    share: float  # the label's share of the content's pixels, 0 to 1
    gram: dict[str, float]
    color_distance: float | None
    invented_structure: float | None


class Metrics(TypedDict):
    """The metrics of one output; a metric that has no meaning for this content is None."""

    ssim: float | None
    edge_ssim: float | None
    color_distance: float | None
    matting_energy: float | None
    gradient_reversal: float | None
    noise_gain: float | None
    invented_structure: float | None
    invented_edges: float | None
    labels: dict[str, LabelMetrics]


MetricName = Literal[
    "ssim",
    "edge_ssim",
    "color_distance",
    "matting_energy",
    "gradient_reversal",
    "noise_gain",
    "invented_structure",
    "invented_edges",
]


@dataclass(frozen=True)
class Metric:
    """The key of a metric in `Metrics`, its title for people, and its perfect value."""

    key: MetricName
    title: str
    perfect: float


METRICS = (
    Metric("ssim", "SSIM of luma, to the content", 1),
    Metric("edge_ssim", "SSIM of edge maps, to the content", 1),
    Metric("color_distance", "distance of colours, to the style", 0),
    Metric("matting_energy", "matting energy per pixel", 0),
    Metric("gradient_reversal", "gradient reversal at edges", 0),
    Metric("noise_gain", "noise gain in flat places", 1),
    Metric("invented_structure", "invented structure, in 8-bit steps", 0),
    Metric("invented_edges", "share of invented edges", 0),
)


@independent
def measure(objective: Objective, style: Tensor, masks: MaskPair, output: Tensor) -> Metrics:
    """Compute all metrics of an output picture.

    Args:
        objective: the energy, made from the content, the style photo and these masks.
        style: (3, H', W'), RGB in [0, 1].
        masks: the masks of both photos, (K, H, W) and (K, H', W').
        output: (3, H, W), RGB in [0, 1], float32, on the objective's device.

    Returns:
        The metrics; the units and ranges are those of the single functions.

    Raises:
        PhotostyleError: the shapes do not fit together, or a value is not finite.
    """
    content = objective.guide
    gram = objective.style_parts(output).cpu()
    shares = masks.content.flatten(1).double().mean(1).tolist()
    distances = color_distances(output.cpu(), style.cpu(), masks.content.cpu(), masks.style.cpu())
    everywhere = torch.ones_like(masks.content[:1])
    *invented, invented_in_all = invented_structures(content, output, torch.cat((masks.content, everywhere)))
    labels: dict[str, LabelMetrics] = {}
    for k, name in enumerate(masks.labels):
        by_layer = {layer: float(value) for layer, value in zip(STYLE_LAYERS, gram[:, k], strict=True)}
        labels[name] = {
            "share": shares[k],
            "gram": by_layer,
            "color_distance": distances[k],
            "invented_structure": invented[k],
        }
    return {
        "ssim": ssim(content, output),
        "edge_ssim": edge_ssim(content, output),
        "color_distance": mean_distance(shares, distances),
        "matting_energy": matting_energy_per_pixel(content, output),
        "gradient_reversal": gradient_reversal(content, output),
        "noise_gain": noise_gain(content, output),
        "invented_structure": invented_in_all,
        "invented_edges": invented_edges(content, output),
        "labels": labels,
    }
