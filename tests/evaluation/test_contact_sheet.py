"""The sheet of all pairs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from evaluation.pair_folders import save

from photostyle_native.evaluation import contact_sheet as sheets
from photostyle_native.evaluation.contact_sheet import contact_sheet
from photostyle_native.evaluation.pairs import find_pairs
from photostyle_native.evaluation.scores import CONTENT, OURS, REFERENCE, Score
from photostyle_native.images.sheet import Tile, make_sheet

RED, BLUE = (200, 40, 30), (30, 40, 200)


def score(pair: str, who: str, path: Path, edges: float | None, colours: float | None) -> Score:
    evaluation: Any = {"metrics": {"edge_ssim": edges, "color_distance": colours}}
    return Score(pair, who, path, (30, 40), evaluation, None, None)


def test_a_row_for_each_scored_pair_with_masks_and_metrics(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[list[Tile]] = []
    monkeypatch.setattr(
        sheets, "make_sheet", lambda rows, **options: drawn.extend(rows) or make_sheet(rows, **options)
    )
    pairs, _ = find_pairs(folder)
    path = pairs[0].content
    contact_sheet(
        pairs,
        [
            score("2", CONTENT, path, 1, 1),
            score("2", OURS, path, 0.5, 0.0123),
            score("2", REFERENCE, path, None, 0.2),
        ],
    )
    (row,) = drawn
    assert [tile.caption for tile in row] == [
        "2: content",
        "style",
        "ours, edges 0.50, colours 0.012",
        "reference, colours 0.20",
    ]
    assert [tile.inset is not None for tile in row] == [True, True, False, False]


def test_photos_are_reduced_to_the_height_of_the_sheet(folder: Path) -> None:
    pair = find_pairs(folder)[0][1]
    save(pair.content, np.full((480, 640, 3), RED, np.uint8))
    save(pair.style, np.full((50, 2000, 3), BLUE, np.uint8))  # too wide: it is reduced to 720 x 18, then enlarged
    sheet = contact_sheet([pair], [score("10", OURS, pair.content, 0.9, 0.1)])
    content, style, ours = 320, 240 * 720 // 18, 320
    assert sheet.shape[1] == content + style + ours + 4 * 12
    middle = sheet[12 + 60]  # above the insets
    assert (middle[12 : 12 + content] == RED).all()
    assert (middle[2 * 12 + content :][:style] == BLUE).all()
    assert (middle[3 * 12 + content + style :][:ours] == RED).all()
