"""How good a transfer is, in numbers that the field knows: structure, colours, photorealism, artefacts.

`docs/metrics.md` has the definitions side by side. Each function says its range and its perfect value, and returns
None where it has no meaning: a picture smaller than SSIM's window, a content without an edge or without a flat place.
"""

from __future__ import annotations

from .artifacts import gradient_reversal, noise_gain
from .colors import color_distance, color_distances
from .photorealism import matting_energy_per_pixel
from .report import METRICS, LabelMetrics, Metrics, measure
from .structure import edge_ssim, edge_strength, ssim

__all__ = [
    "METRICS",
    "LabelMetrics",
    "Metrics",
    "color_distance",
    "color_distances",
    "edge_ssim",
    "edge_strength",
    "gradient_reversal",
    "matting_energy_per_pixel",
    "measure",
    "noise_gain",
    "ssim",
]
