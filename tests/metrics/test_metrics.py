"""What the metrics must not notice (recolouring), what they must (warps, noise, halos), and where they are silent."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from metrics.scenes import HEIGHT, WIDTH, curved, scene, shifted
from scipy import ndimage
from torch import Tensor

from photostyle_native import PhotostyleError, metrics
from photostyle_native.metrics.luma import luma

Measure = Callable[[Tensor, Tensor], "float | None"]


AGAINST_CONTENT: list[tuple[Measure, float]] = [
    (metrics.ssim, 1),
    (metrics.edge_ssim, 1),
    (metrics.matting_energy_per_pixel, 0),
    (metrics.gradient_reversal, 0),
    (metrics.noise_gain, 1),
]


def rotated(image: Tensor) -> Tensor:
    turned = ndimage.rotate(image.numpy(), 4, (1, 2), reshape=False, order=1, mode="nearest")
    return torch.from_numpy(turned)


def rippled(image: Tensor) -> Tensor:
    y, x = np.meshgrid(np.arange(HEIGHT, dtype=float), np.arange(WIDTH, dtype=float), indexing="ij")
    at = y + 2.5 * np.sin(x / 5), x + 2.5 * np.sin(y / 4)
    return torch.stack([torch.from_numpy(ndimage.map_coordinates(p, at, order=1, mode="nearest")) for p in image])


# One colour map for all the picture, in the order of how much it does to contrast.
def tinted(image: Tensor) -> Tensor:
    """Luma stays: 0.587 of what is taken from green is given to red and blue."""
    change = torch.tensor([0.1, -(0.299 * 0.1 + 0.114 * 0.15) / 0.587, 0.15])
    return image + change[:, None, None]


def dimmed(image: Tensor) -> Tensor:
    return 0.6 * image + 0.1


@pytest.mark.parametrize(("measure", "perfect"), AGAINST_CONTENT)
def test_the_content_itself_is_perfect(measure: Measure, perfect: float) -> None:
    content = scene()
    assert measure(content, content) == pytest.approx(perfect, abs=1e-6)


@pytest.mark.parametrize("warp", [shifted, rotated, rippled])
def test_a_warp_is_punished_more_than_any_recolouring(warp: Callable[[Tensor], Tensor]) -> None:
    content = scene()
    for measure in (metrics.ssim, metrics.edge_ssim):
        recolored = [measure(content, change(content)) for change in (tinted, dimmed, curved)]
        assert min(recolored) > 0.85
        assert measure(content, warp(content)) < min(recolored) - 0.05
    matting = [metrics.matting_energy_per_pixel(content, change(content)) for change in (tinted, dimmed, curved)]
    assert metrics.matting_energy_per_pixel(content, warp(content)) > 20 * max(matting)
    reversal = [metrics.gradient_reversal(content, change(content)) for change in (tinted, dimmed, curved)]
    assert metrics.gradient_reversal(content, warp(content)) > max(0.01, 5 * max(reversal))


def test_what_leaves_luma_alone_leaves_every_metric_perfect() -> None:
    content = scene()
    output = tinted(content)
    assert luma(output) == pytest.approx(luma(content), abs=1e-6)
    for measure, perfect in AGAINST_CONTENT:
        assert measure(content, output) == pytest.approx(perfect, abs=1e-5)


@pytest.mark.parametrize(("gain", "offset"), [(0.6, 0.1), (1.2, -0.1), (-0.8, 0.9)])
def test_contrast_and_brightness(gain: float, offset: float) -> None:
    """Affine in luma: edge maps, photorealism and signs do not see it, noise is amplified by the gain."""
    content = scene().double()
    output = gain * content + offset
    assert metrics.edge_ssim(content, output) == pytest.approx(1, abs=1e-9)
    assert (metrics.ssim(content, output) < 0.5) == (gain < 0)
    assert metrics.gradient_reversal(content, output) == 0
    assert metrics.matting_energy_per_pixel(content.float(), output.float()) < 1e-6
    rounding = 1 / 12  # in squared steps of an 8-bit file, where the grain has 4
    expected = math.sqrt((4 * gain**2 + rounding) / (4 + rounding))
    assert metrics.noise_gain(content, output) == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize("size", [(1, 1), (2, 5), (3, 3), (10, 40), (11, 11)])
def test_tiny_pictures(size: tuple[int, int]) -> None:
    image = torch.rand(3, *size)
    ssim_fits, matting_fits = min(size) >= 11, min(size) >= 3
    for measure, perfect in AGAINST_CONTENT:
        value = measure(image, image)
        if value is not None:
            assert value == pytest.approx(perfect, abs=1e-5)
    assert (metrics.ssim(image, image) is None) == (not ssim_fits)
    assert (metrics.edge_ssim(image, image) is None) == (not ssim_fits)
    assert (metrics.matting_energy_per_pixel(image, image) is None) == (not matting_fits)


def test_a_flat_content_has_no_edge_and_white_noise_no_flat_place() -> None:
    flat = torch.full((3, 40, 50), 0.25)
    texture = torch.rand(3, 40, 50)
    assert metrics.gradient_reversal(flat, texture) is None
    assert metrics.gradient_reversal(texture, flat) == 0
    assert metrics.noise_gain(texture, flat) is None
    assert metrics.edge_ssim(flat, flat) == pytest.approx(1)
    assert metrics.edge_ssim(flat, texture) < 0.1


@pytest.mark.parametrize("measure", [measure for measure, _ in AGAINST_CONTENT])
def test_bad_input_is_refused(measure: Measure) -> None:
    image = torch.rand(3, 12, 14)
    with pytest.raises(PhotostyleError, match=r"`output` must have the content's shape \(3, 12, 14\)"):
        measure(image, torch.rand(3, 14, 12))
    with pytest.raises(PhotostyleError, match=r"`content` must have shape \(3, H, W\)"):
        measure(image[:2], image[:2])
    with pytest.raises(PhotostyleError, match="`output` must be finite"):
        measure(image, image / 0)
