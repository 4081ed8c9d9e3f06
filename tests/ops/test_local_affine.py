"""Locally affine maps: against the reference in float64, and against what must hold by construction."""

from __future__ import annotations

import math
from typing import Any

import emulation
import pytest
import torch
from checks import relative_error
from pictures import smooth_picture
from torch import Tensor

from photostyle_native import PhotostyleError, ops
from photostyle_native.reference import local_affine as reference

pytestmark = pytest.mark.kernel

SHAPES = [(1, 1), (2, 5), (3, 3), (7, 11), (33, 19), (67, 131)]
TOLERANCE = {torch.float32: 4e-7, torch.float64: 2e-12}
IDENTITY = [1.0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0]
RECOLOUR = torch.tensor([0.7, -0.2, 0.1, 0.05, 0.3, 0.9, -0.4, 0.1, 0.0, 0.5, 0.6, -0.2])


def _constant_map(values: Tensor | list[float], height: int, width: int) -> Tensor:
    return torch.as_tensor(values)[:, None, None].expand(12, height, width)


@pytest.mark.parametrize("size", SHAPES, ids=str)
@pytest.mark.parametrize("radius", [1, 2, 5])
@pytest.mark.parametrize("dtype", list(TOLERANCE), ids=str)
def test_fit_agrees_with_the_reference(
    size: tuple[int, int], radius: int, dtype: torch.dtype, device: torch.device
) -> None:
    output, content = torch.rand(2, 2, 3, *size, dtype=dtype, device=device)
    coefs = ops.fit_local_affine(output, content, radius=radius)
    assert coefs.dtype == dtype
    assert coefs.shape == (2, 12, *size)
    truth = reference.fit_local_affine(output.double(), content.double(), radius)
    assert relative_error(coefs, truth) <= TOLERANCE[dtype]


@pytest.mark.parametrize("kind", ["grey", "flat", "far from zero"])
def test_fit_holds_where_colours_do_not_span_three_dimensions(kind: str, device: torch.device) -> None:
    picture = smooth_picture(40, 90, torch.float64).to(device)
    content = {"grey": picture[:1].expand(3, -1, -1), "flat": torch.full_like(picture, 0.37)}.get(kind, picture + 50)
    content, output = content.float(), (content.square() + 0.1 * torch.rand_like(content)).float()
    truth = reference.fit_local_affine(output.double(), content.double())
    assert relative_error(ops.fit_local_affine(output, content), truth) <= 4e-7


@pytest.mark.parametrize("size", SHAPES, ids=str)
@pytest.mark.parametrize(("radius", "sigma_color"), [(1, 0.2), (4, 0.3), (15, 0.02)])
@pytest.mark.parametrize("dtype", list(TOLERANCE), ids=str)
def test_smoothing_agrees_with_the_reference(
    size: tuple[int, int], radius: int, sigma_color: float, dtype: torch.dtype, device: torch.device
) -> None:
    coefs = torch.randn(2, 12, *size, dtype=dtype, device=device)
    content = torch.rand(2, 3, *size, dtype=dtype, device=device)
    smoothed = ops.smooth_affine_coefficients(coefs, content, radius=radius, sigma_color=sigma_color)
    truth = reference.smooth_affine_coefficients(coefs.double(), content.double(), radius, radius / 3, sigma_color)
    assert relative_error(smoothed, truth) <= TOLERANCE[dtype]


