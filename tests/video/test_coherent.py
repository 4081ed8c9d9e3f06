"""The full method frame by frame: near the frame before, and able to go on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from optional_packages import need
from pictures import smooth_picture

from photostyle_native import Look, PhotostyleError
from photostyle_native.images.photo import as_photo
from photostyle_native.network.vgg19 import VGG19
from photostyle_native.pipeline.presets import PRESETS
from photostyle_native.video.coherent import Coherent, Settings
from photostyle_native.video.grading import Grade
from photostyle_native.video.timeline import Point, Timeline

need("cv2")


@pytest.fixture
def film() -> list[np.ndarray]:
    """A camera that moves over a picture: (48, 64, 3) float32."""
    scene = smooth_picture(60, 90)
    views = (scene[:, 4 : 4 + 48, k : k + 64] for k in range(4))
    return [view.permute(1, 2, 0).contiguous().numpy() for view in views]


@pytest.fixture
def painter(film: list[np.ndarray], vgg: VGG19) -> Coherent:
    image = torch.from_numpy(film[0]).permute(2, 0, 1)
    look = Look.fit(image, 0.8 * image.flip(0) + 0.1)
    (stage,) = PRESETS["default"].stages
    settings = Settings(64, replace(stage, iterations=6, progress=0.0), realism=0.0)
    style = as_photo(smooth_picture(48, 64).flip(1) ** 2)
    return Coherent([style], [Grade("", look, {}, "")], Timeline((Point(0.0, 0),)), vgg, settings)


def test_a_frame_is_near_the_one_before(film: list[np.ndarray], painter: Coherent) -> None:
    still = [painter(film[0], 0.0) for _ in range(3)]
    alone = []
    for k in range(3):
        painter.begin()
        alone.append(painter(film[0] + np.float32(0.002 * k), 0.0))
    assert still[0].shape == film[0].shape
    assert np.abs(still[2] - still[1]).mean() < 0.01
    assert np.abs(still[0] - film[0]).mean() > 0.02


def test_going_on_gives_the_same_frames(film: list[np.ndarray], painter: Coherent, tmp_path: Path) -> None:
    painter(film[0], 0.0)
    painter.save(tmp_path / "state.npz")
    wanted = painter(film[1], 0.04)
    painter.begin()
    anew = painter(film[1], 0.04)
    painter.load(tmp_path / "state.npz")
    assert np.abs(painter(film[1], 0.04) - wanted).mean() < 0.1 * np.abs(anew - wanted).mean()
    painter.begin()
    painter.save(tmp_path / "empty.npz")
    painter.load(tmp_path / "empty.npz")
    with pytest.raises(PhotostyleError, match="what the next frame needs is not there"):
        painter.load(tmp_path / "missing.npz")
