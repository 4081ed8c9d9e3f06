"""Matting Laplacian: against the reference, against the definition, against third parties."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from checks import relative_error
from optional_packages import need
from pictures import smooth_picture
from torch import Tensor

from photostyle_native import PhotostyleError, ops
from photostyle_native.reference import matting_laplacian as reference

pytestmark = pytest.mark.kernel

SHAPES = [(3, 1, 1), (3, 2, 5), (3, 3, 3), (1, 7, 11), (2, 3, 67, 131), (5, 70, 150), (2, 2, 4, 19, 263)]
TOLERANCE = {torch.float32: 3e-7, torch.float64: 1e-12}


def _image_for(x: Tensor) -> Tensor:
    return torch.rand(*x.shape[:-3], 3, *x.shape[-2:], dtype=x.dtype, device=x.device)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("radius", [1, 2, 5])
@pytest.mark.parametrize("dtype", list(TOLERANCE), ids=str)
def test_product_and_energy_agree_with_the_reference(
    shape: tuple[int, ...], radius: int, dtype: torch.dtype, device: torch.device
) -> None:
    x = torch.rand(shape, dtype=dtype, device=device)
    image = _image_for(x)
    truth = reference.matting_laplacian(x.double(), image.double(), radius=radius)
    assert relative_error(ops.matting_laplacian(x, image, radius=radius), truth) <= TOLERANCE[dtype]
    energy = ops.matting_energy(x, image, radius=radius)
    assert energy.shape == x.shape[:-3]
    assert relative_error(energy, (x.double() * truth).sum((-3, -2, -1))) <= TOLERANCE[dtype]


def test_a_single_window_by_hand(device: torch.device) -> None:
    # Guide: one bright red pixel in the middle of black. S + eps/n has 8/81 + eps/9 for red, so almost all of what
    # x does in the middle is explained; x is that same spot plus a corner that nothing explains.
    image = torch.zeros(3, 3, 3, dtype=torch.float64, device=device)
    image[0, 1, 1] = 1
    spot, corner = torch.zeros(2, 1, 3, 3, dtype=torch.float64, device=device)
    spot[0, 1, 1] = 1
    corner[0, 0, 0] = 1
    eps = 1e-3
    shrink = eps / (8 / 9 + eps)  # n var = 8/9: the part of the spot that the ridge leaves
    expected = (spot - 1 / 9) * shrink
    torch.testing.assert_close(ops.matting_laplacian(spot, image, eps=eps), expected, rtol=0, atol=1e-15)
    slope = (-1 / 9) / (8 / 9 + eps)  # n cov(corner, guide) = -1/9
    expected = (corner - 1 / 9) - slope * (image[:1] - 1 / 9)
    torch.testing.assert_close(ops.matting_laplacian(corner, image, eps=eps), expected, rtol=0, atol=1e-15)


def _longdouble_product(x: np.ndarray, image: np.ndarray, eps: float) -> np.ndarray:
    """L x for radius 1 by Levin's formula, window by window, in extended precision (Gaussian elimination)."""
    x, image = x.astype(np.longdouble), image.astype(np.longdouble)
    out = np.zeros_like(x)
    _, height, width = x.shape
    for i in range(height - 2):
        for j in range(width - 2):
            at = np.s_[:, i : i + 3, j : j + 3]
            guide = image[at].reshape(3, 9)
            values = x[at].reshape(len(x), 9)
            guide = guide - guide.mean(1, keepdims=True)
            values = values - values.mean(1, keepdims=True)
            system = np.concatenate([guide @ guide.T + eps * np.eye(3, dtype=np.longdouble), guide @ values.T], 1)
            for k in range(3):
                system[k] /= system[k, k]
                for other in range(3):
                    if other != k:
                        system[other] -= system[other, k] * system[k]
            out[at] += (values - system[:, 3:].T @ guide).reshape(-1, 3, 3)
    return out


def _guides() -> dict[str, Tensor]:
    colour = (smooth_picture(96, 141, torch.float64) * 255).round() / 255
    grey = colour[1:2].expand(3, -1, -1).contiguous()
    flat = torch.full_like(colour, 0.37)
    fine = (smooth_picture(96, 141, torch.float64) * 65535).round() / 65535
    return {"colour": colour, "grey": grey, "flat": flat, "16-bit": fine}


