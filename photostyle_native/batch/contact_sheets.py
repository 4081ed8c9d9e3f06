"""Contact sheets of many photos: before and after, side by side."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..images.photo_list import Entry
from ..images.sheet import Tile, make_sheet, thumbnail

_HEIGHT = 200  # pixels
_IN_A_ROW = 3  # photos
PER_SHEET = 60  # photos; a sheet of more takes seconds to open


def contact_sheet(entries: Sequence[Entry]) -> np.ndarray:
    """Draw photos and their results, (H, W, 3) uint8; all files must exist."""
    rows: list[list[Tile]] = []
    for number, entry in enumerate(entries):
        if number % _IN_A_ROW == 0:
            rows.append([])
        rows[-1] += Tile(thumbnail(entry.photo, _HEIGHT), entry.name), Tile(thumbnail(entry.output, _HEIGHT), "after")
    return make_sheet(rows, height=_HEIGHT)
