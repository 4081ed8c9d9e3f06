"""Where shots begin."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from optional_packages import need
from video.clips import FRAMES, write_clip

from photostyle_native.video.parts import divide
from photostyle_native.video.shots import Shot, find_cuts, find_shots
from photostyle_native.video.source import probe

need("av")


def histogram(*shares: float) -> np.ndarray:
    return np.array(shares)


def test_a_cut_is_a_large_change_among_small_ones() -> None:
    one, other = histogram(0.8, 0.1, 0.1), histogram(0.1, 0.1, 0.8)
    assert find_cuts([one] * 20 + [other] * 20 + [one] * 20) == [20, 40]
    assert find_cuts([one] * 20) == []
    assert find_cuts([one]) == find_cuts([]) == []


def test_a_flash_and_a_restless_camera_are_no_cuts() -> None:
    one, other = histogram(0.8, 0.1, 0.1), histogram(0.1, 0.1, 0.8)
    for length in (1, 2, 5):
        assert find_cuts([one] * 20 + [other] * length + [one] * 20) == []
    assert find_cuts([one] * 20 + [other] * 6 + [one] * 20) == [20, 26]
    assert find_cuts([one, other] * 20) == []
    fade = [(1 - k / 30) * one + k / 30 * other for k in range(31)]
    assert find_cuts(fade) == []


@pytest.mark.parametrize("variable", [False, True])
def test_shots_of_a_film(tmp_path: Path, variable: bool) -> None:
    stamps = write_clip(tmp_path / "film.mp4", variable=variable)
    film = probe(str(tmp_path / "film.mp4"))
    first, second = find_shots(film)
    assert len(first.frames) == len(second.frames) == FRAMES
    assert first.end == second.start == pytest.approx(stamps[FRAMES] / 12800)
    assert second.end > second.frames[-1]
    (whole,) = find_shots(film, [])
    assert whole.frames == first.frames + second.frames
    parts = find_shots(film, [(time, time) for time in (0.0, 0.5, 0.2, 99.0)])
    starts = [shot.start for shot in parts]
    assert starts == [min(t / 12800 for t in stamps if t / 12800 > cut - 1e-6) for cut in (0.0, 0.2, 0.5)]


def test_long_shots_are_divided_at_frames() -> None:
    frames = tuple(k / 25 for k in range(25 * 24))
    parts = divide([Shot(0.0, 24.0, frames, (0.0, 24.0)), Shot(24.0, 25.0, (24.0,), (24.0, 25.0))])
    assert [(part.start, part.end, part.shot) for part in parts] == [
        (0.0, 10.0, 0),
        (10.0, 20.0, 0),
        (20.0, 24.0, 0),
        (24.0, 25.0, 1),
    ]
