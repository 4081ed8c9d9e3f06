"""Bilateral grid: slice and gradients against the reference in float64, and what must hold by construction."""

from __future__ import annotations

from typing import Any

import emulation
import pytest
import torch
from checks import relative_error
from pictures import smooth_picture
from torch import Tensor

from photostyle_native import PhotostyleError, ops
from photostyle_native.reference import bilateral_grid as reference

pytestmark = pytest.mark.kernel

SIZES = [(1, 1), (2, 5), (7, 11), (33, 19), (67, 131), (3, 700)]
GRIDS = [(1, 1, 1), (2, 2, 2), (9, 13, 17), (3, 1, 40), (20, 5, 1)]
TOLERANCE = {torch.float32: 1e-6, torch.float64: 1e-12}
IDENTITY = torch.tensor([1.0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0])
RECOLOUR = torch.tensor([0.7, -0.2, 0.1, 0.05, 0.3, 0.9, -0.4, 0.1, 0.0, 0.5, 0.6, -0.2])
NAMES = ("slice", "gradient to the grid", "gradient to the guide", "gradient to the image")


def _constant_grid(values: Tensor, *size: int) -> Tensor:
    return values[:, None, None, None].expand(12, *size)


def _scene(
    size: tuple[int, int], grid: tuple[int, int, int], lead: tuple[int, ...] = (), grid_lead: tuple[int, ...] = ()
) -> list[Tensor]:
    """Grid, guide (some of it outside [0, 1]), image and an upstream gradient, in float64."""
    guide = torch.rand(*lead, *size, dtype=torch.float64) * 1.3 - 0.15
    image, upstream = torch.rand(2, *lead, 3, *size, dtype=torch.float64)
    return [torch.randn(*grid_lead, 12, *grid, dtype=torch.float64), guide, image, upstream]


def _all(function: Any, grid: Tensor, guide: Tensor, image: Tensor, upstream: Tensor) -> list[Tensor]:
    """The slice and its gradients."""
    inputs = [t.detach().requires_grad_() for t in (grid, guide, image)]
    out = function(*inputs)
    return [out.detach(), *torch.autograd.grad(out, inputs, upstream)]


def _agree(results: list[Tensor], truths: list[Tensor], tolerance: float) -> None:
    for name, result, truth in zip(NAMES, results, truths, strict=True):
        assert result.shape == truth.shape, name
        assert relative_error(result, truth) <= tolerance, name


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("grid", GRIDS, ids=str)
@pytest.mark.parametrize("dtype", list(TOLERANCE), ids=str)
def test_slice_and_gradients_agree_with_the_reference(
    size: tuple[int, int], grid: tuple[int, int, int], dtype: torch.dtype, device: torch.device
) -> None:
    scene = [t.to(device, dtype) for t in _scene(size, grid, (2,), (2,))]
    results = _all(ops.slice_bilateral_grid, *scene)
    assert all(r.dtype == dtype for r in results)
    _agree(results, _all(reference.slice_bilateral_grid, *(t.double() for t in scene)), TOLERANCE[dtype])


@pytest.mark.parametrize(
    ("size", "grid"),
    [((601, 1203), (9, 2, 3)), ((601, 1203), (200, 2, 2)), ((601, 1203), (9, 33, 33)), ((13, 17), (2, 30, 50))],
    ids=str,
)
def test_every_way_to_cut_the_work(size: tuple[int, int], grid: tuple[int, int, int], device: torch.device) -> None:
    # Cells wider and higher than a chunk, many levels, and far more vertices than pixels.
    size = (150, 90) if emulation.active() and size[0] > 150 else size
    scene = [t.to(device, torch.float32) for t in _scene(size, grid)]
    results = _all(ops.slice_bilateral_grid, *scene)
    _agree(results, _all(reference.slice_bilateral_grid, *(t.double() for t in scene)), 1e-6)


@pytest.mark.parametrize("grid", [(1, 1, 1), (9, 2, 3), (2, 1, 3), (2, 1, 60)], ids=str)
def test_sums_over_many_pixels_stay_accurate(grid: tuple[int, int, int], device: torch.device) -> None:
    # Equal terms, so that rounding goes one way, and few vertices: what long float sums lose, shows.
    size = (300, 200) if emulation.active() else (2000, 1500)
    guide, image = torch.full(size, 0.3, device=device), torch.full((3, *size), 0.7, device=device)
    upstream = torch.full((3, *size), 0.3, device=device)
    backward = torch.ops.photostyle.slice_bilateral_grid_backward_grid
    truth = reference.backward_grid(upstream.double(), guide.double(), image.double(), (12, *grid))
    assert relative_error(backward(upstream, guide, image, (12, *grid), False), truth) <= 3e-7


