"""Which look a film has at which time: one a shot, blended over dissolves and between key frames of long shots."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .shots import Shot


@dataclass(frozen=True)
class Point:
    """At `time`, in seconds, the film has the look of number `look` alone."""

    time: float
    look: int


@dataclass(frozen=True)
class Timeline:
    """Points in the order of time. Between two of different looks the film has both, in shares that change evenly."""

    points: tuple[Point, ...]

    def at(self, time: float) -> tuple[int, int, float]:
        """The looks before and after a time, and the share of the second; 0 where there is one look only."""
        number = self._after(time)
        before = self.points[max(0, number - 1)]
        after = self.points[min(number, len(self.points) - 1)]
        if before.look == after.look or number == 0:
            return after.look, after.look, 0.0
        share = (time - before.time) / (after.time - before.time)
        return (before.look, after.look, share) if share else (before.look, before.look, 0.0)

    def between(self, start: float, end: float) -> tuple[Point, ...]:
        """The points on which a part of the film depends: those in it, and the nearest on both sides."""
        return self.points[max(0, self._after(start) - 1) : self._after(end) + 1]

    def _after(self, time: float) -> int:
        """The number of the first point after a time."""
        return bisect_right(self.points, time, key=lambda point: point.time)


def spans(shot: Shot, every: float | None) -> list[tuple[float, float]]:
    """Divide what is seen of a shot alone into spans of about `every` seconds; without it there is one span."""
    start, end = shot.clear
    count = 1 if every is None else max(1, round((end - start) / every))
    return [(start + k * (end - start) / count, start + (k + 1) * (end - start) / count) for k in range(count)]


def make_timeline(shots: Sequence[Shot], looks: Sequence[Sequence[tuple[int, float]]]) -> Timeline:
    """The timeline of shots, each with its looks' numbers and the times of the key frames they were solved on."""
    return Timeline(tuple(point for shot, keys in zip(shots, looks, strict=True) for point in _points(shot, keys)))


def _points(shot: Shot, keys: Sequence[tuple[int, float]]) -> Iterable[Point]:
    start, end = shot.clear
    inner = [Point(time, look) for look, time in keys] if len(keys) > 1 else []
    return Point(start, keys[0][0]), *inner, Point(end, keys[-1][0])
