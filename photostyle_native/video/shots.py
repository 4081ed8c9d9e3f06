"""Shots: where one picture ends and another begins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from .source import Film, opened

_BINS = 8  # of each channel of a histogram
_SIZE = (64, 36)  # width and height at which frames are compared
_AROUND = 12  # frames before and after, among whose changes a cut stands out
_TIMES = 4.0  # how far it stands out from their median
_LEAST = 0.3  # share of the pixels whose colours change at a cut, at least
_SHORTEST = 6  # frames of a shot: flashes are none


@dataclass(frozen=True)
class Shot:
    """A shot, from `start` until before `end`, in seconds; `frames` are the times at which its frames begin."""

    start: float
    end: float
    frames: tuple[float, ...]


def find_shots(film: Film, cuts: Sequence[float] | None = None) -> list[Shot]:
    """Divide a film into shots.

    Args:
        film: the film, which is decoded once, at its own speed.
        cuts: the times at which shots begin, in seconds; by default they are found. An empty sequence makes one shot.

    Returns:
        The shots, in order; every frame is in one.

    Raises:
        PhotostyleError: the film cannot be read.
    """
    times, histograms = [], []
    with opened(film.path) as container:
        stream = container.streams.video[0]
        for frame in container.decode(stream):
            if frame.time is None:
                continue
            times.append(float(frame.time))
            if cuts is None:
                small = frame.reformat(*_SIZE, format="rgb24").to_ndarray()
                histograms.append(_histogram(small))
    order = np.argsort(times, kind="stable")
    times = [times[k] for k in order]
    starts = [0, *(find_cuts([histograms[k] for k in order]) if cuts is None else _indices(times, cuts))]
    step = (times[-1] - times[0]) / (len(times) - 1) if len(times) > 1 else float(1 / film.rate)
    ends = [*(times[k] for k in starts[1:]), times[-1] + step]
    frames = (tuple(times[a:b]) for a, b in zip(starts, [*starts[1:], len(times)], strict=True))
    return [Shot(times[a], end, part) for a, end, part in zip(starts, ends, frames, strict=True)]


def find_cuts(histograms: Sequence[np.ndarray]) -> list[int]:
    """The numbers of the frames at which a shot begins, but the first; from the frames' histograms of colours.

    A cut is a change of the histogram that is large, and stands out from the changes around it.
    """
    changes = np.array([0.5 * np.abs(b - a).sum() for a, b in pairwise(histograms)])
    cuts: list[int] = []
    for k, change in enumerate(changes):
        near = np.delete(changes[max(0, k - _AROUND) : k + _AROUND + 1], min(k, _AROUND))
        usual = float(np.median(near)) if near.size else 0.0
        first = k + 1 - (cuts[-1] if cuts else 0)
        if change > max(_LEAST, _TIMES * usual) and first >= _SHORTEST:
            cuts.append(k + 1)
    return cuts


def _indices(times: Sequence[float], cuts: Sequence[float]) -> list[int]:
    """The numbers of the frames at which shots begin, without the first and those beyond the end."""
    found = sorted({int(np.searchsorted(times, cut - 1e-6)) for cut in cuts})
    return [k for k in found if 0 < k < len(times)]


def _histogram(pixels: np.ndarray) -> np.ndarray:
    """Shares of the colours of (h, w, 3) uint8 in _BINS^3 cells."""
    cells = (pixels >> (8 - _BINS.bit_length() + 1)).astype(np.int64) @ np.array([_BINS**2, _BINS, 1])
    return np.bincount(cells.ravel(), minlength=_BINS**3) / cells.size
