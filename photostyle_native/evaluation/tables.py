"""Scores of many pairs as CSV files and as a table on the terminal."""

from __future__ import annotations

import csv
import io
import statistics
from collections.abc import Sequence

from rich import box
from rich.markup import escape
from rich.table import Table

from ..metrics.report import METRICS, MetricName
from ..optimization.objective import ENERGIES, STYLE_LAYERS
from .evaluator import energy_terms
from .scores import CONTENT, OURS, REFERENCE, Score

# The metrics for which a terminal of 80 columns has room, and their headings.
_SHORT: dict[MetricName, str] = {
    "ssim": "SSIM",
    "edge_ssim": "edges",
    "color_distance": "colours",
    "gradient_reversal": "reversal",
    "noise_gain": "noise",
    "invented_structure": "invented",
}

_FORMULA = tuple("=+-@")  # what a spreadsheet takes for the beginning of a formula


def scores_csv(scores: Sequence[Score]) -> str:
    """The scores as CSV, one row for each pair and picture; a cell is empty where a metric has no meaning."""
    names = [metric.key for metric in METRICS]
    rows: list[list[object]] = [
        [
            "pair",
            "who",
            "file",
            "width",
            "height",
            *ENERGIES,
            *names,
            "seconds",
            "iterations",
        ]
    ]
    for s in scores:
        terms = energy_terms(s.evaluation).values()
        metrics = [s.evaluation["metrics"][metric.key] for metric in METRICS]
        rows.append([s.pair, s.who, s.path.name, s.size[1], s.size[0], *terms, *metrics, s.seconds, s.iterations])
    return _csv(rows)


def labels_csv(scores: Sequence[Score]) -> str:
    """The scores of labels as CSV, one row for each pair, picture and label.

    A row has the label's share of the content, its distance of colours, and its energy in each style layer.
    """
    rows: list[list[object]] = [
        [
            "pair",
            "who",
            "label",
            "share",
            "color_distance",
            "invented_structure",
            *(f"gram_{layer}" for layer in STYLE_LAYERS),
        ]
    ]
    for s in scores:
        for label, entry in s.evaluation["metrics"]["labels"].items():
            gram = [entry["gram"][layer] for layer in STYLE_LAYERS]
            rows.append(
                [s.pair, s.who, label, entry["share"], entry["color_distance"], entry["invented_structure"], *gram]
            )
    return _csv(rows)


def _csv(rows: list[list[object]]) -> str:
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows([_plain(cell) for cell in row] for row in rows)
    return stream.getvalue()


def _plain(cell: object) -> object:
    """A cell that no spreadsheet takes for a formula, and no terminal for a command, whatever a file's name is."""
    if not isinstance(cell, str):
        return cell
    text = "".join(c if c.isprintable() else repr(c)[1:-1] for c in cell)
    return f"'{text}" if text.lstrip()[:1] in _FORMULA else text


def summary_table(scores: Sequence[Score], caption: str) -> Table:
    """The result and the reference of each pair, and medians over the pairs that have both, or all if none has."""
    table = Table(box=box.SIMPLE_HEAD, padding=0)
    table.add_column("pair")
    table.add_column("who", no_wrap=True)
    for heading in ("energy", *_SHORT.values(), "s"):
        table.add_column(heading, justify="right", no_wrap=True)
    by_pair: dict[str, dict[str, Score]] = {}
    for score in scores:
        by_pair.setdefault(score.pair, {})[score.who] = score
    for name, found in by_pair.items():
        shown = [found[who] for who in (OURS, REFERENCE) if who in found]
        for index, score in enumerate(shown):
            table.add_row(
                escape(str(_plain(name))) if index == 0 else "", score.who, *(_cell(v) for v in _values(score))
            )
    table.add_section()
    compared = [found for found in by_pair.values() if OURS in found and REFERENCE in found] or [
        found for found in by_pair.values() if OURS in found
    ]
    table.caption = f"{caption}; medians over {len(compared)} pair{'s' * (len(compared) != 1)}"
    for index, who in enumerate((OURS, REFERENCE, CONTENT)):
        columns = [_values(found[who]) for found in compared if who in found]
        if columns:
            medians = [_median(column) for column in zip(*columns, strict=True)]
            table.add_row("median" if index == 0 else "", who, *(_cell(v) for v in medians))
    return table


def _values(score: Score) -> list[float | None]:
    metrics = [score.evaluation["metrics"][key] for key in _SHORT]
    return [score.evaluation["total"], *metrics, score.seconds]


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def _cell(value: float | None) -> str:
    if value is None:
        return "-"
    if value >= 1e5 or 0 < abs(value) < 1e-3:
        return f"{value:.1e}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3f}"