@pytest.mark.parametrize("name", ["colour", "grey", "flat", "16-bit"])
def test_float32_holds_on_singular_windows(name: str, device: torch.device) -> None:
    image = _guides()[name].to(device).float()
    x = torch.rand(3, *image.shape[-2:], device=device)
    truth = reference.matting_laplacian(x.double(), image.double())
    assert relative_error(ops.matting_laplacian(x, image), truth) <= 1e-6


@pytest.mark.parametrize("name", ["colour", "grey", "flat", "16-bit"])
def test_the_reference_itself_is_right(name: str) -> None:
    image = _guides()[name][:, 40:56, 60:79].contiguous()
    x = torch.rand(2, *image.shape[-2:], dtype=torch.float64)
    truth = _longdouble_product(x.numpy(), image.numpy(), 1e-7)
    error = np.linalg.norm(reference.matting_laplacian(x, image).numpy() - truth) / np.linalg.norm(truth)
    assert error <= 1e-12
    # The kernel in double precision, judged by the same truth.
    error = np.linalg.norm(ops.matting_laplacian(x, image).numpy() - truth) / np.linalg.norm(truth)
    assert error <= 1e-11


def test_agrees_with_pymatting_on_colour() -> None:
    pymatting = need("pymatting")
    image = _guides()["colour"]
    x = torch.rand(1, *image.shape[-2:], dtype=torch.float64)
    matrix = pymatting.cf_laplacian(image.permute(1, 2, 0).numpy())
    theirs = torch.from_numpy(matrix @ x.numpy().ravel()).view_as(x)
    assert relative_error(ops.matting_laplacian(x, image), theirs) <= 1e-8


def test_properties_of_the_operator(device: torch.device) -> None:
    image = smooth_picture(40, 53, torch.float64).to(device)
    x, y = torch.rand(2, 1, 40, 53, dtype=torch.float64, device=device)
    product = ops.matting_laplacian(x, image)
    assert float((y * product).sum()) == pytest.approx(float((x * ops.matting_laplacian(y, image)).sum()), rel=1e-10)
    assert float(ops.matting_energy(x, image)) > 0
    constant = torch.full_like(x, 0.3)
    assert float(ops.matting_laplacian(constant, image).abs().max()) <= 1e-12
    assert float(ops.matting_energy(constant, image)) >= 0
    affine = (image * torch.tensor([0.3, -0.5, 0.9], device=device)[:, None, None]).sum(0, keepdim=True) + 0.1
    assert float(ops.matting_laplacian(affine, image).abs().max()) <= 1e-4
    assert float(ops.matting_energy(affine, image)) <= 1e-7 * 38 * 51 * 9 * 1.2  # eps |a|^2 per window at most


def test_images_below_one_window_give_zero(device: torch.device) -> None:
    x, image = torch.rand(1, 4, 9, device=device), torch.rand(3, 4, 9, device=device)
    assert torch.equal(ops.matting_laplacian(x, image, radius=2), torch.zeros_like(x))
    assert float(ops.matting_energy(x, image, radius=2)) == 0


def test_nan_is_not_hidden(device: torch.device) -> None:
    x, image = torch.rand(1, 9, 9, device=device), torch.rand(3, 9, 9, device=device)
    x[0, 4, 4] = float("nan")
    assert ops.matting_energy(x, image).isnan()


def test_the_gradient_of_the_energy_is_twice_the_product(device: torch.device) -> None:
    image = torch.rand(3, 6, 7, dtype=torch.float64, device=device)
    x = torch.rand(2, 6, 7, dtype=torch.float64, device=device, requires_grad=True)

    (gradient,) = torch.autograd.grad(ops.matting_energy(x, image, eps=1e-3), x)
    torch.testing.assert_close(gradient, 2 * ops.matting_laplacian(x.detach(), image, eps=1e-3))


def test_one_guide_serves_a_batch_and_strides_do_not_matter(device: torch.device) -> None:
    image = torch.rand(3, 17, 23, device=device)
    x = torch.rand(17, 23, 4, 2, device=device).permute(3, 2, 0, 1)
    batch = ops.matting_laplacian(x, image)
    for i in range(2):
        assert torch.equal(batch[i], ops.matting_laplacian(x[i].contiguous(), image))
    assert torch.equal(batch, ops.matting_laplacian(x.contiguous(), image.expand(2, 3, 17, 23)))


