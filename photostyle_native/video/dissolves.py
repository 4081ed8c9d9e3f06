"""Dissolves: where one shot fades into the next, or into black."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_LENGTHS = (7, 10, 14, 20, 28, 40, 56)  # frames of the dissolves that are sought; from each a longer one may grow
_LEAST = 12.0  # of 255: how different both ends are, as the root of the mean square
_RESIDUAL = 0.25  # of that difference: how far frames between may be from a blend of both ends
_SLOW, _FAST = 0.3, 3.0  # of the even step from frame to frame: how much a frame in a dissolve changes
_DIP = 0.8  # how much of the ends' mean contrast is left at the lowest, at most
_COLOURS = 0.25  # share of the pixels whose colours differ between the ends, at least


@dataclass(frozen=True)
class Frames:
    """What is known of the frames of a film.

    Args:
        thumbnails: (n, d), uint8, a small picture of each.
        histograms: (n, bins), of each frame's colours; the sum of each is 1.
        contrasts: (n,), the mean square of the gradients of each.
    """

    thumbnails: np.ndarray
    histograms: np.ndarray
    contrasts: np.ndarray


def find_dissolves(film: Frames) -> list[tuple[int, int]]:
    """Find dissolves among frames.

    In a dissolve every frame is a blend of both ends, whose share grows from frame to frame, and edges of both are
    seen at once, so that the contrast dips. In a pan or a zoom it does not. Scenes of the same colours are not told
    apart.

    Returns:
        For each dissolve the numbers of the last frame of the old shot and of the first of the new one, in order.

    Source: the linear blend of Hampapur, Jain and Weymouth: *Production model based digital video segmentation*
    (1995), and the dip of Alattar: *Detecting and compressing dissolve regions in video sequences with a DVI
    multimedia image compression algorithm* (1993).
    """
    count = len(film.thumbnails)
    found: list[tuple[float, int, int]] = []
    for length in _LENGTHS:
        for start in range(count - length):
            way = _way(film, start, start + length)
            if way:
                found.append(_extended(film, way, start, start + length))
    taken: list[tuple[int, int]] = []
    for _, start, end in sorted(set(found), reverse=True):  # the whole of a dissolve leads farther than a part of it
        if all(end < a or start > b for a, b in taken):
            taken.append((start, end))
    return sorted(taken)


def color_change(before: np.ndarray, after: np.ndarray) -> float:
    """The share of pixels whose colours have changed, by the histograms of two frames."""
    return float(0.5 * np.abs(after.astype(float) - before).sum())


def _extended(film: Frames, way: float, start: int, last: int) -> tuple[float, int, int]:
    """Let a dissolve begin earlier and end later, as long as it leads farther."""
    for a, b in ((1, 0), (0, 1)):
        while start - a >= 0 and last + b < len(film.thumbnails):
            longer = _way(film, start - a, last + b)
            if longer <= way:
                break
            way, start, last = longer, start - a, last + b
    return way, start, last


def _way(film: Frames, start: int, last: int) -> float:
    """How far the frames from `start` to `last` lead, if they are a dissolve; 0 if they are none."""
    contrasts, histograms = film.contrasts, film.histograms
    middle = (start + last) // 2
    # Most are none. What is cheap is asked first.
    if contrasts[middle] > _DIP * 0.5 * (contrasts[start] + contrasts[last]):
        return 0.0
    if color_change(histograms[start], histograms[last]) < _COLOURS:
        return 0.0
    frames = film.thumbnails[start : last + 1].astype(np.float32)
    way, between = frames[-1] - frames[0], frames[1:-1] - frames[0]
    square = float(way @ way)
    if square < _LEAST**2 * way.size:
        return 0.0
    shares = between @ way / square
    residual = np.linalg.norm(between - shares[:, None] * way, axis=1).max() / square**0.5
    steps = np.diff(np.concatenate(([0], shares, [1]))) * (last - start)
    even = steps.min() >= _SLOW and steps.max() <= _FAST
    return square if even and residual <= _RESIDUAL else 0.0