@pytest.mark.parametrize("grid_lead", [(), (2, 3)], ids=str)
@pytest.mark.parametrize("guide_lead", [(), (2, 3)], ids=str)
@pytest.mark.parametrize("dtype", list(TOLERANCE), ids=str)
def test_grid_and_guide_may_serve_a_batch(
    grid_lead: tuple[int, ...], guide_lead: tuple[int, ...], dtype: torch.dtype, device: torch.device
) -> None:
    grid, guide, image, upstream = (t.to(device, dtype) for t in _scene((11, 9), (4, 3, 5), (2, 3), grid_lead))
    guide = guide if guide_lead else guide[0, 0]
    results = _all(ops.slice_bilateral_grid, grid, guide, image, upstream)
    scene = [t.double() for t in (grid, guide, image, upstream)]
    whole = _all(lambda a, b, c: reference.slice_bilateral_grid(a, b.expand(2, 3, 11, 9), c), *scene)
    _agree(results, whole, TOLERANCE[dtype])
    for i, j in ((0, 0), (1, 2)):
        one = ops.slice_bilateral_grid(
            grid[i, j] if grid_lead else grid, guide[i, j] if guide_lead else guide, image[i, j]
        )
        assert torch.equal(results[0][i, j], one)


def test_strides_do_not_matter(device: torch.device) -> None:
    grid = torch.randn(5, 7, 4, 12, device=device).permute(3, 2, 0, 1)
    image = torch.rand(23, 17, 3, device=device).permute(2, 0, 1)
    guide, upstream = image[1], image.flip(-1).mT.contiguous().mT
    results = _all(ops.slice_bilateral_grid, grid, guide, image, upstream)
    again = _all(ops.slice_bilateral_grid, *(t.contiguous() for t in (grid, guide, image, upstream)))
    for result, other in zip(results, again, strict=True):
        assert torch.equal(result, other)


def test_two_pixels_by_hand(device: torch.device) -> None:
    # One row of two pixels at x = 1/4 and 3/4 between two columns of vertices; three levels at guides 0, 1/2, 1.
    grid = torch.zeros(12, 3, 1, 2, dtype=torch.float64, device=device)
    grid[3, :, 0, 0] = torch.tensor([1.0, 2.0, 4.0])  # red offset, left
    grid[3, :, 0, 1] = torch.tensor([10.0, 20.0, 40.0])  # right
    grid[4] = 3.0  # green gets three times the red
    guide = torch.tensor([[0.2, 0.9]], dtype=torch.float64, device=device)  # z = 0.4 and 1.8
    image = torch.full((3, 1, 2), 0.5, dtype=torch.float64, device=device)
    out = ops.slice_bilateral_grid(grid, guide, image)
    left, right = 1.4, 14.0
    assert float(out[0, 0, 0]) == pytest.approx(0.75 * left + 0.25 * right)
    assert float(out[0, 0, 1]) == pytest.approx(0.25 * 3.6 + 0.75 * 36.0)
    assert out[1].tolist() == [[1.5, 1.5]]
    assert out[2].tolist() == [[0.0, 0.0]]


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_identity_gives_the_image_back(
    size: tuple[int, int], grid: tuple[int, int, int], device: torch.device
) -> None:
    image = torch.rand(3, *size, device=device)
    result = ops.slice_bilateral_grid(_constant_grid(IDENTITY, *grid).to(device), image.mean(0), image)
    torch.testing.assert_close(result, image, rtol=0, atol=5e-7)