def test_out_is_written_and_checked(device: torch.device) -> None:
    x, image = torch.rand(2, 9, 9, device=device), torch.rand(3, 9, 9, device=device)
    out = torch.empty_like(x)
    assert ops.matting_laplacian(x, image, out=out) is out
    assert torch.equal(out, ops.matting_laplacian(x, image))
    for bad, message in (
        (x, "share memory"),
        (torch.empty(2, 9, 8, device=device), r"shape \(2, 9, 9\), got \(2, 9, 8\)"),
        (torch.empty(2, 9, 9, device=device, dtype=torch.float64), "dtype float32, got float64"),
        (torch.empty(9, 9, 2, device=device).permute(2, 0, 1), "contiguous"),
    ):
        with pytest.raises(PhotostyleError, match=message):
            ops.matting_laplacian(x, image, out=bad)
    weight = torch.rand_like(out, requires_grad=True)
    total = (weight * out).sum()
    ops.matting_laplacian(x, image, out=out)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        total.backward()
    with pytest.raises(PhotostyleError, match="gradient"):
        ops.matting_laplacian(x.requires_grad_(), image, out=out)


@pytest.mark.parametrize(
    ("x", "image", "options", "message"),
    [
        (
            torch.rand(3, 5, 5),
            torch.rand(3, 5, 6),
            {},
            r"`image` must have the height and width of `x`, \(5, 5\), got \(5, 6\)",
        ),
        (
            torch.rand(3, 5, 5),
            torch.rand(1, 5, 5),
            {},
            r"`image` must have shape \(\.\.\., 3, H, W\), got \(1, 5, 5\)",
        ),
        (torch.rand(5, 5), torch.rand(3, 5, 5), {}, "`x` must have shape"),
        (torch.rand(3, 5, 5).half(), torch.rand(3, 5, 5), {}, "`x` must be float32 or float64, got float16"),
        (torch.rand(3, 5, 5), torch.rand(3, 5, 5).double(), {}, "`image` must have x's dtype float32, got float64"),
        (torch.rand(2, 3, 5, 5), torch.rand(4, 3, 5, 5), {}, "batch dimensions"),
        (torch.rand(3, 5, 5), torch.rand(3, 5, 5), {"radius": 0}, "`radius` must be an integer from 1"),
        (torch.rand(3, 5, 5), torch.rand(3, 5, 5), {"eps": 0.0}, "`eps` must be finite"),
        (torch.rand(3, 5, 5), torch.rand(3, 5, 5), {"eps": float("nan")}, "`eps` must be finite"),
        ([1.0], torch.rand(3, 5, 5), {}, "`x` must be a torch.Tensor, got list"),
    ],
)
def test_arguments_are_checked(x: Tensor, image: Tensor, options: dict[str, float], message: str) -> None:
    with pytest.raises(PhotostyleError, match=message):
        ops.matting_laplacian(x, image, **options)


def test_unsupported_gradients_raise() -> None:
    x, image = torch.rand(1, 5, 5), torch.rand(3, 5, 5, requires_grad=True)
    with pytest.raises(NotImplementedError, match="image"):
        ops.matting_energy(x, image)


def test_same_bits_for_any_number_of_threads() -> None:
    x, image = torch.rand(4, 150, 290), torch.rand(3, 150, 290)
    before = torch.get_num_threads()
    try:
        results = []
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            results.append((ops.matting_laplacian(x, image), ops.matting_energy(x, image)))
    finally:
        torch.set_num_threads(before)
    for product, energy in results[1:]:
        assert torch.equal(product, results[0][0])
        assert torch.equal(energy, results[0][1])


def test_compiles(device: torch.device) -> None:
    image = torch.rand(3, 9, 9, device=device)
    traced = torch.fx.experimental.proxy_tensor.make_fx(lambda v: ops.matting_energy(v, image) * 2)
    x = torch.rand(3, 9, 9, device=device)
    assert "photostyle.matting_energy" in traced(x).code
    assert torch.equal(traced(x)(x), ops.matting_energy(x, image) * 2)
