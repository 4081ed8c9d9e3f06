"""All pairs on one sheet, a row per pair: content, style, the result, and the reference result."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from ..images.sheet import Tile, make_sheet, thumbnail
from ..picture_files import open_picture
from .pairs import Pair
from .scores import OURS, REFERENCE, Score

_HEIGHT = 240  # pixels: height of each picture on the sheet


def contact_sheet(pairs: Iterable[Pair], scores: Sequence[Score]) -> np.ndarray:
    """Draw the pairs that have a score, with masks inset and the main metrics as captions: (H, W, 3) uint8."""
    rows = []
    for pair in pairs:
        shown = {s.who: s for s in scores if s.pair == pair.name and s.who in (OURS, REFERENCE)}
        if not shown:
            continue
        tiles = [
            Tile(thumbnail(pair.content, _HEIGHT), f"{pair.name}: content", _mask(pair.content_mask)),
            Tile(thumbnail(pair.style, _HEIGHT), "style", _mask(pair.style_mask)),
        ]
        rows.append(tiles + [Tile(thumbnail(shown[who].path, _HEIGHT), _caption(shown[who])) for who in shown])
    return make_sheet(rows, height=_HEIGHT)


def _mask(path: Path | None) -> np.ndarray | None:
    if path is None:
        return None
    with open_picture(path) as image:
        return np.asarray(image.convert("RGB"))


def _caption(score: Score) -> str:
    metrics = score.evaluation["metrics"]
    parts = [score.who]
    for word, value in (("edges", metrics["edge_ssim"]), ("colours", metrics["color_distance"])):
        if value is not None:
            parts.append(f"{word} {value:.2f}" if value >= 0.1 else f"{word} {value:.3f}")
    return ", ".join(parts)
