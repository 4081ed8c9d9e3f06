"""Pictures side by side: where each pixel of a sheet comes from."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from image_files import adobe_like

from photostyle_native.errors import PhotostyleError
from photostyle_native.images.photo import Photo, as_photo
from photostyle_native.images.sheet import Tile, make_sheet, photo_pixels

RED, GREEN, BLUE, WHITE = (200, 0, 0), (0, 200, 0), (0, 0, 200), (255, 255, 255)
GAP = 12


def plain(height: int, width: int, color: tuple[int, int, int]) -> np.ndarray:
    return np.full((height, width, 3), color, np.uint8)


def test_one_row_without_captions_is_pictures_and_gaps_only() -> None:
    sheet = make_sheet([[Tile(plain(50, 30, RED)), Tile(plain(50, 40, GREEN))]])
    assert sheet.shape == (50 + 2 * GAP, 30 + 40 + 3 * GAP, 3)
    expected = plain(*sheet.shape[:2], WHITE)
    expected[GAP : GAP + 50, GAP : GAP + 30] = RED
    expected[GAP : GAP + 50, 2 * GAP + 30 : 2 * GAP + 70] = GREEN
    assert np.array_equal(sheet, expected)


def test_pictures_are_scaled_to_one_height() -> None:
    sheet = make_sheet([[Tile(plain(50, 30, RED)), Tile(plain(100, 80, GREEN))]])
    assert sheet.shape == (50 + 2 * GAP, 30 + 40 + 3 * GAP, 3)
    taller = make_sheet([[Tile(plain(50, 30, RED))]], height=100)
    assert taller.shape == (100 + 2 * GAP, 60 + 2 * GAP, 3)


def test_rows_are_stacked_and_start_at_the_left() -> None:
    rows = [[Tile(plain(20, 20, RED))], [Tile(plain(20, 20, GREEN)), Tile(plain(20, 30, BLUE))]]
    sheet = make_sheet(rows)
    assert sheet.shape == (2 * 20 + 3 * GAP, 20 + 30 + 3 * GAP, 3)
    assert tuple(sheet[GAP + 10, GAP + 10]) == RED
    assert tuple(sheet[GAP + 10, GAP + 30]) == WHITE
    assert tuple(sheet[2 * GAP + 30, GAP + 10]) == GREEN
    assert tuple(sheet[2 * GAP + 30, 2 * GAP + 30]) == BLUE


def test_captions_are_written_below_and_stay_under_their_picture() -> None:
    tiles = [Tile(plain(60, 50, RED), "a caption that is much too long"), Tile(plain(60, 50, GREEN))]
    sheet = make_sheet([tiles])
    below = (sheet[GAP + 60 :] < 128).any(axis=(0, 2))
    assert below.any()
    columns = np.flatnonzero(below)
    assert columns[0] >= GAP
    assert columns[-1] < GAP + 50
    assert (sheet[GAP : GAP + 60, GAP : GAP + 50] == RED).all()


def test_inset_is_framed_in_the_lower_right_corner_with_its_own_colours() -> None:
    inset = plain(10, 10, BLUE)
    inset[:5] = GREEN
    picture = make_sheet([[Tile(plain(100, 120, RED), inset=inset)]])[GAP:-GAP, GAP:-GAP]
    side, frame, margin = 28, 2, 8  # 28 % of the height
    bottom, right = 100 - margin, 120 - margin
    assert (picture[bottom - frame - side // 2 : bottom - frame, right - frame - side : right - frame] == BLUE).all()
    colors = np.unique(picture.reshape(-1, 3), axis=0)
    assert {tuple(map(int, color)) for color in colors} == {RED, GREEN, BLUE, WHITE}
    assert (picture[:, : 120 - margin - side - 2 * frame] == RED).all()


def test_photos_become_eight_bit_srgb() -> None:
    deep = as_photo(np.full((4, 5, 3), 0.5, np.float32))
    assert deep.bit_depth == 16
    assert (photo_pixels(deep) == 128).all()
    wide = Photo(plain(4, 5, (60, 200, 60)), icc_profile=adobe_like())
    expected = wide.converted_to(None).pixels
    assert np.array_equal(photo_pixels(wide), expected)
    assert not np.array_equal(expected, wide.pixels)
    values = as_photo(torch.from_numpy(wide.pixels).permute(2, 0, 1))
    assert np.array_equal(photo_pixels(values, like=wide), expected)


@pytest.mark.parametrize(
    ("rows", "height", "message"),
    [
        ([], None, "`rows` must have at least one tile"),
        ([[]], None, "`rows` must have at least one tile"),
        ([[Tile(np.zeros((4, 4), np.uint8))]], None, r"`pixels` must be \(H, W, 3\) uint8, got \(4, 4\)"),
        ([[Tile(np.zeros((4, 4, 3)))]], None, "`pixels` must be .* float64"),
        ([[Tile(plain(4, 4, RED), inset=np.zeros((0, 4, 3), np.uint8))]], None, "`inset` must be"),
        ([[Tile(plain(4, 4, RED))]], 0, "`height` must be at least 1, got 0"),
    ],
)
def test_bad_arguments(rows: list[list[Tile]], height: int | None, message: str) -> None:
    with pytest.raises(PhotostyleError, match=message):
        make_sheet(rows, height=height)
