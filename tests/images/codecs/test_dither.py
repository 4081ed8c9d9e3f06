"""Noise before rounding: no bands, and what 8 bits can hold stays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from photostyle_native.images.codecs.dither import dither_noise
from photostyle_native.images.codecs.samples import quantise
from photostyle_native.images.photo import read_photo
from photostyle_native.images.write import write_photo


def sky() -> np.ndarray:
    """A gradient of three steps of an 8-bit file over 240 columns, (96, 240, 3)."""
    return np.broadcast_to(((20 + np.linspace(0, 3, 240)) / 255)[None, :, None], (96, 240, 3)).astype(np.float32)


def test_the_noise_is_even_and_finer_than_white_noise() -> None:
    noise = dither_noise(300, 400)
    assert noise.shape == (300, 400, 3)
    assert noise.dtype == np.float32
    assert float(np.abs(noise).max()) < 0.4901
    counts, _ = np.histogram(noise, bins=10, range=(-0.49, 0.49))
    assert counts.min() > 0.9 * noise.size / 10
    means = noise.reshape(100, 3, 400, 3)[:, :, :399].reshape(100, 3, 133, 3, 3).mean((1, 3))
    assert float(means.std()) < 0.5 * 0.98 / np.sqrt(12) / 3, "of white noise it would be twice as much"


def test_a_dithered_gradient_is_right_on_average_and_has_no_bands() -> None:
    plain, dithered = (quantise(sky(), np.uint8, "sky", dither=dither) for dither in (False, True))
    error = [
        np.abs((255 * sky() - samples).reshape(12, 8, 30, 8, 3).mean((1, 3))).max() for samples in (plain, dithered)
    ]
    assert error[0] > 0.4
    assert error[1] < 0.1
    assert all(len(np.unique(column)) == 1 for column in plain[:, :, 0].T)
    assert sum(len(np.unique(column)) > 1 for column in dithered[:, :, 0].T) > 200


def test_what_8_bits_can_hold_stays() -> None:
    exact = np.random.default_rng(0).integers(0, 256, (600, 50, 3), np.uint8)
    assert np.array_equal(quantise(exact / np.float32(255), np.uint8, "exact", dither=True), exact)


@pytest.mark.parametrize(("depth", "dithered"), [(8, True), (16, False)])
def test_only_8_bits_are_dithered(tmp_path: Path, depth: int, dithered: bool) -> None:
    picture = torch.from_numpy(sky().transpose(2, 0, 1).copy())
    files = [tmp_path / "plain.png", tmp_path / "dithered.png"]
    write_photo(files[0], picture, bit_depth=depth)
    write_photo(files[1], picture, bit_depth=depth, dither=True)
    plain, other = (read_photo(path).pixels for path in files)
    assert np.array_equal(plain, other) != dithered
