"""Shots: where one picture ends and another begins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from ..errors import PhotostyleError
from .dissolves import Frames, color_change, find_dissolves
from .source import Film, opened

_BINS = 8  # of each channel of a histogram
_SIZE = (64, 36)  # width and height at which frames are compared
_AROUND = 12  # frames before and after, among whose changes a cut stands out
_TIMES = 4.0  # how far it stands out from their median
_LEAST = 0.3  # share of the pixels whose colours change at a cut, at least
_SHORTEST = 6  # frames of a shot: flashes are none


@dataclass(frozen=True)
class Shot:
    """A shot, from `start` until before `end`, in seconds; `frames` are the times at which its frames begin.

    `clear` is the span in which nothing else is seen: without the dissolves at both ends.
    """

    start: float
    end: float
    frames: tuple[float, ...]
    clear: tuple[float, float]


Cut = tuple[float, float]
"""When the old shot is seen alone for the last time, and the new one for the first; equal for a hard cut."""


def find_shots(film: Film, cuts: Sequence[Cut] | None = None) -> list[Shot]:
    """Divide a film into shots.

    Args:
        film: the film, which is decoded once, at its own speed.
        cuts: where shots begin, in seconds; by default they are found. An empty sequence makes one shot.

    Returns:
        The shots, in order; every frame is in one. In a dissolve the new shot begins in the middle.

    Raises:
        PhotostyleError: the film cannot be read, or cuts overlap.
    """
    times, known = _watch(film, pictures=cuts is None)
    step = (times[-1] - times[0]) / (len(times) - 1) if len(times) > 1 else float(1 / film.rate)
    if cuts is None:
        frames = Frames(*(np.array(column) for column in zip(*known, strict=True)))
        dissolves = find_dissolves(frames)
        hard = [k for k in find_cuts(frames.histograms) if not any(a < k <= b for a, b in dissolves)]
        spans = [*((times[k], times[k]) for k in hard), *((times[a], times[b]) for a, b in dissolves)]
    else:
        spans = [(a, b) for a, b in cuts if a > times[0] + 1e-6 and b <= times[-1] + 1e-6]
    return _divided(times, sorted(set(spans)), times[-1] + step)


def _divided(times: Sequence[float], spans: Sequence[Cut], end: float) -> list[Shot]:
    """The shots of frames at these times, with cuts at these spans."""
    if any(b > c + 1e-6 for (_, b), (c, _) in pairwise(spans)):
        raise PhotostyleError("dissolves must not overlap")
    first = [0, *(int(np.searchsorted(times, (a + b) / 2 - 1e-6)) for a, b in spans), len(times)]
    bounds = [*(times[k] for k in first[:-1]), end]
    # A hard cut is where a frame begins; a dissolve begins and ends when it is said to.
    exact = [(bounds[k], bounds[k]) if a == b else (a, b) for k, (a, b) in enumerate(spans, 1)]
    clear = [times[0], *(time for span in exact for time in span), end]
    return [
        Shot(bounds[k], bounds[k + 1], tuple(times[first[k] : first[k + 1]]), (clear[2 * k], clear[2 * k + 1]))
        for k in range(len(first) - 1)
        if first[k + 1] > first[k]
    ]


def _watch(film: Film, *, pictures: bool) -> tuple[list[float], list[tuple[np.ndarray, ...]]]:
    """The times of all frames in order, and with `pictures` what is known of each: less than 2 KB, films are long."""
    seen: list[tuple[float, tuple[np.ndarray, ...]]] = []
    with opened(film.path) as container:
        for frame in container.decode(container.streams.video[0]):
            if frame.time is not None:
                seen.append((float(frame.time), describe(_small(frame)) if pictures else ()))
    if not seen:
        raise PhotostyleError(f"{film.path}: no frame has a time")
    seen.sort(key=lambda one: one[0])
    return [time for time, _ in seen], [about for _, about in seen]


def _small(frame: Any) -> np.ndarray:
    return np.asarray(frame.reformat(*_SIZE, format="rgb24", interpolation="AREA").to_ndarray())


def describe(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The thumbnail, histogram and contrast of a frame of `_SIZE`, (36, 64, 3) uint8; see `Frames`."""
    thumbnail = pixels.reshape(9, 4, 16, 4, 3).mean((1, 3)).astype(np.uint8).ravel()
    grey = pixels.mean(2)
    contrast = np.square(np.diff(grey, axis=0)).mean() + np.square(np.diff(grey, axis=1)).mean()
    return thumbnail, _histogram(pixels), np.float32(contrast)


def find_cuts(histograms: Sequence[np.ndarray] | np.ndarray) -> list[int]:
    """The numbers of the frames at which a shot begins, but the first; from the frames' histograms of colours.

    A cut is a change of the histogram that is large, lasts, and stands out from the changes around it.
    """
    changes = np.array([color_change(*pair) for pair in pairwise(histograms)])
    cuts: list[int] = []
    for k, change in enumerate(changes):
        near = np.delete(changes[max(0, k - _AROUND) : k + _AROUND + 1], min(k, _AROUND))
        usual = float(np.median(near)) if near.size else 0.0
        first = k + 1 - (cuts[-1] if cuts else 0)
        if change > max(_LEAST, _TIMES * usual) and first >= _SHORTEST and _lasts(histograms, k):
            cuts.append(k + 1)
    return cuts


def _lasts(histograms: Sequence[np.ndarray] | np.ndarray, k: int) -> bool:
    """Whether the colours of frames k and k + 1 differ from those of the other side a shortest shot away.

    They do not where a flash begins, or ends.
    """
    earlier, later = histograms[max(0, k + 1 - _SHORTEST)], histograms[min(len(histograms) - 1, k + _SHORTEST)]
    return min(color_change(histograms[k], later), color_change(earlier, histograms[k + 1])) > _LEAST


def _histogram(pixels: np.ndarray) -> np.ndarray:
    """Shares of the colours of (h, w, 3) uint8 in _BINS^3 cells; in half precision, because films are long."""
    cells = (pixels >> (8 - _BINS.bit_length() + 1)).astype(np.int64) @ np.array([_BINS**2, _BINS, 1])
    return (np.bincount(cells.ravel(), minlength=_BINS**3) / cells.size).astype(np.float16)
