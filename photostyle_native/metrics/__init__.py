"""Metrics of a transfer that are common in the field: structure, colours, photorealism, artefacts, and of films.

`docs/metrics.md` compares the definitions. Each function states its range and its perfect value. It returns None
where the metric has no meaning: for a picture smaller than SSIM's window, or a content without edges or flat places.
"""

from __future__ import annotations

from .artifacts import gradient_reversal, noise_gain
from .colors import color_distance, color_distances
from .invention import invented_edges, invented_map, invented_structure, invented_structures
from .photorealism import matting_energy_per_pixel
from .report import METRICS, LabelMetrics, Metrics, measure
from .structure import edge_ssim, edge_strength, ssim
from .temporal import edit_warping_error, film_metrics, new_clipping, transform_drift, warping_error

__all__ = [
    "METRICS",
    "LabelMetrics",
    "Metrics",
    "color_distance",
    "color_distances",
    "edge_ssim",
    "edge_strength",
    "edit_warping_error",
    "film_metrics",
    "gradient_reversal",
    "invented_edges",
    "invented_map",
    "invented_structure",
    "invented_structures",
    "matting_energy_per_pixel",
    "measure",
    "new_clipping",
    "noise_gain",
    "ssim",
    "transform_drift",
    "warping_error",
]
