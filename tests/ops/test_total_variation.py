"""Total variation: against the reference, by hand, and its gradient against autograd of the definition."""

from __future__ import annotations

import pytest
import torch
from checks import relative_error

from photostyle_native import PhotostyleError, ops
from photostyle_native.reference import total_variation as reference

pytestmark = pytest.mark.kernel

# Sizes around those of a vector, a CUDA tile (128 columns, 16 rows) and a strip of the CPU (32 rows).
SHAPES = [(3, 1, 1), (3, 1, 9), (3, 9, 1), (3, 2, 2), (1, 17, 130), (2, 3, 33, 129), (2, 1, 4, 65, 257)]
TOLERANCE = {torch.float32: 3e-7, torch.float64: 1e-14}


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", list(TOLERANCE), ids=str)
def test_energy_and_gradient_agree_with_the_reference(
    shape: tuple[int, ...], dtype: torch.dtype, device: torch.device
) -> None:
    x = torch.randn(shape, dtype=dtype, device=device)
    energy, gradient = torch.ops.photostyle.total_variation(x)
    assert energy.shape == shape[:-3]
    assert energy.dtype == gradient.dtype == dtype
    exact = x.double().requires_grad_()
    truth = reference.total_variation(exact)
    (expected,) = torch.autograd.grad(truth.sum(), exact)
    assert relative_error(energy, truth.detach()) <= TOLERANCE[dtype]
    assert relative_error(gradient, expected) <= TOLERANCE[dtype]
    torch.testing.assert_close(reference.gradient(exact.detach()), expected)


def test_a_small_picture_by_hand(device: torch.device) -> None:
    # The differences of the first row's first two pixels: (1^2 + 2^2) + (4^2 + 6^2).
    x = torch.tensor([[[0.0, 1.0, 5.0], [2.0, 7.0, 5.0]]], device=device, requires_grad=True)
    energy = ops.total_variation(x)
    assert float(energy.detach()) == pytest.approx(0.5 * 255**2 * (1 + 4 + 16 + 36))
    (gradient,) = torch.autograd.grad(energy, x)
    expected = torch.tensor([[[-3.0, 1 - 4 - 6, 4.0], [2.0, 6.0, 0.0]]], device=device)
    torch.testing.assert_close(gradient / 255**2, expected)


def test_a_large_flat_offset_costs_nothing(device: torch.device) -> None:
    x = torch.randint(0, 256, (3, 40, 150), device=device) / 256  # exact, and so is what follows
    assert torch.equal(ops.total_variation(x + 64), ops.total_variation(x))


def test_no_pixels_no_energy(device: torch.device) -> None:
    x = torch.zeros(2, 3, 0, 5, device=device)
    assert torch.equal(ops.total_variation(x), torch.zeros(2, device=device))


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (torch.zeros(4, 4), r"`x` must have shape \(\.\.\., C, H, W\)"),
        (torch.zeros(3, 4, 4, dtype=torch.float16), "`x` must be float32 or float64, got float16"),
    ],
)
def test_arguments_are_checked(x: torch.Tensor, message: str) -> None:
    with pytest.raises(PhotostyleError, match=message):
        ops.total_variation(x)
