"""The table of many scores."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from photostyle_native.evaluation.scores import OURS, REFERENCE, Score
from photostyle_native.evaluation.tables import scores_csv, summary_table
from photostyle_native.metrics import METRICS
from photostyle_native.optimization.objective import ENERGIES


def score(pair: str, who: str, total: float, noise: float | None) -> Score:
    metrics: Any = dict.fromkeys((metric.key for metric in METRICS), 0.5)
    metrics |= {"noise_gain": noise, "labels": {}}
    terms = {**dict.fromkeys(ENERGIES, 0.0), "style": total, "total": total}
    return Score(pair, who, Path(f"{who}.png"), (30, 40), {**terms, "metrics": metrics}, None, None)


def test_medians_are_over_pairs_that_have_both() -> None:
    scores = [
        *(score(pair, OURS, total, noise) for pair, total, noise in (("1", 10, 2), ("2", 20, None), ("3", 90, 9))),
        *(score(pair, REFERENCE, total, 1) for pair, total in (("1", 30), ("2", 40))),
    ]
    table = summary_table(scores, "caption")
    cells = list(zip(*(column.cells for column in table.columns), strict=True))
    assert cells[-2] == ("median", OURS, "15.0", *["0.500"] * 4, "2.000", "0.500", "-")
    assert cells[-1] == ("", REFERENCE, "35.0", *["0.500"] * 4, "1.000", "0.500", "-")
    assert "medians over 2 pairs" in str(table.caption)
    terms = ",".join("20" if name in ("style", "total") else "0.0" for name in ENERGIES)
    assert scores_csv(scores[1:2]).splitlines()[1] == f"2,ours,ours.png,40,30,{terms},0.5,0.5,0.5,0.5,0.5,,0.5,0.5,,"


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ('=HYPERLINK("x","y")', '"\'=HYPERLINK(""x"",""y"")"'),
        ("@SUM(1)", "'@SUM(1)"),
        ("-2+3", "'-2+3"),
        ("+1", "'+1"),
        (" =1", "' =1"),
        ("\x1b[31mred\nline", r"\x1b[31mred\nline"),
        ("pair-1=2", "pair-1=2"),
    ],
)
def test_a_name_is_no_formula_and_no_command(name: str, cell: str) -> None:
    lines = scores_csv([score(name, OURS, 1, None)]).splitlines()
    assert len(lines) == 2
    assert lines[1].startswith(f"{cell},ours,")
