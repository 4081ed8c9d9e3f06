"""`photostyle evaluate`: the energy and the metrics of any output image, as tables or as JSON."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from dataclasses import asdict

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ..evaluation.evaluator import energy_terms, evaluate
from ..images.photo import read_photo
from ..machine import resolve_device
from ..metrics.report import METRICS, Metrics
from ..optimization.objective import TERMS, Weights
from ..pipeline.inputs import check_both_masks, fitting_size
from .options import keyword_arguments
from .progress import plain_warnings
from .transfer import MASK_OPTIONS


def run(options: argparse.Namespace) -> int:
    """Run the command. Raises PhotostyleError for input that cannot be used."""
    check_both_masks(options.content_mask, options.style_mask, MASK_OPTIONS)
    arguments = keyword_arguments(evaluate, options)
    resolve_device(arguments["device"])
    photo = read_photo(options.output)
    longest = max(photo.size) if options.size is None else options.size
    height, width = fitting_size(photo, longest)
    weights = Weights()
    with plain_warnings():
        scores = evaluate(
            options.content, options.style, photo, **{**arguments, "size": longest, "term_weights": weights}
        )
    metrics, terms = scores["metrics"], energy_terms(scores)
    if options.json:
        size = {"width": width, "height": height}
        print(json.dumps({**terms, "weights": asdict(weights), "size": size, "metrics": metrics}))
    else:
        console = Console()
        console.print(_energy_table(terms, asdict(weights), f"{width} x {height} pixels"))
        console.print(_metrics_table(metrics))
        console.print(_labels_table(metrics))
    return 0


def number(value: float | None) -> str:
    """Format a metric for a table; a dash stands for a metric that has no meaning."""
    if value is None:
        return "-"
    return f"{value:.3f}" if value == 0 or abs(value) >= 0.01 else f"{value:.2e}"


def _energy_table(terms: Mapping[str, float], weights: dict[str, float], caption: str) -> Table:
    table = Table("term", caption=caption)
    for heading in ("weight", "energy, weighted", "share"):
        table.add_column(heading, justify="right")
    total = terms["total"]
    for name, value in terms.items():
        weight = f"{weights[name]:g}" if name in weights else ""
        share = f"{value / total:.1%}" if total else ""
        table.add_row(name, weight, f"{value:,.4g}" if abs(value) < 1 else f"{value:,.1f}", share)
        if name == TERMS[-1]:
            table.add_section()
    return table


def _metrics_table(metrics: Metrics) -> Table:
    table = Table("metric", caption="docs/metrics.md says what each is; - where it has no meaning")
    for heading in ("value", "perfect"):
        table.add_column(heading, justify="right")
    for metric in METRICS:
        table.add_row(metric.title, number(metrics[metric.key]), f"{metric.perfect:g}")
    return table


def _labels_table(metrics: Metrics) -> Table:
    table = Table("label", caption="style energies sum to the style term")
    for heading in ("share", "style energy", "distance of colours"):
        table.add_column(heading, justify="right")
    for name, entry in metrics["labels"].items():
        energy = sum(entry["gram"].values())
        table.add_row(escape(name), f"{entry['share']:.1%}", f"{energy:,.1f}", number(entry["color_distance"]))
    return table
