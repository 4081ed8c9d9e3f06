import math

import pytest
import torch

from photostyle_native.color.linear import linear_mk_map, masked_mk_transfer
from photostyle_native.errors import PhotostyleError


def random_statistics(generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    mean = torch.rand(3, generator=generator, dtype=torch.float64)
    factor = torch.randn(3, 3, generator=generator, dtype=torch.float64)
    return mean, factor @ factor.T + 0.1 * torch.eye(3, dtype=torch.float64)


def statistics(pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and covariance of (3, H, W), by torch."""
    flat = pixels.double().flatten(1)
    return flat.mean(1), torch.cov(flat, correction=0)


def textured(height: int, width: int, seed: int, mean=(0.5, 0.5, 0.5), spread: float = 0.05) -> torch.Tensor:
    """A photo of correlated noise that stays well inside [0, 1]."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.rand(3, height * width, generator=generator) - 0.5
    mix = torch.eye(3) + 0.5 * torch.rand(3, 3, generator=generator)
    return (torch.tensor(mean)[:, None] + spread * mix @ noise).view(3, height, width)


def halves(height: int, width: int) -> torch.Tensor:
    """Two masks: left and right."""
    left = (torch.arange(width) < width // 2).float().expand(height, width)
    return torch.stack([left, 1 - left])


def full(image: torch.Tensor) -> torch.Tensor:
    return torch.ones(1, *image.shape[1:])


# ---------------------------------------------------------------------------------------- the map


@pytest.mark.parametrize("seed", range(5))
def test_map_carries_mean_and_covariance(seed):
    generator = torch.Generator().manual_seed(seed)
    (mean_c, cov_c), (mean_s, cov_s) = random_statistics(generator), random_statistics(generator)
    transform, offset = linear_mk_map(mean_c, cov_c, mean_s, cov_s)
    torch.testing.assert_close(transform @ mean_c + offset, mean_s, rtol=0, atol=1e-9)
    torch.testing.assert_close(transform @ cov_c @ transform.T, cov_s, rtol=0, atol=1e-9)
    torch.testing.assert_close(transform, transform.T, rtol=0, atol=0)
    assert bool((torch.linalg.eigvalsh(transform) > 0).all())


def test_map_between_diagonal_covariances_by_hand():
    mean_c, mean_s = torch.tensor([0.5, 0.25, 0.0]).double(), torch.tensor([0.0, 1.0, 0.5]).double()
    cov_c, cov_s = (torch.diag(torch.tensor(v)).double() for v in ([0.04, 0.09, 1.0], [0.01, 0.36, 1.0]))
    transform, offset = linear_mk_map(mean_c, cov_c, mean_s, cov_s)
    torch.testing.assert_close(transform, torch.diag(torch.tensor([0.5, 2.0, 1.0])).double())
    torch.testing.assert_close(offset, torch.tensor([-0.25, 0.5, 0.5]).double())


def test_map_is_the_identity_for_equal_statistics():
    mean, cov = random_statistics(torch.Generator().manual_seed(9))
    transform, offset = linear_mk_map(mean, cov, mean, cov)
    torch.testing.assert_close(transform, torch.eye(3).double(), rtol=0, atol=1e-12)
    torch.testing.assert_close(offset, torch.zeros(3).double(), rtol=0, atol=1e-12)


def test_map_of_a_content_without_variation_in_some_directions():
    grey = torch.full((3, 3), 0.04).double()  # all channels equal: rank one
    target = torch.diag(torch.tensor([0.04, 0.04, 0.04])).double()
    transform, _ = linear_mk_map(torch.zeros(3).double(), grey, torch.zeros(3).double(), target)
    # Along (1, 1, 1)/sqrt(3) the variance is 0.12, and 0.04 wanted: gain sqrt(1/3). Across it: nothing.
    torch.testing.assert_close(transform, torch.full((3, 3), math.sqrt(1 / 3) / 3).double())
    zero, offset = linear_mk_map(*(torch.zeros(s).double() for s in (3, (3, 3), 3)), target)
    assert bool((zero == 0).all())
    assert bool((offset == 0).all())


# ---------------------------------------------------------------------------------------- the transfer


def test_one_region_takes_the_style_statistics():
    content, style = textured(37, 53, 0), textured(41, 29, 1, mean=(0.6, 0.4, 0.3), spread=0.1)
    result = masked_mk_transfer(content, style, full(content), full(style), regularization=1e-9)
    assert result.dtype == torch.float32
    assert result.shape == content.shape
    for got, wanted in zip(statistics(result), statistics(style), strict=True):
        torch.testing.assert_close(got, wanted, rtol=0, atol=1e-6)


def test_equal_photos_stay_as_they_are():
    content = textured(23, 31, 2)
    result = masked_mk_transfer(content, content, halves(23, 31), halves(23, 31))
    torch.testing.assert_close(result, content, rtol=0, atol=1e-6)


def test_every_label_takes_its_own_statistics():
    content = textured(40, 60, 3)
    style = torch.cat([textured(30, 25, 4, mean=(0.8, 0.3, 0.2)), textured(30, 25, 5, mean=(0.1, 0.3, 0.7))], dim=2)
    result = masked_mk_transfer(content, style, halves(40, 60), halves(30, 50), feather=0, regularization=1e-9)
    for part, wanted in ((result[..., :30], style[..., :25]), (result[..., 30:], style[..., 25:])):
        for got, target in zip(statistics(part), statistics(wanted), strict=True):
            torch.testing.assert_close(got, target, rtol=0, atol=1e-6)


def test_labels_are_weighted_softly():
    """Two pixels with weights 3 : 1 have the mean of four pixels."""
    content = torch.tensor([0.2, 0.6]).expand(3, 1, 2)
    mask = torch.tensor([[[0.75, 0.25]]])
    style = torch.full((3, 2, 2), 0.5)
    result = masked_mk_transfer(content, style, mask, full(style), feather=0)
    # Content mean 0.3. Style covariance zero: the gain along grey is sqrt(1e-4 / (3 * 0.03 + 1e-4)).
    gain = math.sqrt(1e-4 / (3 * 0.03 + 1e-4))
    label = 0.5 + gain * (torch.tensor([0.2, 0.6]) - 0.3)
    # The rest of the weight is the global map's, at a thousandth: mean 0.4, variance 0.04.
    overall = 0.5 + math.sqrt(1e-4 / (3 * 0.04 + 1e-4)) * (torch.tensor([0.2, 0.6]) - 0.4)
    shares = torch.tensor([0.75 / (0.75 + 0.25e-3), 0.25 / (0.25 + 0.75e-3)])
    expected = (shares * label + (1 - shares) * overall).expand(3, 1, 2)
    torch.testing.assert_close(result, expected, rtol=0, atol=1e-6)


def test_no_seam_in_a_smooth_photo():
    """A sky cut in two by a mask: the maps differ by half the range, neighbouring pixels must not."""
    height, width = 40, 200
    content = torch.linspace(0.45, 0.55, width).expand(3, height, width)
    style = torch.cat([torch.full((3, 20, 20), 0.2), torch.full((3, 20, 20), 0.7)], dim=2)

    def largest_step(feather: float) -> float:
        result = masked_mk_transfer(content, style, halves(height, width), halves(20, 40), feather=feather)
        return float(result.diff(dim=2).abs().max())

    assert largest_step(0) > 0.45
    assert largest_step(0.03) < 0.06  # the 0.5 are spread over two windows of 13 pixels
    assert largest_step(0.1) < largest_step(0.03) / 2


def test_edges_of_the_photo_stay_where_they_are():
    """Where the labels' border is an edge of the photo, neither side fades into the other: no halo."""
    content = textured(60, 100, 6, mean=(0.3, 0.3, 0.3), spread=0.02)
    content[..., 50:] += 0.4
    style = torch.cat([torch.full((3, 20, 20), 0.8), torch.full((3, 20, 20), 0.1)], dim=2)
    result = masked_mk_transfer(content, style, halves(60, 100), halves(20, 40), feather=0.05)
    assert float((result[..., :50] - 0.8).abs().max()) < 0.1
    assert float((result[..., 50:] - 0.1).abs().max()) < 0.1


def test_blending_invents_no_colors():
    """Each label's map is one colour here, so every pixel lies between the two, in busy texture as well."""
    content = textured(60, 90, 23, spread=0.9)
    style = torch.cat([torch.full((3, 20, 20), 0.2), torch.full((3, 20, 20), 0.7)], dim=2)
    result = masked_mk_transfer(content, style, halves(60, 90), halves(20, 40), regularization=1e-12)
    assert float(result.min()) > 0.2 - 1e-4
    assert float(result.max()) < 0.7 + 1e-4


def test_blending_sums_to_one():
    """Where all labels share one map, blending them changes nothing, wherever the masks overlap or fade."""
    style = textured(21, 27, 8, mean=(0.3, 0.6, 0.5))
    masks = torch.rand(3, 33, 47, generator=torch.Generator().manual_seed(0)) * 2
    masks[:, :10, :10] = 0
    # Maps of different labels agree on a photo of one colour only: there each of them gives the style mean.
    flat = torch.tensor([0.2, 0.5, 0.6])[:, None, None].expand(3, 33, 47)
    result = masked_mk_transfer(flat, style, masks, full(style).expand(3, -1, -1))
    expected = statistics(style)[0].float()[:, None, None].expand_as(flat)
    torch.testing.assert_close(result, expected, rtol=0, atol=1e-6)


# ---------------------------------------------------------------------------------------- robustness


def test_gain_is_bounded_in_flat_and_grey_regions():
    """A sky with noise of one 8-bit level must not become a storm."""
    generator = torch.Generator().manual_seed(10)
    content = 0.5 + (torch.rand(3, 50, 60, generator=generator) - 0.5) / 255
    style = textured(50, 60, 11, spread=0.5)

    def gain(**options: float) -> float:
        result = masked_mk_transfer(content, style, full(content), full(style), **options)
        return math.sqrt(float(torch.linalg.eigvalsh(statistics(result)[1]).max())) * 255 * math.sqrt(12)

    assert gain(max_gain=math.inf, regularization=1e-12) > 50
    assert gain(max_gain=2) < 2.2  # the noise of a sample varies a little with direction
    assert gain(max_gain=2, regularization=1e-12) < 2.2
    grey = textured(50, 60, 12, spread=0.3)[:1].expand(3, -1, -1)
    result = masked_mk_transfer(grey, style, full(grey), full(style))
    assert bool(result.isfinite().all())


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_constant_photos(value):
    content, style = torch.full((3, 5, 7), value), torch.full((3, 4, 3), 0.25)
    result = masked_mk_transfer(content, style, full(content), full(style))
    torch.testing.assert_close(result, torch.full((3, 5, 7), 0.25), rtol=0, atol=1e-6)


def test_label_of_one_pixel():
    content, style = textured(20, 30, 13), textured(20, 30, 14, mean=(0.2, 0.5, 0.8))
    masks = torch.zeros(2, 20, 30)
    masks[0, 4, 5] = 1
    masks[1] = 1 - masks[0]
    result = masked_mk_transfer(content, style, masks, masks, feather=0)
    torch.testing.assert_close(result[:, 4, 5], style[:, 4, 5], rtol=0, atol=1e-6)


def test_empty_labels_leave_their_pixels_to_the_global_map():
    content, style = textured(30, 40, 15), textured(30, 40, 16, mean=(0.7, 0.4, 0.2))
    masks = halves(30, 40)
    half_gone = masks.clone()
    half_gone[1] = 0
    overall = masked_mk_transfer(content, style, full(content), full(style))
    left = masked_mk_transfer(content[..., :20], style[..., :20], *[torch.ones(1, 30, 20)] * 2)
    for content_masks, style_masks in ((masks, half_gone), (half_gone, masks), (half_gone, half_gone)):
        result = masked_mk_transfer(content, style, content_masks, style_masks, feather=0)
        torch.testing.assert_close(result[..., :20], left, rtol=0, atol=1e-6)
        torch.testing.assert_close(result[..., 20:], overall[..., 20:], rtol=0, atol=1e-6)
    for none in (torch.zeros(2, 30, 40), torch.zeros(0, 30, 40)):
        result = masked_mk_transfer(content, style, none, none)
        torch.testing.assert_close(result, overall, rtol=0, atol=1e-6)


def test_result_is_clamped():
    content, style = (
        textured(30, 40, 17, spread=0.3),
        textured(30, 40, 18, mean=(0.95, 0.05, 0.5), spread=0.6),
    )
    result = masked_mk_transfer(content, style, full(content), full(style))
    assert float(result.min()) == 0
    assert float(result.max()) == 1


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (2, 5), (3, 3)])
def test_tiny_photos(size):
    content, style = textured(*size, seed=19), textured(7, 6, 20)
    masks = halves(*size)
    result = masked_mk_transfer(content, style, masks, halves(7, 6), feather=1.0)
    assert result.shape == (3, *size)
    assert bool(result.isfinite().all())


def test_inputs_are_left_alone_and_types_may_differ():
    content, style = textured(20, 30, 21).double().requires_grad_(), textured(11, 13, 22)
    masks, style_masks = halves(20, 30), halves(11, 13) > 0
    before = [tensor.clone() for tensor in (content, style, masks, style_masks)]
    result = masked_mk_transfer(content, style, masks, style_masks)
    assert result.dtype == torch.float32
    assert not result.requires_grad
    for tensor, copy in zip((content, style, masks, style_masks), before, strict=True):
        assert torch.equal(tensor, copy)


def test_errors_name_the_argument():
    content, style = torch.zeros(3, 4, 5), torch.zeros(3, 6, 7)
    good = (torch.ones(2, 4, 5), torch.ones(2, 6, 7))
    cases = [
        ((content[0], style, *good), r"`content` must have shape \(3, H, W\), got \(4, 5\)"),
        ((content, style[:, :0], *good), r"`style` must have shape \(3, H, W\), got \(3, 0, 7\)"),
        (
            (content, style, good[0][:, 1:], good[1]),
            r"`content_masks` must have shape \(K, 4, 5\) as `content`",
        ),
        (
            (content, style, good[0], good[0]),
            r"`style_masks` must have shape \(K, 6, 7\) as `style`, got \(2, 4",
        ),
        ((content, style, good[0], good[1][:1]), "must have the same K, got 2 and 1"),
        ((content, style, good[0], -good[1]), "`style_masks` must not be negative, got -1"),
    ]
    for arguments, message in cases:
        with pytest.raises(PhotostyleError, match=message):
            masked_mk_transfer(*arguments)
    for options, message in (
        ({"feather": -0.1}, r"`feather` must be in \[0, 1\], got -0.1"),
        ({"regularization": 0.0}, "`regularization` must be positive, got 0.0"),
        ({"max_gain": 0.5}, "`max_gain` must be at least 1, got 0.5"),
    ):
        with pytest.raises(PhotostyleError, match=message):
            masked_mk_transfer(content, style, *good, **options)
