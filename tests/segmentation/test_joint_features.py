"""Features of two photos in one space."""

from __future__ import annotations

import pytest
import torch
from segmentation.landscapes import DAY, DUSK

from photostyle_native.network.vgg19 import VGG19
from photostyle_native.segmentation.joint_features import JointFeatures, joint_features


def test_values_of_all_cells_are_split_into_both_grids() -> None:
    features = JointFeatures(torch.zeros(10, 4), ((2, 3), (4, 1)))
    content, style = features.split(torch.arange(10))
    assert content.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert style.tolist() == [[6], [7], [8], [9]]
    content, style = features.split(torch.zeros(10, 5))
    assert (content.shape, style.shape) == ((2, 3, 5), (4, 1, 5))


def test_a_cell_is_eight_pixels_of_a_photo_that_is_not_too_large(vgg: VGG19) -> None:
    found = joint_features(DAY, DUSK, vgg)
    assert found.grids == ((20, 28), (24, 24))
    assert len(found.points) == 20 * 28 + 24 * 24
    enlarged = torch.nn.functional.interpolate(DAY[None], scale_factor=4)[0]  # 896 pixels wide: 448 are used
    assert joint_features(enlarged, DUSK, vgg).grids == ((40, 56), (24, 24))


def test_equal_photos_have_equal_points_and_sky_is_more_like_sky(vgg: VGG19) -> None:
    found = joint_features(DAY, DAY, vgg)
    content, style = found.split(found.points)
    torch.testing.assert_close(content, style, rtol=0, atol=1e-5)
    found = joint_features(DAY, DUSK, vgg)
    content, style = found.split(found.points)
    sky, ground = content[2, 14], content[-2, 14]  # the dusk's sky is darker than the day's, and still sky
    for own, other, same, different in (
        (sky, ground, style[2, 12], style[-2, 12]),
        (ground, sky, style[-2, 12], style[2, 12]),
    ):
        assert float((own - same).norm()) < float((own - different).norm())
        assert float((own - same).norm()) < float((own - other).norm())


def test_a_flat_photo_differs_by_height_alone(vgg: VGG19) -> None:
    flat = torch.full((3, 64, 64), 0.5)
    found = joint_features(flat, flat, vgg)
    colors, heights = found.points[:, -3:], found.points[:, -4].view(2, 8, 8)
    assert not colors.any()
    assert float(heights[0, 0, 0]) == pytest.approx(0.5 * (1 / 16 - 1 / 2) * 12**0.5)
    torch.testing.assert_close(heights, -heights.flip(1))
