"""Dissolves are found where pictures blend, and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image

from photostyle_native import data
from photostyle_native.video.dissolves import Frames, find_dissolves
from photostyle_native.video.shots import describe

SIZE = (64, 36)


def camera(path: object, frames: int, speed: float = 1.0, zoom: float = 0.0) -> Iterator[np.ndarray]:
    """A camera that moves over a photo and may zoom into it, with grain: (36, 64, 3)."""
    grain = np.random.default_rng(0)
    with Image.open(str(path)) as photo:
        scene = photo.convert("RGB").reduce(3)
    for k in range(frames):
        width = round(0.6 * scene.width * (1 - zoom * k / frames))
        left, top = round(speed * k / 3), round(0.4 * (scene.height - width * 9 / 16))
        view = scene.crop((left, top, left + width, top + width * 9 // 16)).resize(SIZE, Image.Resampling.BOX)
        yield np.clip(np.asarray(view) + grain.normal(0, 1, (36, 64, 3)), 0, 255)


def known(pictures: list[np.ndarray]) -> Frames:
    columns = zip(*(describe(picture.astype(np.uint8)) for picture in pictures), strict=True)
    return Frames(*(np.array(column) for column in columns))


def dissolved(length: int, speed: float, zoom: float) -> list[np.ndarray]:
    """Two shots of 40 frames and those of a dissolve between, from number 40 to 39 + length."""
    one, other = (list(camera(path, 40 + length, speed, zoom)) for path in (data.CONTENT, data.STYLE))
    shares = [(k + 1) / (length + 1) for k in range(length)]
    blend = [(1 - w) * a + w * b for w, a, b in zip(shares, one[40:], other[:length], strict=True)]
    return one[:40] + blend + other[length:]


@pytest.mark.parametrize("length", [8, 12, 25, 50])
@pytest.mark.parametrize(("speed", "zoom"), [(0, 0), (1, 0), (2, 0.2)])
def test_a_dissolve_is_found_once(length: int, speed: float, zoom: float) -> None:
    ((start, end),) = find_dissolves(known(dissolved(length, speed, zoom)))
    assert start == pytest.approx(39, abs=2 + length / 6)
    assert end == pytest.approx(40 + length, abs=2 + length / 6)


@pytest.mark.parametrize("path", [data.CONTENT, data.STYLE])
@pytest.mark.parametrize(("speed", "zoom"), [(0, 0), (3, 0), (8, 0), (1, 0.6)])
def test_a_moving_camera_is_no_dissolve(path: object, speed: float, zoom: float) -> None:
    assert find_dissolves(known(list(camera(path, 60, speed, zoom)))) == []


def test_a_cut_and_a_change_of_light_are_none() -> None:
    one, other = (list(camera(path, 40)) for path in (data.CONTENT, data.STYLE))
    assert find_dissolves(known(one + other)) == []
    flash = [np.clip(frame * (2.5 if 18 < k < 22 else 1), 0, 255) for k, frame in enumerate(one)]
    assert find_dissolves(known(flash)) == []


def test_a_fade_to_black_is_one() -> None:
    one = list(camera(data.CONTENT, 60))
    faded = [frame * float(np.clip((45 - k) / 15, 0, 1)) for k, frame in enumerate(one)]
    ((start, end),) = find_dissolves(known(faded))
    assert 28 <= start <= 33
    assert 42 <= end <= 47
