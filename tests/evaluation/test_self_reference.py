"""The self-reference protocol: its numbers by hand, and that it prefers what is right."""

from __future__ import annotations

import math

import pytest
import torch
from pictures import smooth_picture
from torch import Tensor

from photostyle_native.evaluation.self_reference import halves, histogram_correlation, means, trials
from photostyle_native.pipeline.looks import find_look

GRADE = find_look("warm-evening")


def test_halves_do_not_overlap() -> None:
    for size in ((3, 40, 61), (3, 61, 40)):
        photo = torch.arange(3 * 40 * 61).view(size).float()
        first, second = halves(photo)
        assert first.shape == second.shape
        assert not set(first.flatten().tolist()) & set(second.flatten().tolist())
        assert sorted(first.shape[1:]) == [30, 40]


def test_the_truth_scores_best_and_nothing_worst() -> None:
    truth = lambda content, style: GRADE.apply(content, everywhere=True)  # noqa: E731
    half = lambda content, style: (content + GRADE.apply(content, everywhere=True)) / 2  # noqa: E731
    found = list(trials("a", smooth_picture(40, 80), {"warm": GRADE}, {"truth": truth, "half": half}, lambda: 0.0))
    assert [trial.method for trial in found] == ["nothing", "truth", "half"] * 2
    table = means(found)
    assert table["truth"]["psnr"] == pytest.approx(100)
    assert table["truth"]["ssim"] == table["truth"]["h_corr"] == pytest.approx(1)
    assert table["truth"]["delta_e"] == pytest.approx(0, abs=1e-6)
    assert table["half"]["psnr"] == pytest.approx(table["nothing"]["psnr"] + 20 * math.log10(2), abs=0.01)
    assert 0.4 < table["half"]["delta_e"] / table["nothing"]["delta_e"] < 0.6


def test_seconds_are_those_of_the_method() -> None:
    ticks = iter(range(100))
    found = list(trials("a", smooth_picture(40, 80), {"w": GRADE}, {"m": lambda c, s: c}, lambda: float(next(ticks))))
    assert [trial.seconds for trial in found] == [0, 1, 0, 1]


def test_histogram_correlation() -> None:
    one = torch.rand(3, 50, 50)
    assert histogram_correlation(one, one.flip(1)) == pytest.approx(1)
    dark: Tensor = one * 0.4
    assert histogram_correlation(dark, 1 - dark) < 0