def test_a_constant_grid_is_one_affine_map(device: torch.device) -> None:
    image = smooth_picture(41, 67).to(device)
    result = ops.slice_bilateral_grid(_constant_grid(RECOLOUR, 5, 6, 7).to(device), image[1], image)
    rows = RECOLOUR.view(3, 4).to(device)
    expected = (rows[:, :3] @ image.flatten(1) + rows[:, 3:]).view_as(image)
    torch.testing.assert_close(result, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("factor", [2, 3, 7])
def test_the_size_of_the_image_does_not_matter(factor: int, device: torch.device) -> None:
    # In a grid that is linear in place, the mean over the pixels that a coarse one splits into is the coarse one.
    weights = torch.randn(12, 3, generator=torch.Generator().manual_seed(5), dtype=torch.float64).to(device)
    y = torch.linspace(0, 1, 4, dtype=torch.float64, device=device)[:, None]
    x = torch.linspace(0, 1, 6, dtype=torch.float64, device=device)
    plane = weights[:, 0, None, None] + weights[:, 1, None, None] * y + weights[:, 2, None, None] * x
    grid = plane[:, None].expand(12, 3, 4, 6)
    small = torch.rand(3, 9, 14, dtype=torch.float64, device=device)
    large = small.repeat_interleave(factor, -1).repeat_interleave(factor, -2)
    coarse = ops.slice_bilateral_grid(grid, small[0], small)
    fine = ops.slice_bilateral_grid(grid, large[0], large)
    torch.testing.assert_close(torch.nn.functional.avg_pool2d(fine, factor), coarse)


def test_the_guide_is_clamped(device: torch.device) -> None:
    grid, guide, image, upstream = (t.to(device) for t in _scene((9, 13), (4, 3, 3)))
    outside = (guide < 0) | (guide > 1)
    assert outside.any()
    results = _all(ops.slice_bilateral_grid, grid, guide, image, upstream)
    assert torch.equal(results[0], ops.slice_bilateral_grid(grid, guide.clamp(0, 1), image))
    assert not results[2][outside].any()
    assert results[2][~outside].all()
    for far in (1e30, -1e30, float("inf"), float("-inf")):
        edge = ops.slice_bilateral_grid(grid, torch.full_like(guide, float(far > 0)), image)
        assert torch.equal(ops.slice_bilateral_grid(grid, torch.full_like(guide, far), image), edge)


def test_the_gradient_at_both_ends_of_the_guide(device: torch.device) -> None:
    grid, guide, image, upstream = (t.to(device) for t in _scene((2, 3), (4, 2, 2)))
    guide = guide.new_tensor([[0.0, 1.0, 0.0], [1.0, 1 / 3, 2 / 3]])
    truth = reference.backward_guide(upstream[..., :2], grid, guide[..., :2], image[..., :2].contiguous())
    result = torch.ops.photostyle.slice_bilateral_grid_backward_guide(
        upstream[..., :2], grid, guide[..., :2], image[..., :2]
    )
    assert truth[0].all()
    torch.testing.assert_close(result[0], truth[0])


@pytest.mark.parametrize("dtype", list(TOLERANCE), ids=str)
@pytest.mark.parametrize("grid", [(1, 2, 2), (9, 3, 3), (200, 2, 2)], ids=str)
def test_nan_is_not_hidden(grid: tuple[int, int, int], dtype: torch.dtype, device: torch.device) -> None:
    maps, guide, image, upstream = (t.to(device, dtype) for t in _scene((9, 20), grid))
    clean = ops.slice_bilateral_grid(maps, guide, image)
    broken = guide.clone()
    broken[4, 7] = float("nan")
    results = _all(ops.slice_bilateral_grid, maps, broken, image, upstream)
    assert results[0][:, 4, 7].isnan().all()
    assert int(results[0].isnan().sum()) == 3
    results[0][:, 4, 7] = clean[:, 4, 7]
    assert torch.equal(results[0], clean)
    assert results[1].isnan().any()
    broken = image.clone()
    broken[1, 4, 7] = float("nan")
    assert ops.slice_bilateral_grid(maps, guide, broken)[:, 4, 7].isnan().all()


def test_same_bits_for_any_number_of_threads() -> None:
    before = torch.get_num_threads()
    for size, grid in (((260, 350), (9, 33, 33)), ((530, 610), (8, 3, 2)), ((700, 900), (5, 1, 1))):
        scene = [t.float() for t in _scene(size, grid, (2,))]
        try:
            results = []
            for threads in (1, 2, 3, 2):
                torch.set_num_threads(threads)
                results.append(_all(ops.slice_bilateral_grid, *scene))
        finally:
            torch.set_num_threads(before)
        for other in results[1:]:
            for first, again in zip(results[0], other, strict=True):
                assert torch.equal(first, again)


def test_only_wanted_gradients_are_computed(device: torch.device, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = [t.to(device) for t in _scene((5, 6), (3, 2, 2))]
    called: list[str] = []
    launch = ops.bilateral_grid._backend.launch
    monkeypatch.setattr(
        ops.bilateral_grid._backend,
        "launch",
        lambda name, device, **fields: (called.append(name), launch(name, device, **fields))[1],
    )
    grid = scene[0].requires_grad_()
    torch.autograd.grad(ops.slice_bilateral_grid(*scene[:3]), grid, scene[3])
    assert called == ["slice_bilateral_grid", "slice_bilateral_grid_backward_grid"]


def test_the_fallback_computes_the_same(device: torch.device) -> None:
    grid, guide, image, upstream = (t.to(device) for t in _scene((5, 6), (3, 2, 4), (2,)))
    to = torch.ops.photostyle
    for derivative in (False, True):
        for result, truth in (
            (to.slice_bilateral_grid(grid, guide, image, derivative), reference.slice_bilateral_grid),
            (to.slice_bilateral_grid_backward_image(upstream, grid, guide, derivative), reference.backward_image),
        ):
            inputs = (grid, guide, image) if truth is reference.slice_bilateral_grid else (upstream, grid, guide)
            torch.testing.assert_close(result, truth(*inputs, derivative))
        result = to.slice_bilateral_grid_backward_grid(upstream, guide, image, grid.shape, derivative)
        truth = reference.backward_grid(upstream, guide, image, grid.shape, derivative)
        torch.testing.assert_close(result, truth)
    result = to.slice_bilateral_grid_backward_guide(upstream, grid, guide, image)
    torch.testing.assert_close(result, reference.backward_guide(upstream, grid, guide, image))


def test_empty_images(device: torch.device) -> None:
    grid, image = torch.rand(12, 2, 2, 2, device=device, requires_grad=True), torch.empty(3, 0, 5, device=device)
    out = ops.slice_bilateral_grid(grid, image[0], image)
    assert out.shape == (3, 0, 5)
    assert torch.equal(torch.autograd.grad(out.sum(), grid)[0], torch.zeros_like(grid))


GRID, GUIDE, IMAGE = torch.rand(12, 4, 2, 3), torch.rand(5, 6), torch.rand(3, 5, 6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1.0], GUIDE, IMAGE), "`grid` must be a torch.Tensor, got list"),
        ((GRID, None, IMAGE), "`guide` must be a torch.Tensor, got NoneType"),
        ((GRID, GUIDE, 1), "`image` must be a torch.Tensor, got int"),
        ((GRID[0], GUIDE, IMAGE), r"`grid` must have shape \(..., 12, D, Gh, Gw\) .*, got \(4, 2, 3\)"),
        ((GRID[:11], GUIDE, IMAGE), r"`grid` must have shape \(..., 12, D, Gh, Gw\) .*, got \(11, 4, 2, 3\)"),
        ((GRID[:, :0], GUIDE, IMAGE), r"at least one vertex in every direction, got \(12, 0, 2, 3\)"),
        ((GRID, GUIDE[0], IMAGE), r"`guide` must have shape \(..., H, W\), got \(6,\)"),
        ((GRID, GUIDE, IMAGE[:2]), r"`image` must have shape \(..., 3, H, W\), got \(2, 5, 6\)"),
        ((GRID, GUIDE[1:], IMAGE), r"`guide` must have the height and width of `image`, \(5, 6\), got \(4, 6\)"),
        ((GRID.half(), GUIDE, IMAGE), "`grid` must be float32 or float64, got float16"),
        ((GRID, GUIDE, IMAGE.half()), "`image` must be float32 or float64, got float16"),
        ((GRID, GUIDE.double(), IMAGE), "`guide` must have image's dtype float32, got float64"),
        ((GRID.double(), GUIDE, IMAGE), "`grid` must have image's dtype float32, got float64"),
        ((GRID[None], GUIDE, IMAGE), r"`grid` must have image's batch dimensions \(\) or none, got \(1,\)"),
        ((GRID, GUIDE.expand(2, 5, 6), IMAGE[None]), r"image's batch dimensions \(1,\) or none, got \(2,\)"),
        ((GRID.to("meta"), GUIDE, IMAGE), "`grid` must be on image's device cpu, got meta"),
    ],
)
def test_arguments_are_checked(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(PhotostyleError, match=message):
        ops.slice_bilateral_grid(*arguments)


def test_the_registered_ops_check_too(device: torch.device) -> None:
    grid, guide, image = GRID.to(device), GUIDE.to(device), IMAGE.to(device)
    to = torch.ops.photostyle
    with pytest.raises(PhotostyleError, match=r"`guide` must have the height and width"):
        to.slice_bilateral_grid(grid, guide[1:], image, False)
    with pytest.raises(PhotostyleError, match=r"`upstream` must have shape \(3, 5, 6\), got \(3, 5, 5\)"):
        to.slice_bilateral_grid_backward_grid(image[..., 1:], guide, image, grid.shape, False)
    with pytest.raises(PhotostyleError, match=r"`grid_shape` must have shape"):
        to.slice_bilateral_grid_backward_grid(image, guide, image, (12, 0, 2, 2), False)
    with pytest.raises(PhotostyleError, match=r"`upstream` must have image's dtype"):
        to.slice_bilateral_grid_backward_guide(image.double(), grid, guide, image)
