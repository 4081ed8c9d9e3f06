"""Metrics of films: nothing for one look, much for flicker and drift."""

from __future__ import annotations

import pytest
import torch
from pictures import smooth_picture
from torch import Tensor

from photostyle_native import PhotostyleError
from photostyle_native.metrics import new_clipping, transform_drift, warping_error


@pytest.fixture
def film() -> list[Tensor]:
    """A camera that moves by two pixels a frame over a picture, with grain."""
    scene = 0.2 + 0.6 * smooth_picture(80, 120)
    return [scene[:, 8:72, 2 * k : 2 * k + 96] + 0.004 * torch.randn(3, 64, 96) for k in range(5)]


def test_one_look_for_all_frames_is_perfect(film: list[Tensor]) -> None:
    graded = [0.1 + 0.6 * frame.flip(0) for frame in film]
    assert warping_error(film, film) == pytest.approx(1)
    assert warping_error(film, graded) == pytest.approx(1, abs=0.05)
    assert transform_drift(film, graded) == pytest.approx(0, abs=0.1)
    assert transform_drift(film, film) == pytest.approx(0, abs=1e-9)
    assert new_clipping(film, graded) == 0


def test_flicker_is_seen(film: list[Tensor]) -> None:
    flickering = [frame * (1 + 0.1 * (-1) ** k) for k, frame in enumerate(film)]
    slight = [frame * (1 + 0.02 * (-1) ** k) for k, frame in enumerate(film)]
    errors = [warping_error(film, frames) for frames in (film, slight, flickering)]
    assert errors[0] is not None
    assert errors[1] is not None
    assert errors[2] is not None
    assert 1.3 * errors[0] < errors[1] < errors[2] / 3
    drifts = [transform_drift(film, frames) for frames in (slight, flickering)]
    assert drifts[0] is not None
    assert drifts[1] == pytest.approx(5 * drifts[0], rel=0.05)
    assert drifts[1] == pytest.approx(255 * 0.2 * float(torch.stack(film).square().mean().sqrt()), rel=0.05)


def test_what_moves_on_its_own_is_seen(film: list[Tensor]) -> None:
    """A stain that stays in its place on the screen while the camera moves."""
    stain = torch.zeros(64, 96)
    stain[20:40, 30:60] = 0.15
    stained = [frame + stain for frame in film]
    assert (warping_error(film, stained) or 0) > 1.5


def test_clipping(film: list[Tensor]) -> None:
    bright = [(frame * 2).clamp(0, 1) for frame in film]
    share = new_clipping(film, bright)
    assert share == pytest.approx(float((torch.stack(film) * 2 >= 1).any(1).float().mean()), abs=0.01)
    assert new_clipping(bright, bright) == 0


def test_where_they_have_no_meaning(film: list[Tensor]) -> None:
    assert warping_error(film[:1], film[:1]) is None
    assert warping_error([torch.ones(3, 32, 32)] * 2, [torch.ones(3, 32, 32)] * 2) is None
    assert transform_drift(film[:1], film[:1]) is None
    assert new_clipping([], []) is None
    for metric in (warping_error, transform_drift, new_clipping):
        for other in (film[:2], [frame[:, 1:] for frame in film], [frame[0] for frame in film]):
            with pytest.raises(PhotostyleError, match=r"must have as many frames, all of one shape \(3, H, W\)"):
                metric(film, other)
