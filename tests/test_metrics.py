"""What the metrics must not notice (recolouring), what they must (warps, noise, halos), and where they are silent."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from pictures import smooth_picture
from scipy import ndimage
from torch import Tensor

from photostyle_native import Objective, PhotostyleError, load_vgg19, metrics
from photostyle_native.masks.pairs import MaskPair
from photostyle_native.metrics.luma import luma
from photostyle_native.optimization.objective import STYLE_LAYERS

HEIGHT, WIDTH = 91, 123

Measure = Callable[[Tensor, Tensor], "float | None"]
AGAINST_CONTENT: list[tuple[Measure, float]] = [
    (metrics.ssim, 1),
    (metrics.edge_ssim, 1),
    (metrics.matting_energy_per_pixel, 0),
    (metrics.gradient_reversal, 0),
    (metrics.noise_gain, 1),
]


def scene() -> Tensor:
    """A sky with a little grain over a building and two discs: soft edges, texture below, flat above."""
    y, x = torch.meshgrid(torch.arange(HEIGHT), torch.arange(WIDTH), indexing="ij")
    picture = torch.stack([0.45 + 0 * y, 0.55 + 0 * y, 0.75 - 0.0005 * y])
    building = (y > 45) & (x > 20) & (x < 100) & ~((y > 60) & (x % 17 < 6) & (y % 13 < 6))
    picture[:, building] = torch.tensor([0.3, 0.24, 0.2])[:, None]
    for row, column, radius, level in ((20, 30, 9, 0.85), (22, 85, 12, 0.3)):
        picture[:, (y - row) ** 2 + (x - column) ** 2 < radius**2] = level
    soft = torch.from_numpy(ndimage.gaussian_filter(picture.numpy(), (0, 1, 1)))
    return (soft + 2 / 255 * torch.randn(HEIGHT, WIDTH)).clamp(0, 1)  # grey grain: of luma, 2/255


def shifted(image: Tensor) -> Tensor:
    return image.roll((2, 3), (1, 2))


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


def curved(image: Tensor) -> Tensor:
    return image.clamp(0, 1) ** 1.6


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


def test_ssim_of_a_flat_picture_is_its_factor_of_brightness() -> None:
    black, grey = torch.full((3, 16, 19), 0.2).double(), torch.full((3, 16, 19), 0.6).double()
    c1 = 0.01**2
    assert metrics.ssim(black, grey) == pytest.approx((2 * 0.2 * 0.6 + c1) / (0.2**2 + 0.6**2 + c1))


def test_edge_strength_of_a_step_by_hand() -> None:
    step = torch.zeros(3, 21, 40)
    step[:, :, 20:] = 0.5
    edges = metrics.edge_strength(step)
    # The filter is k g(k) for the Gaussian g. A pixel beside the step sees k >= 1, one 2 pixels on k >= 3. Two of 40
    # columns are 5 %, so the slope beside the step is the 99th percentile.
    tail = [sum(k * math.exp(-k * k / 2) for k in range(least, 5)) for least in (1, 3)]
    assert edges[10, 19:21] == pytest.approx([1, 1])
    assert edges[10, 22] == pytest.approx(tail[1] / tail[0])
    assert edges[10, :10].max() < 1e-6


def test_added_noise_is_gained() -> None:
    content = scene()
    noisy = content + 4 / 255 * torch.randn(HEIGHT, WIDTH)
    # 2/255 of grain, with 4/255 more: sqrt(4 + 16) / 2
    assert metrics.noise_gain(content, noisy) == pytest.approx(math.sqrt(5), rel=0.1)
    assert metrics.noise_gain(content, torch.from_numpy(ndimage.gaussian_filter(content.numpy(), (0, 1, 1)))) < 0.5
    spoilt = content.clone()
    spoilt[:, 5, 60] = 1  # one wild pixel
    assert metrics.noise_gain(content, spoilt) < 1.2
    assert metrics.noise_gain(noisy, noisy) == 1


def test_grain_elsewhere_is_no_gain() -> None:
    assert metrics.noise_gain(scene(), shifted(scene())) == pytest.approx(1, abs=0.1)


def test_noise_in_textured_places_does_not_count() -> None:
    content = scene()
    noisy = content.clone()
    noisy[:, 60:, 25:95] += 0.1 * torch.randn(HEIGHT - 60, 70)  # on the windows of the building
    assert metrics.noise_gain(content, noisy) == pytest.approx(1, abs=0.1)


def test_clean_and_clean_is_no_gain() -> None:
    flat = torch.full((3, 40, 50), 0.5)
    assert metrics.noise_gain(flat, flat * 0.3) == pytest.approx(1)
    # Against nothing but the rounding of an 8-bit file, s = 1 / (255 sqrt(12)): sqrt(sigma^2 + s^2) / s.
    noisy = flat + 3 / 255 * torch.randn(40, 50)
    assert metrics.noise_gain(flat, noisy) == pytest.approx(math.sqrt(1 + 9 * 12), rel=0.1)


def test_a_halo_reverses_gradients() -> None:
    content = scene()
    found = [metrics.gradient_reversal(content, sharpened(content, amount)) for amount in (0, 0.5, 1, 2)]
    assert found == sorted(found)
    assert found[0] == 0
    assert found[1] > 0.001
    assert found[3] > 5 * metrics.gradient_reversal(content, curved(content))
    assert found[3] <= 0.5


def sharpened(image: Tensor, amount: float) -> Tensor:
    """Unsharp masking with a wide radius: bright and dark rims along every edge."""
    return image + amount * (image - torch.from_numpy(ndimage.gaussian_filter(image.numpy(), (0, 4, 4))))


def test_reversal_of_a_ramp_by_hand() -> None:
    """A roof: the content rises all the way, the output rises on the left half and falls on the right."""
    x = torch.arange(64.0)
    content = x.expand(3, 64, 64)
    roof = torch.minimum(x, 63 - x).expand(3, 64, 64)
    assert metrics.gradient_reversal(content, 1 - content) == 0
    # Of the Gaussian agreement window (4 pixels), t pixels from the ridge, the share Phi(-t/4) has the other sign: in
    # all 2 * 4 / sqrt(2 pi) columns of 64.
    assert metrics.gradient_reversal(content, roof) == pytest.approx(8 / math.sqrt(2 * math.pi) / 64, rel=0.05)


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


# ------------------------------------------------------------------------------------------------- by label


def halves(height: int, width: int, labels: int = 2) -> Tensor:
    masks = torch.zeros(labels, height, width)
    masks[0, :, : width // 3], masks[1, :, width // 3 :] = 1, 1
    return masks


def test_style_by_layer_and_label_sums_to_the_term() -> None:
    content, style = smooth_picture(45, 67), smooth_picture(50, 40).flip(0)
    masks, style_masks = halves(45, 67, 3), halves(50, 40, 3)  # the third is empty
    objective = Objective(content, style, masks, style_masks, load_vgg19())
    x = content.flip(2)
    parts = objective.style_parts(x)
    assert parts.shape == (len(STYLE_LAYERS), 3)
    assert float(parts.sum()) == pytest.approx(float(objective(x).style), rel=1e-5)
    assert (parts[:, :2] > 0).all()
    assert (parts[:, 2] == 0).all()
    alone = Objective(content, style, masks[:1], style_masks[:1], load_vgg19())
    assert float(alone(x).style) == pytest.approx(float(parts[:, 0].sum()), rel=1e-5)


def test_measure_says_which_label_is_far_from_the_style() -> None:
    content = torch.full((3, 48, 64), 0.5)
    style = torch.full((3, 40, 40), 0.5)
    style[0] = 0.8
    output = content.clone()
    output[0, :, 21:] = 0.8  # the second label took the style's colour, the first did not
    pair = MaskPair(halves(48, 64), halves(40, 40), ("left", "right"))
    objective = Objective(content, style, pair.content, pair.style, load_vgg19())
    found = metrics.measure(objective, style, pair, output)
    left, right = found["labels"]["left"], found["labels"]["right"]
    assert (left["share"], right["share"]) == (21 / 64, 43 / 64)
    assert left["color_distance"] == pytest.approx(0.15, rel=0.01)  # 0.3 in red, halved: the mean over directions
    assert right["color_distance"] == pytest.approx(0, abs=1e-6)
    assert found["color_distance"] == pytest.approx(21 / 64 * left["color_distance"])
    assert found["color_distance"] == pytest.approx(
        metrics.color_distance(output, style, pair.content, pair.style), abs=1e-12
    )
    assert list(left["gram"]) == list(STYLE_LAYERS)
    assert left["gram"]["conv1_1"] > right["gram"]["conv1_1"]
    assert found["gradient_reversal"] is None


def test_a_label_that_the_style_lacks_has_no_distance() -> None:
    content, style = smooth_picture(40, 50), smooth_picture(40, 50)
    masks, style_masks = halves(40, 50), torch.zeros(2, 40, 50)
    style_masks[0] = 1
    distances = metrics.color_distances(content, style, masks, style_masks)
    assert distances[0] is not None
    assert distances[1] is None
    pair = MaskPair(masks, torch.zeros(2, 40, 50), ("a", "b"))
    objective = Objective(content, style, pair.content, pair.style, load_vgg19())
    assert metrics.measure(objective, style, pair, content)["color_distance"] is None