@pytest.mark.parametrize("size", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", list(TOLERANCE), ids=str)
def test_the_whole_step_agrees_with_the_reference(
    size: tuple[int, int], dtype: torch.dtype, device: torch.device
) -> None:
    content = smooth_picture(*size, dtype).to(device)
    output = torch.rand(2, 3, *size, dtype=dtype, device=device)
    options: dict[str, Any] = {"patch_radius": 2, "ridge": 1e-2, "radius": 6, "sigma_color": 0.05}
    result = ops.smooth_local_affine(output, content, **options)
    truth = reference.smooth_local_affine(output.double(), content.double(), **options, sigma_space=2.0)
    assert relative_error(result, truth) <= TOLERANCE[dtype]


@pytest.mark.parametrize("low", [(1, 1), (3, 2), (7, 11), (19, 33)], ids=str)
@pytest.mark.parametrize("full", [(1, 1), (5, 2), (19, 33), (45, 70), (67, 131), (270, 261)], ids=str)
@pytest.mark.parametrize("radius", [0, 1, 2, 4])
def test_upsampling_agrees_with_the_reference(
    low: tuple[int, int], full: tuple[int, int], radius: int, device: torch.device
) -> None:
    if emulation.active():
        full = (full[0] // 3 + 1, full[1] // 3 + 1)
    coefs, guide = torch.randn(12, *low, device=device), torch.rand(3, *low, device=device)
    photo = torch.rand(3, *full, device=device)
    lifted = ops.upsample_local_affine(coefs, guide, photo, radius=radius)
    truth = reference.upsample_local_affine(coefs.double(), guide.double(), photo.double(), radius=radius)
    assert lifted.shape == photo.shape
    assert relative_error(lifted, truth) <= 1e-6


def test_fit_of_two_pixels_by_hand(device: torch.device) -> None:
    # A row of two pixels: both patches hold both. Only red varies, by d = 0.2 around 0.5, and green copies it
    # times three: slope = 3 * 2 d^2 / (2 d^2 + ridge), and the line passes through the means.
    content = torch.tensor([0.3, 0.7, 0.2, 0.2, 0.9, 0.9], dtype=torch.float64, device=device).view(3, 1, 2)
    output = torch.tensor([0.4, 0.4, 0.9, 2.1, 0.0, 0.0], dtype=torch.float64, device=device).view(3, 1, 2)
    slope = 3 * 0.08 / (0.08 + 0.01)
    expected = [0, 0, 0, 0.4, slope, 0, 0, 1.5 - slope * 0.5, 0, 0, 0, 0]
    coefs = ops.fit_local_affine(output, content, ridge=0.01)
    for pixel in range(2):
        assert coefs[:, 0, pixel].tolist() == pytest.approx(expected, abs=1e-14)


def test_smoothing_of_two_pixels_by_hand(device: torch.device) -> None:
    content = torch.zeros(3, 1, 2, dtype=torch.float64, device=device)
    content[2, 0, 1] = 0.3
    coefs = torch.arange(24, dtype=torch.float64, device=device).view(12, 1, 2)
    weight = math.exp(-1 / (2 * 2.0**2) - 0.3**2 / (2 * 0.2**2))
    smoothed = ops.smooth_affine_coefficients(coefs, content, radius=3, sigma_space=2.0, sigma_color=0.2)
    for plane in range(12):
        left, right = 2 * plane, 2 * plane + 1
        expected = [(left + weight * right) / (1 + weight), (right + weight * left) / (1 + weight)]
        assert smoothed[plane, 0].tolist() == pytest.approx(expected, rel=1e-14)


def test_upsampling_of_two_pixels_by_hand(device: torch.device) -> None:
    # Pixel 0 of 4 lies at 0.5 * 2/4 - 0.5 = -0.25 among 2. The guide is black and white; right adds 8.
    guide = torch.tensor([0.0, 1.0], device=device).expand(3, 1, 2)
    coefs = _constant_map(IDENTITY, 1, 2).clone().to(device)
    coefs[3::4, 0, 1] = 8.0
    photo = torch.full((3, 1, 4), 0.5, device=device)
    lifted = ops.upsample_local_affine(coefs, guide, photo, radius=1, sigma_space=0.5, sigma_color=0.3)
    near, far = math.exp(-(0.25**2) / 0.5), math.exp(-(1.25**2) / 0.5)  # the colours are equally far
    assert lifted[0, 0, 0].item() == pytest.approx(0.5 + 8 * far / (near + far), rel=1e-6)
    photo[:] = 0.4
    lifted = ops.upsample_local_affine(coefs, guide, photo, radius=1, sigma_space=0.5, sigma_color=0.3)
    near, far = near * math.exp(-3 * 0.4**2 / 0.18), far * math.exp(-3 * 0.6**2 / 0.18)
    assert lifted[0, 0, 0].item() == pytest.approx(0.4 + 8 * far / (near + far), rel=1e-6)


def test_an_affine_recolouring_is_recovered(device: torch.device) -> None:
    content = torch.rand(3, 33, 70, dtype=torch.float64, device=device)
    truth = _constant_map(RECOLOUR.double(), 33, 70).to(device)
    output = ops.apply_local_affine(truth, content)
    assert relative_error(ops.fit_local_affine(output, content, ridge=1e-12), truth) <= 1e-8
    assert relative_error(ops.smooth_local_affine(output, content, ridge=1e-12), output) <= 1e-8


def test_the_content_itself_comes_back(device: torch.device) -> None:
    content = smooth_picture(70, 93).to(device)
    result = ops.smooth_local_affine(content, content, ridge=1e-9)
    assert float((result - content).abs().max()) <= 1e-5


@pytest.mark.parametrize("dtype", list(TOLERANCE), ids=str)
def test_a_constant_output_stays_constant(dtype: torch.dtype, device: torch.device) -> None:
    content = torch.rand(3, 40, 50, dtype=dtype, device=device)
    output = torch.tensor([0.2, 0.5, 0.9], dtype=dtype, device=device)[:, None, None].expand(3, 40, 50)
    torch.testing.assert_close(ops.smooth_local_affine(output, content), output.clone(), rtol=1e-6, atol=0)


def test_smoothing_does_not_cross_an_edge(device: torch.device) -> None:
    # The two sides differ by 0.4 in each channel, 69 sigma; within a side the coefficients become one value.
    content = torch.full((3, 20, 40), 0.3, device=device)
    content[..., 17:] = 0.7
    coefs = torch.zeros(12, 20, 40, device=device)
    coefs[..., 17:] = 1000.0
    smoothed = ops.smooth_affine_coefficients(coefs, content)
    assert torch.equal(smoothed[..., :17], coefs[..., :17])
    torch.testing.assert_close(smoothed[..., 17:], coefs[..., 17:], rtol=1e-6, atol=0)
    noisy = coefs + torch.rand_like(coefs)
    smoothed = ops.smooth_affine_coefficients(noisy, content)
    assert float(smoothed[..., :17].std()) < 0.1 * float(noisy[..., :17].std())
    assert float(smoothed[..., :17].max()) < 1


def test_without_colour_weights_smoothing_is_a_gaussian(device: torch.device) -> None:
    coefs = torch.zeros(12, 31, 31, dtype=torch.float64, device=device)
    coefs[:, 15, 15] = 1
    content = torch.rand(3, 31, 31, dtype=torch.float64, device=device)
    smoothed = ops.smooth_affine_coefficients(coefs, content, radius=15, sigma_space=2.0, sigma_color=1e12)
    assert float(smoothed.sum()) == pytest.approx(12.0, rel=1e-6)
    assert float(smoothed[3, 15, 18] / smoothed[3, 15, 15]) == pytest.approx(math.exp(-9 / 8), rel=1e-6)


def test_upsampling_to_the_same_size_is_the_plain_application(device: torch.device) -> None:
    coefs, photo = torch.randn(12, 37, 29, device=device), torch.rand(3, 37, 29, device=device)
    lifted = ops.upsample_local_affine(coefs, torch.rand_like(photo), photo, radius=0)
    torch.testing.assert_close(lifted, ops.apply_local_affine(coefs, photo), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("full", [(1, 1), (9, 14), (31, 17), (103, 260)], ids=str)
def test_one_map_for_all_is_applied_at_any_size(full: tuple[int, int], device: torch.device) -> None:
    coefs, guide = _constant_map(RECOLOUR, 9, 14).to(device), torch.rand(3, 9, 14, device=device)
    photo = torch.rand(3, *full, device=device)
    expected = ops.apply_local_affine(_constant_map(RECOLOUR, *full).to(device), photo)
    lifted = ops.upsample_local_affine(coefs, guide, photo)
    torch.testing.assert_close(lifted, expected, rtol=1e-5, atol=1e-6)


def test_upsampling_keeps_an_edge_sharp(device: torch.device) -> None:
    # Left black stays, right white turns red. The photo's edge lies where the guide has it, 6 times as fine.
    guide = torch.zeros(3, 8, 10, device=device)
    guide[..., 5:] = 1
    coefs = _constant_map(IDENTITY, 8, 10).clone().to(device)
    coefs[5, :, 5:] = coefs[10, :, 5:] = 0
    photo = torch.zeros(3, 48, 60, device=device)
    photo[..., 30:] = 1
    lifted = ops.upsample_local_affine(coefs, guide, photo)
    expected = photo * torch.tensor([1.0, 0.0, 0.0], device=device)[:, None, None]
    torch.testing.assert_close(lifted, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("color", [50.0, -1000.0, 65504.0])
def test_a_colour_unlike_any_in_the_guide_is_finite(color: float, device: torch.device) -> None:
    coefs, guide = _constant_map(IDENTITY, 6, 7).to(device), torch.rand(3, 6, 7, device=device)
    photo = torch.rand(3, 20, 41, device=device)
    photo[:, 7, 11] = color
    lifted = ops.upsample_local_affine(coefs, guide, photo, sigma_color=0.01)
    torch.testing.assert_close(lifted, photo, rtol=1e-5, atol=1e-6)


def test_nan_is_not_hidden(device: torch.device) -> None:
    picture = torch.rand(3, 9, 9, device=device)
    broken = picture.clone()
    broken[1, 4, 4] = float("nan")
    assert ops.smooth_local_affine(broken, picture)[:, 4, 4].isnan().any()
    assert ops.smooth_local_affine(picture, broken)[:, 4, 4].isnan().any()
    coefs = ops.fit_local_affine(picture, picture)
    assert ops.upsample_local_affine(coefs, picture, broken)[:, 4, 4].isnan().any()


def test_one_content_serves_a_batch_and_strides_do_not_matter(device: torch.device) -> None:
    content = torch.rand(17, 23, 3, device=device).permute(2, 0, 1)
    output = torch.rand(17, 23, 3, 2, device=device).permute(3, 2, 0, 1)
    coefs = ops.fit_local_affine(output, content)
    smoothed = ops.smooth_affine_coefficients(coefs, content)
    result = ops.smooth_local_affine(output, content)
    for i in range(2):
        one, guide = output[i].contiguous(), content.contiguous()
        assert torch.equal(coefs[i], ops.fit_local_affine(one, guide))
        assert torch.equal(smoothed[i], ops.smooth_affine_coefficients(coefs[i], guide))
        assert torch.equal(result[i], ops.smooth_local_affine(one, guide))
    assert torch.equal(result, ops.smooth_local_affine(output, content.expand(2, 3, 17, 23)))
    torch.testing.assert_close(result, ops.apply_local_affine(smoothed, content), rtol=1e-5, atol=1e-6)
    lifted = ops.upsample_local_affine(coefs[1], content, output[0])
    assert torch.equal(lifted, ops.upsample_local_affine(coefs[1], content.contiguous(), output[0].contiguous()))


def test_empty_images(device: torch.device) -> None:
    empty = torch.empty(3, 0, 5, device=device)
    assert ops.smooth_local_affine(empty, empty).shape == (3, 0, 5)
    coefs = ops.fit_local_affine(empty, empty)
    assert coefs.shape == (12, 0, 5)
    assert ops.upsample_local_affine(coefs, empty, empty).shape == (3, 0, 5)
    with pytest.raises(PhotostyleError, match="`guide` must have pixels"):
        ops.upsample_local_affine(coefs, empty, torch.rand(3, 4, 4, device=device))


def test_a_window_larger_than_the_image(device: torch.device) -> None:
    output, content = torch.rand(2, 3, 5, 6, device=device)
    fit = ops.fit_local_affine(output, content, radius=1000)
    assert torch.equal(fit, ops.fit_local_affine(output, content, radius=6))
    wide = ops.smooth_affine_coefficients(fit, content, radius=1000, sigma_space=4.0)
    torch.testing.assert_close(wide, ops.smooth_affine_coefficients(fit, content, radius=5, sigma_space=4.0))


def test_same_bits_for_any_number_of_threads() -> None:
    output, content, photo = torch.rand(3, 150, 290), torch.rand(3, 150, 290), torch.rand(3, 530, 610)
    before = torch.get_num_threads()
    try:
        results = []
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            coefs = ops.fit_local_affine(output, content)
            smoothed = ops.smooth_affine_coefficients(coefs, content, radius=3)
            lifted = ops.upsample_local_affine(smoothed, content, photo)
            results.append((coefs, smoothed, lifted, ops.smooth_local_affine(output, content, radius=3)))
    finally:
        torch.set_num_threads(before)
    for other in results[1:]:
        for first, again in zip(results[0], other, strict=True):
            assert torch.equal(first, again)


def test_gradients_are_refused_not_dropped() -> None:
    image, coefs = torch.rand(3, 5, 5), torch.rand(12, 5, 5)
    wanted, wanted_coefs = image.clone().requires_grad_(), coefs.clone().requires_grad_()
    for name, arguments in (
        ("fit_local_affine", (wanted, image)),
        ("smooth_local_affine", (image, wanted)),
        ("smooth_affine_coefficients", (wanted_coefs, image)),
        ("upsample_local_affine", (coefs, image, wanted)),
    ):
        with pytest.raises(NotImplementedError, match=f"`{name}` has no gradient"):
            getattr(ops, name)(*arguments)
        with torch.no_grad():
            assert not getattr(ops, name)(*arguments).requires_grad


IMAGE, MAP = torch.rand(3, 5, 5), torch.rand(12, 5, 5)


@pytest.mark.parametrize(
    ("op", "arguments", "options", "message"),
    [
        ("smooth_local_affine", ([1.0], IMAGE), {}, "`output` must be a torch.Tensor, got list"),
        ("smooth_local_affine", (IMAGE, None), {}, "`content` must be a torch.Tensor, got NoneType"),
        (
            "smooth_local_affine",
            (MAP, IMAGE),
            {},
            r"`output` must have shape \(..., 3, H, W\), got \(12, 5, 5\)",
        ),
        (
            "smooth_local_affine",
            (IMAGE, IMAGE[..., 1:]),
            {},
            r"height and width of `output`, \(5, 5\), got \(5, 4\)",
        ),
        (
            "smooth_local_affine",
            (IMAGE.half(), IMAGE),
            {},
            "`output` must be float32 or float64, got float16",
        ),
        ("smooth_local_affine", (IMAGE, IMAGE.double()), {}, "dtype float32, got float64"),
        (
            "smooth_local_affine",
            (IMAGE[None], IMAGE.expand(2, 3, 5, 5)),
            {},
            r"dimensions \(1,\) or none, got \(2,\)",
        ),
        (
            "smooth_local_affine",
            (IMAGE, IMAGE),
            {"radius": 0},
            "`radius` must be an integer from 1 to 1000, got 0",
        ),
        (
            "smooth_local_affine",
            (IMAGE, IMAGE),
            {"radius": "a"},
            "`radius` must be an integer from 1 to 1000, got 'a'",
        ),
        ("smooth_local_affine", (IMAGE, IMAGE), {"patch_radius": 1.5}, "`patch_radius` must be an integer"),
        (
            "smooth_local_affine",
            (IMAGE, IMAGE),
            {"ridge": 0.0},
            r"`ridge` must be finite and from 1e-12 to 1e\+30, got 0.0",
        ),
        ("smooth_local_affine", (IMAGE, IMAGE), {"sigma_space": -1.0}, "`sigma_space` must be finite"),
        ("smooth_local_affine", (IMAGE, IMAGE), {"sigma_color": math.nan}, "`sigma_color` must be finite"),
        (
            "fit_local_affine",
            (IMAGE, IMAGE),
            {"radius": True},
            "`radius` must be an integer from 1 to 1000, got True",
        ),
        ("fit_local_affine", (IMAGE, IMAGE), {"ridge": math.inf}, "`ridge` must be finite"),
        ("smooth_affine_coefficients", (IMAGE, IMAGE), {}, r"`coefs` must have shape \(..., 12, H, W\)"),
        ("smooth_affine_coefficients", (MAP, IMAGE), {"sigma_color": 0}, "`sigma_color` must be finite"),
        ("apply_local_affine", (MAP, IMAGE[:2]), {}, r"`image` must have shape \(..., 3, H, W\)"),
        ("upsample_local_affine", (MAP[None], IMAGE, IMAGE), {}, r"`coefs` must have shape \(12, H, W\)"),
        (
            "upsample_local_affine",
            (MAP, IMAGE[:, 1:], IMAGE),
            {},
            "`guide` must have the height and width of",
        ),
        ("upsample_local_affine", (MAP, IMAGE, IMAGE.double()), {}, "`photo` must be float32, got float64"),
        (
            "upsample_local_affine",
            (MAP, IMAGE, IMAGE),
            {"radius": 33},
            "`radius` must be an integer from 0 to 32",
        ),
        ("upsample_local_affine", (MAP, IMAGE, IMAGE), {"sigma_space": 0.0}, "`sigma_space` must be finite"),
    ],
)
def test_arguments_are_checked(op: str, arguments: tuple[Any, ...], options: dict[str, Any], message: str) -> None:
    with pytest.raises(PhotostyleError, match=message):
        getattr(ops, op)(*arguments, **options)
