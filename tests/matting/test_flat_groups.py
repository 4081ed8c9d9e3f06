"""Photos that were enlarged by repeating their pixels."""

from __future__ import annotations

import pytest
import torch
from matting.dense import DOUBLE, dense
from pictures import smooth_picture
from torch import Tensor

from photostyle_native import MattingLaplacian
from photostyle_native.matting import laplacian as module
from photostyle_native.matting.flat_groups import flat_groups


def _enlarged(height: int, width: int, times: int, dtype: torch.dtype) -> Tensor:
    return smooth_picture(height, width, dtype).repeat_interleave(times, 1).repeat_interleave(times, 2)


def _trimap(image: Tensor) -> Tensor:
    height, width = image.shape[-2:]
    trimap = image.new_full((height, width), 0.5)
    trimap[: height // 8], trimap[-height // 8 :] = 1, 0
    return trimap


@pytest.mark.parametrize("times", [2, 3])
@pytest.mark.parametrize("dtype", [torch.float32, DOUBLE])
def test_repeated_pixels_need_no_more_iterations_than_a_photo(times: int, dtype: torch.dtype) -> None:
    seen: list[int] = []
    image = _enlarged(60, 80, times, dtype)
    MattingLaplacian(image).matte(_trimap(image), callback=lambda step, _: seen.append(step))
    assert seen[-1] < 120  # without the correction some 1000


def test_the_matte_of_repeated_pixels_is_the_factorised_one(monkeypatch: pytest.MonkeyPatch) -> None:
    image = _enlarged(12, 15, 2, DOUBLE)
    trimap = _trimap(image)
    known = ((trimap > 0.9) | (trimap < 0.1)).flatten()
    matrix, right = dense(image), (trimap.flatten() > 0.9).to(DOUBLE)
    truth = right.clone()
    truth[~known] = torch.linalg.solve(matrix[~known][:, ~known], -(matrix[~known][:, known] @ right[known]))
    alpha = MattingLaplacian(image).matte(trimap, tolerance=1e-11)
    torch.testing.assert_close(alpha.flatten(), truth.clamp(0, 1), rtol=0, atol=1e-4)
    # The correction is what does it: without, conjugate gradients are far from there after as many iterations.
    monkeypatch.setattr(module, "flat_groups", lambda *_: None)
    with pytest.warns(RuntimeWarning, match="stopped after 60 iterations"):
        MattingLaplacian(image).matte(trimap, tolerance=1e-11, steps=60)


def test_the_correction_is_exact_on_pictures_that_are_constant_on_groups() -> None:
    image, free = _enlarged(7, 9, 2, DOUBLE), torch.rand(14, 18) < 0.8
    image[:, 0, 0], image[:, 5, 5] = 0.123, 0.456  # two pixels without a neighbour of their colour
    weights = torch.rand(int(free.sum()), dtype=DOUBLE) * 1e-3
    correction = flat_groups(image, free, weights, 1e-7, 1)
    assert correction is not None
    matrix = dense(image)[free.flatten()][:, free.flatten()] + weights.diag()
    groups, count = correction.groups, correction.count
    constant = torch.rand(count + 1, dtype=DOUBLE)
    constant[-1] = 0
    spread = torch.nn.functional.one_hot(groups, count + 1).to(DOUBLE)
    residual = matrix @ (spread @ constant)
    torch.testing.assert_close(correction(residual[None])[0], spread @ constant, rtol=1e-6, atol=1e-6)
    assert not bool(correction(residual[None])[0][groups == count].any())


def test_groups_are_connected_pixels_of_one_colour() -> None:
    image = torch.zeros(3, 4, 6, dtype=DOUBLE)
    image[:, :, 3:] = 0.5
    image[:, :, 2] = torch.linspace(0.6, 0.9, 4)  # a column of four colours between two groups
    image[1, 0, 0] = 0.25  # alone by one channel
    free = torch.ones(4, 6, dtype=torch.bool)
    free[1, 3:] = False  # divides the right group in two
    correction = flat_groups(image, free, torch.ones(21, dtype=DOUBLE), 1e-7, 1)
    assert correction is not None
    numbers = torch.full((4, 6), -1)
    numbers[free] = correction.groups
    left, above, below, none = 0, 1, 2, 3
    assert correction.count == 3
    expected = [
        [none, left, none, above, above, above],
        [left, left, none, -1, -1, -1],
        [left, left, none, below, below, below],
        [left, left, none, below, below, below],
    ]
    assert numbers.tolist() == expected


def test_photos_do_without() -> None:
    image, free = smooth_picture(20, 30), torch.ones(20, 30, dtype=torch.bool)
    assert flat_groups(image, free, torch.ones(600), 1e-7, 1) is None
    image[:, :, :14] = 0.5  # less than half
    assert flat_groups(image, free, torch.ones(600), 1e-7, 1) is None
    image[:, :, :16] = 0.5
    assert flat_groups(image, free, torch.ones(600), 1e-7, 1) is not None
