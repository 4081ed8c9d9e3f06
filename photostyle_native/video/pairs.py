"""Pairs of neighbouring frames, before and after, on which the metrics of a shot are computed."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..errors import PhotostyleError
from ..files import write_atomically
from ..images.resize import working_size
from ..metrics.temporal import film_metrics
from .source import Film, still

_SIZE = 256  # longest side in pixels
_MOST = 3  # pairs of a shot, which take half a second each


def take_pair(film: Film, frames: Iterable[tuple[Any, Any]], time: float) -> tuple[int, np.ndarray | None]:
    """Go through frames before and after, and keep those of the first two moments from a time on.

    Returns the number of frames, and (2, 2, h, w, 3), float16: of both moments, before and after; or None.
    """
    kept: list[list[np.ndarray]] = []
    count = 0
    for before, after in frames:
        count += 1
        if len(kept) < 2 and before.time >= time - 1e-6:
            kept.append([_small(film, frame) for frame in (before, after)])
    return count, np.array(kept, np.float16) if len(kept) == 2 else None


def write_pair(path: Path, pair: np.ndarray | None) -> None:
    """Write a pair, or that there is none."""
    file = io.BytesIO()
    np.save(file, np.zeros(0, np.float16) if pair is None else pair)
    write_atomically(str(path), file.getvalue())


def read_pair(path: Path) -> np.ndarray | None:
    """Read a pair. Raises PhotostyleError if it is not there, or damaged."""
    try:
        pair = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise PhotostyleError(f"{path}: no pair of frames ({error})") from error
    return pair if pair.size else None


def shot_metrics(pairs: Sequence[np.ndarray]) -> dict[str, float | None]:
    """The means of the metrics of some pairs, evenly chosen; None for those without a value."""
    chosen = [pairs[k] for k in sorted({round(x) for x in np.linspace(0, len(pairs) - 1, _MOST)})] if pairs else []
    found = []
    for pair in chosen:
        moments = torch.from_numpy(pair.astype(np.float32)).permute(1, 0, 4, 2, 3)
        found.append(film_metrics(list(moments[0]), list(moments[1])))
    names = film_metrics([], [])
    return {name: _mean([one[name] for one in found]) for name in names}


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(float(np.mean(known)), 5) if known else None


def _small(film: Film, frame: Any) -> np.ndarray:
    height, width = working_size((frame.height, frame.width), _SIZE)
    pixels = still(film, frame, (width, height))
    return pixels / np.float32(np.iinfo(pixels.dtype).max)
