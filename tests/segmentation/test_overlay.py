"""The sheet that shows regions over their photos."""

from __future__ import annotations

import numpy as np

from photostyle_native.segmentation.overlay import overlay, overlay_sheet
from photostyle_native.segmentation.regions import Regions


def test_a_photo_is_grey_and_tinted_with_white_boundaries() -> None:
    photo = np.full((6, 8, 3), (100, 200, 50), np.uint8)
    index = np.zeros((6, 8), np.int16)
    index[:, 4:] = 1
    drawn = overlay(photo, index, ("blue", "red"))
    grey = 0.299 * 100 + 0.587 * 200 + 0.114 * 50
    flat, tint = round(0.55 * grey), round(0.55 * grey + 0.45 * 255)
    assert (drawn[:, :4] == (flat, flat, tint)).all()
    assert (drawn[:, 4] == 255).all()
    assert (drawn[:, 5:] == (tint, flat, flat)).all()


def test_the_sheet_has_both_photos_their_regions_and_a_legend() -> None:
    photos = [np.full((60, 80, 3), level, np.uint8) for level in (90, 120)]
    index = np.repeat(np.array([[0, 1]], np.int16), 40, 1).repeat(60, 0)
    sheet = overlay_sheet(photos, Regions(index, index, ("blue", "red"), (1.0, 0.5)))
    assert sheet.dtype == np.uint8
    assert sheet.shape[0] > 2 * 480  # two rows
    assert sheet.shape[1] >= 2 * 640  # a photo and its regions, both enlarged to 480 rows
    colors = {tuple(color) for color in sheet.reshape(-1, 3).tolist()}
    assert {(90, 90, 90), (120, 120, 120), (0, 0, 255), (255, 0, 0)} <= colors
    legend = sheet[-2 * 30 - 14 :]
    assert (legend == (0, 0, 255)).all(-1).sum() > 200
    assert (legend == (255, 0, 0)).all(-1).sum() > 200


def test_the_sheet_of_a_wide_photo_is_lower() -> None:
    wide = np.full((50, 1000, 3), 90, np.uint8)
    index = np.zeros((50, 1000), np.int16)
    sheet = overlay_sheet([wide, wide], Regions(index, index, ("blue",), (1.0,)))
    assert 2 * 2400 <= sheet.shape[1] < 2 * 2400 + 100
    assert sheet.shape[0] < 480
