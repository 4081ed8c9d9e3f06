"""`photostyle evaluate`: the energy of any output image, as a table or as JSON."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from rich.console import Console
from rich.table import Table

from .cli_progress import plain_warnings
from .errors import PhotostyleError
from .evaluation import evaluate
from .images import read_photo
from .inputs import fitting_size, resolve_device
from .objective import Weights


def run(options: argparse.Namespace) -> int:
    """Run the command. Raises PhotostyleError for input that cannot be used."""
    if (options.content_mask is None) != (options.style_mask is None):
        raise PhotostyleError("--content-mask and --style-mask belong together: give both or neither")
    resolve_device(options.device)
    photo = read_photo(options.output)
    longest = max(photo.size) if options.size is None else options.size
    height, width = fitting_size(photo, longest)
    weights = Weights()
    with plain_warnings():
        terms = evaluate(
            options.content,
            options.style,
            photo,
            content_mask=options.content_mask,
            style_mask=options.style_mask,
            size=longest,
            weights=options.weights,
            term_weights=weights,
            device=options.device,
        )
    if options.json:
        print(json.dumps({**terms, "weights": asdict(weights), "size": {"width": width, "height": height}}))
    else:
        Console().print(_table(terms, asdict(weights), f"{width} x {height} pixels"))
    return 0


def _table(terms: dict[str, float], weights: dict[str, float], caption: str) -> Table:
    table = Table("term", caption=caption)
    for heading in ("weight", "energy, weighted", "share"):
        table.add_column(heading, justify="right")
    total = terms["total"]
    for name, value in terms.items():
        weight = f"{weights[name]:g}" if name in weights else ""
        share = f"{value / total:.1%}" if total else ""
        table.add_row(name, weight, f"{value:,.4g}" if abs(value) < 1 else f"{value:,.1f}", share)
        if name == "tv":
            table.add_section()
    return table
