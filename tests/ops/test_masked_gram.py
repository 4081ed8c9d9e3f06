"""Masked Gram matrices: against the reference and the definition, forward and backward."""

from __future__ import annotations

import emulation
import pytest
import torch
from checks import relative_error
from torch import Tensor

from photostyle_native import PhotostyleError, ops
from photostyle_native.reference import masked_gram as reference

pytestmark = pytest.mark.kernel

# channels, height, width, masks
CASES = [
    (1, 1, 1, 1),
    (3, 5, 7, 2),
    (64, 33, 41, 4),
    (70, 9, 101, 3),
    (130, 50, 61, 3),
    (300, 7, 13, 2),
    (33, 90, 200, 2),
]
# Sums run in float32 over thousands of terms; features in bfloat16 are exact inputs, their gradient is rounded once
# per mask that covers a pixel.
FORWARD = {torch.float32: 1e-6, torch.float64: 1e-13, torch.bfloat16: 1e-6}
BACKWARD = {torch.float32: 1e-6, torch.float64: 1e-13, torch.bfloat16: 4e-3}


def _mask_dtype(dtype: torch.dtype) -> torch.dtype:
    return torch.float64 if dtype == torch.float64 else torch.float32


def _soft_masks(count: int, height: int, width: int, dtype: torch.dtype) -> Tensor:
    """Overlapping soft masks with zeros in them, in runs and alone."""
    masks = torch.rand(count, height, width, dtype=dtype) + 0.1
    masks *= torch.rand(count, height, width) > 0.3
    masks[0, :, width // 2 :] = 0
    masks[0, 0, 0] = 1.0
    return masks


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("dtype", list(FORWARD), ids=str)
def test_agrees_with_the_reference(case: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> None:
    channels, height, width, count = case
    if emulation.active() and height * width > 2000:
        height //= 3
    features = torch.randn(channels, height, width, device=device).to(dtype).requires_grad_()
    masks = _soft_masks(count, height, width, _mask_dtype(dtype)).to(device)
    exact = features.detach().double().requires_grad_()
    gram, truth = ops.masked_gram(features, masks), reference.masked_gram(exact, masks.double())
    assert gram.dtype == _mask_dtype(dtype)
    assert gram.shape == (count, channels, channels)
    assert relative_error(gram, truth) <= FORWARD[dtype]
    assert torch.equal(gram, gram.mT)
    upstream = torch.randn_like(truth)  # not symmetric: the gradient must make it so
    (gradient,) = torch.autograd.grad(gram, features, upstream.to(gram.dtype))
    (expected,) = torch.autograd.grad(truth, exact, upstream)
    assert gradient.dtype == dtype
    assert relative_error(gradient, expected) <= BACKWARD[dtype]


def test_by_hand(device: torch.device) -> None:
    features = torch.tensor([[[1.0, 2.0, 3.0]], [[0.0, 1.0, -1.0]]], device=device)
    masks = torch.tensor([[[1.0, 0.0, 0.0]], [[0.0, 1.0, 0.5]]], device=device)
    expected = torch.tensor(
        [[[1.0, 0.0], [0.0, 0.0]], [[4 + 9 / 4, 2 - 3 / 4], [2 - 3 / 4, 1 + 1 / 4]]], device=device
    )
    assert torch.equal(ops.masked_gram(features, masks), expected)


def test_a_partition_sums_to_the_plain_gram(device: torch.device) -> None:
    features = torch.randn(48, 31, 47, device=device)
    labels = torch.randint(0, 5, (31, 47), device=device)
    masks = (labels == torch.arange(5, device=device)[:, None, None]).float()
    flat = features.flatten(1).double()
    assert relative_error(ops.masked_gram(features, masks).sum(0), flat @ flat.T) <= 1e-6


def test_empty_masks_and_empty_inputs(device: torch.device) -> None:
    features = torch.randn(5, 20, 30, device=device, requires_grad=True)
    masks = torch.zeros(2, 20, 30, device=device)
    masks[1, 3, 4] = 2.0
    gram = ops.masked_gram(features, masks)
    assert torch.equal(gram[0], torch.zeros_like(gram[0]))
    pixel = features.detach()[:, 3, 4]
    torch.testing.assert_close(gram[1], 4 * pixel[:, None] * pixel[None, :])
    (gradient,) = torch.autograd.grad(gram.sum(), features)
    assert int((gradient != 0).any(0).sum()) == 1
    assert ops.masked_gram(torch.rand(5, 0, 3, device=device), torch.rand(2, 0, 3, device=device)).sum() == 0
    assert ops.masked_gram(features, masks[:0]).shape == (0, 5, 5)


def test_batches_share_masks_or_bring_their_own(device: torch.device) -> None:
    features = torch.randn(2, 3, 37, 8, 9, device=device, requires_grad=True)
    own = torch.rand(2, 3, 4, 8, 9, device=device)
    gram, shared = ops.masked_gram(features, own), ops.masked_gram(features, own[0, 0])
    upstream = torch.randn_like(gram)
    (gradient,) = torch.autograd.grad(gram, features, upstream)
    for i in range(2):
        for j in range(3):
            alone = features[i, j].detach().clone().requires_grad_()
            one = ops.masked_gram(alone, own[i, j])
            assert torch.equal(gram[i, j], one)
            assert torch.equal(shared[i, j], ops.masked_gram(alone, own[0, 0]))
            assert torch.equal(gradient[i, j], torch.autograd.grad(one, alone, upstream[i, j])[0])


def test_strides_do_not_matter(device: torch.device) -> None:
    features = torch.randn(1, 37, 12, 13, device=device).contiguous(memory_format=torch.channels_last)[0]
    masks = torch.rand(12, 13, 2, device=device).permute(2, 0, 1)
    assert torch.equal(ops.masked_gram(features, masks), ops.masked_gram(features.contiguous(), masks.contiguous()))


@pytest.mark.parametrize(
    ("features", "masks", "message"),
    [
        (
            torch.rand(4, 48, 64),
            torch.rand(2, 47, 64),
            r"the height and width of `features`, \(48, 64\), got \(47, 64\)",
        ),
        (torch.rand(4, 8, 8), torch.rand(8, 8), r"`masks` must have shape \(\.\.\., K, H, W\), got \(8, 8\)"),
        (torch.rand(4, 8, 8), torch.rand(2, 8, 8).double(), "`masks` must be float32, got float64"),
        (torch.rand(4, 8, 8).double(), torch.rand(2, 8, 8), "`masks` must be float64, got float32"),
        (
            torch.rand(4, 8, 8).int(),
            torch.rand(2, 8, 8),
            "`features` must be float32 or float64 or bfloat16 or float16, got int32",
        ),
        (torch.rand(5, 4, 8, 8), torch.rand(3, 2, 8, 8), "batch dimensions"),
        (None, torch.rand(2, 8, 8), "`features` must be a torch.Tensor, got NoneType"),
    ],
)
def test_arguments_are_checked(features: Tensor, masks: Tensor, message: str) -> None:
    with pytest.raises(PhotostyleError, match=message):
        ops.masked_gram(features, masks)


def test_gradient_of_masks_raises() -> None:
    with pytest.raises(NotImplementedError, match="masks"):
        ops.masked_gram(torch.rand(4, 8, 8), torch.rand(2, 8, 8, requires_grad=True))


@pytest.mark.parametrize("shape", [(64, 130, 150), (512, 12, 17)], ids=str)
def test_same_bits_for_any_number_of_threads(shape: tuple[int, ...]) -> None:
    features = torch.randn(shape, requires_grad=True)
    masks = _soft_masks(3, *shape[1:], torch.float32)
    before = torch.get_num_threads()
    try:
        results = []
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            gram = ops.masked_gram(features, masks)
            results.append((gram.detach(), torch.autograd.grad(gram.square().sum(), features)[0]))
    finally:
        torch.set_num_threads(before)
    for gram, gradient in results[1:]:
        assert torch.equal(gram, results[0][0])
        assert torch.equal(gradient, results[0][1])


def test_the_registered_ops_check_too() -> None:
    big, small = torch.rand(64, 200, 200), torch.rand(1, 1, 1)
    with pytest.raises(PhotostyleError, match="height and width"):
        torch.ops.photostyle.masked_gram(big, small)
    with pytest.raises(PhotostyleError, match=r"`upstream` must have shape \(1, 64, 64\), got \(1, 1, 1\)"):
        torch.ops.photostyle.masked_gram_backward(small, big, torch.rand(1, 200, 200))
    with pytest.raises(PhotostyleError, match="float32 or float64, got uint8"):
        torch.ops.photostyle.matting_laplacian(*[torch.ones(3, 40, 40, dtype=torch.uint8)] * 2, 1e-7, 1)
