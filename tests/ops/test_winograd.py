"""Convolution by Winograd's minimal filtering."""

from __future__ import annotations

import emulation
import pytest
import torch
import torch.nn.functional as F
from checks import relative_error
from torch import Tensor

from photostyle_native import PhotostyleError, ops

pytestmark = pytest.mark.kernel

# In float32 the transforms cost a factor of ten over direct convolution.
TOLERANCE = {torch.float32: 5e-6, torch.float64: 1e-13}


def _case(
    *size: int, channels: int, count: int, dtype: torch.dtype, lead: tuple[int, ...] = ()
) -> tuple[Tensor, ...]:
    x = torch.randn(*lead, channels, *size, dtype=dtype)
    return x, torch.randn(count, channels, 3, 3, dtype=dtype) / (3 * channels**0.5), torch.randn(count, dtype=dtype)


def _truth(x: Tensor, weight: Tensor, bias: Tensor | None, relu: bool) -> Tensor:
    out = F.conv2d(x.double(), weight.double(), None if bias is None else bias.double(), padding=1)
    return out.relu() if relu else out


@pytest.mark.parametrize("dtype", list(TOLERANCE), ids=str)
def test_every_size(dtype: torch.dtype, device: torch.device) -> None:
    sizes = [(h, w) for h in (1, 2, 5, 8) for w in range(1, 41)] + [(h, 7) for h in range(1, 41)] + [(97, 101)]
    for size in sizes[:: 29 if emulation.active() else 1]:
        x, weight, bias = _case(*size, channels=3, count=5, dtype=dtype)
        factors = ops.winograd_factors(weight)
        for relu in (False, True):
            found = ops.winograd_convolution(x, factors, bias, relu)
            assert found.shape == (5, *size)
            assert relative_error(found, _truth(x, weight, bias, relu)) <= TOLERANCE[dtype], size


@pytest.mark.parametrize("dtype", list(TOLERANCE), ids=str)
@pytest.mark.parametrize(
    ("channels", "count", "size"), [(64, 64, (61, 83)), (256, 128, (33, 25)), (512, 512, (9, 13))]
)
def test_layers_of_a_network(channels: int, count: int, size: tuple[int, int], dtype: torch.dtype) -> None:
    x, weight, bias = _case(*size, channels=channels, count=count, dtype=dtype)
    x.requires_grad_()
    out = ops.winograd_convolution(x, ops.winograd_factors(weight), bias, True)
    upstream = torch.randn_like(out)
    truth = _truth(x, weight, bias, True)
    assert relative_error(out, truth) <= TOLERANCE[dtype]
    (found,) = torch.autograd.grad(out, x, upstream)
    # The gradient of the same activations: where rounding decides a ReLU, both would be right.
    masked = torch.where(out.detach() > 0, upstream.double(), 0)
    (expected,) = torch.autograd.grad(_truth(x, weight, bias, False), x, masked.to(torch.float64))
    assert relative_error(found, expected) <= TOLERANCE[dtype]


def test_batches_strides_and_lazy_negation() -> None:
    x, weight, _ = _case(10, 14, channels=4, count=6, dtype=torch.float64, lead=(2, 3))
    factors = ops.winograd_factors(weight)
    truth = torch.stack([_truth(item, weight, None, False) for item in x.flatten(0, 1)]).view(2, 3, 6, 10, 14)
    torch.testing.assert_close(ops.winograd_convolution(x, factors), truth)
    strided = x.permute(3, 0, 4, 1, 2).contiguous().permute(1, 3, 4, 0, 2)
    torch.testing.assert_close(ops.winograd_convolution(strided, factors), truth)
    negated = torch.complex(torch.zeros_like(x), x).conj().imag
    assert negated.is_neg()
    torch.testing.assert_close(ops.winograd_convolution(negated, factors), -truth)


def test_the_same_bits_for_any_number_of_threads_and_of_rows_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    from photostyle_native.ops import winograd

    x, weight, bias = _case(50, 37, channels=8, count=8, dtype=torch.float32)
    factors = ops.winograd_factors(weight)
    whole, threads = ops.winograd_convolution(x, factors, bias, True), torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        assert torch.equal(ops.winograd_convolution(x, factors, bias, True), whole)
    finally:
        torch.set_num_threads(threads)
    monkeypatch.setattr(winograd, "_BYTES", 1)  # one row of tiles at a time
    torch.testing.assert_close(ops.winograd_convolution(x, factors, bias, True), whole, rtol=1e-5, atol=1e-6)


def test_what_is_not_finite_stays_near() -> None:
    x, weight, _ = _case(30, 30, channels=2, count=3, dtype=torch.float32)
    clean = ops.winograd_convolution(x, ops.winograd_factors(weight), None, True)
    x[0, 9, 9] = float("nan")
    found = ops.winograd_convolution(x, ops.winograd_factors(weight), None, True)
    spoilt = found.isnan().any(0)
    assert bool(spoilt[8:11, 8:11].all())  # where the definition has it; beyond that, in tiles that read the pixel
    near = torch.zeros(30, 30, dtype=torch.bool)
    near[8:12, 8:12] = True
    assert not bool(spoilt[~near].any())
    assert torch.equal(found[:, ~near], clean[:, ~near])


def test_wrong_arguments() -> None:
    x, weight, bias = _case(6, 6, channels=2, count=3, dtype=torch.float32)
    factors = ops.winograd_factors(weight)
    for arguments, words in (
        ((x[0], factors), "`x`"),
        ((x.half(), factors), "`x`"),
        ((x, factors[0]), r"`factors` must have shape \(2, 36, D, C\), got \(36, 3, 2\)"),
        ((x[:1], factors), "`x` must have the 2 channels of `factors`, got 1"),
        ((x, factors, bias[:2]), r"`bias` must have shape \(3,\)"),
        ((x.double(), factors), "`factors` must be torch.float64"),
    ):
        with pytest.raises(PhotostyleError, match=words):
            ops.winograd_convolution(*arguments)
    with pytest.raises(PhotostyleError, match="`gate` must be like `x`"):
        torch.ops.photostyle.winograd_gated(x, x[:1], factors, False)
    with pytest.raises(NotImplementedError, match="no gradient with respect to kernels"):
        ops.winograd_convolution(x, factors.requires_grad_())
    with pytest.raises(PhotostyleError, match=r"must have shape \(D, C, 3, 3\)"):
        ops.winograd_factors(weight[..., :2])
