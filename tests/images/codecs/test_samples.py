"""Conversions of samples of any depth to 8 or 16 bits."""

from __future__ import annotations

import numpy as np
import pytest

from photostyle_native.errors import PhotostyleError
from photostyle_native.images.codecs.samples import change_depth, quantise, split_alpha, to_stored


def test_integers_of_any_depth_fill_the_range_of_eight_or_sixteen_bits() -> None:
    for bits, values, dtype, expected in (
        (2, [0, 1, 2, 3], np.uint8, [0, 85, 170, 255]),
        (7, [0, 63, 64, 127], np.uint8, [0, 126, 129, 255]),  # 63 * 255 / 127 = 126.496, 64 * 255 / 127 = 128.504
        (12, [0, 1, 4095], np.uint16, [0, 16, 65535]),
        (24, [0, 1 << 8, (1 << 24) - 1], np.uint16, [0, 1, 65535]),
    ):
        container = np.uint8 if bits <= 8 else np.uint16 if bits <= 16 else np.uint32
        stored = to_stored(np.array([values], container), "image", bits)
        assert stored.dtype == dtype
        assert stored.tolist() == [expected]
    assert to_stored(np.array([[False, True]]), "image").tolist() == [[0, 255]]
    signed = to_stored(np.array([[0, 65535]], np.int32), "image")
    assert (signed.dtype, signed.tolist()) == (np.dtype(np.uint16), [[0, 65535]])
    with pytest.raises(PhotostyleError, match=r"image: integer samples must lie in 0\.\.65535, got -1\.\.7"):
        to_stored(np.array([[-1, 7]], np.int32), "image")


def test_floats_are_rounded_in_every_row_and_checked_in_every_row() -> None:
    """More rows than are converted together."""
    array = np.full((300, 2), 0.5)
    array[299] = -0.5e-6, 1 + 0.5e-6  # as far outside as rounding may bring them
    assert quantise(array, np.uint8, "image")[[0, 299]].tolist() == [[128, 128], [0, 255]]
    array[299] = -0.1, 1.1
    with pytest.raises(PhotostyleError, match=r"image: float samples must lie in \[0, 1\], got -0\.1 to 1\.1"):
        quantise(array, np.uint8, "image")
    assert quantise(array, np.uint16, "image", clip=True)[299].tolist() == [0, 65535]
    array[299, 0] = np.nan
    with pytest.raises(PhotostyleError, match="got nan"):
        quantise(array, np.uint8, "image", clip=True)


def test_a_change_of_depth_and_back_is_exact() -> None:
    eight = np.arange(256, dtype=np.uint8)
    sixteen = change_depth(eight, np.uint16)
    assert (sixteen.dtype, sixteen[0], sixteen[255]) == (np.dtype(np.uint16), 0, 65535)
    np.testing.assert_array_equal(change_depth(sixteen, np.uint8), eight)
    assert change_depth(np.array([128, 129, 65406, 65407], np.uint16), np.uint8).tolist() == [0, 1, 254, 255]
    assert change_depth(eight, np.uint8) is eight


def test_the_last_of_two_or_four_channels_is_alpha() -> None:
    for channels in (1, 2, 3, 4):
        colour, alpha = split_alpha(np.broadcast_to(np.arange(channels), (5, 4, channels)))
        assert colour.shape == (5, 4, 1 if channels < 3 else 3)
        assert (alpha is None) == (channels in (1, 3))
        assert alpha is None or (alpha.shape, alpha.max()) == ((5, 4), channels - 1)
    assert split_alpha(np.zeros((5, 4)))[0].shape == (5, 4, 1)
