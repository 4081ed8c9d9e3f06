"""The fused style loss: against its definition on the reference's matrices."""

from __future__ import annotations

import pytest
import torch
from checks import relative_error
from torch import Tensor

from photostyle_native import PhotostyleError, ops
from photostyle_native.reference import masked_gram as reference

pytestmark = pytest.mark.kernel


def _problem(lead: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> tuple[Tensor, ...]:
    """Features of 70 channels, three masks of which one is empty, targets, scales, weights."""
    kind = torch.float64 if dtype == torch.float64 else torch.float32
    features = torch.randn(*lead, 70, 19, 23, device=device).to(dtype)
    masks = (torch.rand(3, 19, 23, device=device) > 0.4).to(kind) * 0.7
    masks[2] = 0
    targets = torch.randn(3, 70, 70, device=device, dtype=kind)
    return (
        features,
        masks,
        targets,
        torch.tensor([0.01, 0.03, 0.5], device=device, dtype=kind),
        torch.tensor([0.2, 1.5, 0.1], device=device, dtype=kind),
    )


def _definition(features: Tensor, masks: Tensor, targets: Tensor, scales: Tensor, weights: Tensor) -> Tensor:
    difference = reference.masked_gram(features, masks) * scales[:, None, None] - targets
    return (difference.square().sum((-2, -1)) * weights).sum(-1)


@pytest.mark.parametrize("lead", [(), (2,)], ids=str)
@pytest.mark.parametrize(
    ("dtype", "tolerance", "gradient_tolerance"),
    [
        (torch.float32, 1e-6, 1e-6),
        (torch.float64, 1e-13, 1e-13),
        (torch.bfloat16, 1e-6, 4e-3),
        (torch.float16, 1e-6, 5e-4),
    ],
    ids=str,
)
def test_agrees_with_the_definition(
    lead: tuple[int, ...], dtype: torch.dtype, tolerance: float, gradient_tolerance: float, device: torch.device
) -> None:
    features, *rest = _problem(lead, dtype, device)
    features.requires_grad_()
    loss = ops.masked_gram_loss(features, *rest)
    exact = features.detach().double().requires_grad_()
    truth = _definition(exact, *(t.double() for t in rest))
    assert loss.shape == lead
    assert loss.dtype == rest[0].dtype
    assert relative_error(loss, truth) <= tolerance
    up = torch.rand(lead, device=device, dtype=loss.dtype) if lead else torch.tensor(1.5, device=device)
    (gradient,) = torch.autograd.grad(loss, features, up.to(loss.dtype))
    (expected,) = torch.autograd.grad(truth, exact, up.double())
    assert gradient.dtype == dtype
    assert relative_error(gradient, expected) <= gradient_tolerance


def test_targets_of_their_own(device: torch.device) -> None:
    features, masks, targets, scales, weights = _problem((2,), torch.float32, device)
    own = torch.stack([targets, targets + 1])
    both = ops.masked_gram_loss(features, masks, own, scales, weights)
    for i in range(2):
        alone = ops.masked_gram_loss(features[i], masks, own[i], scales, weights)
        torch.testing.assert_close(both[i], alone, rtol=1e-6, atol=0)


def test_masks_of_their_own(device: torch.device) -> None:
    """Scales and weights are those of the labels, the same for all items of a batch."""
    features, masks, *rest = _problem((2,), torch.float32, device)
    own = torch.stack([masks, masks.flip(-1)])
    truth = _definition(*(t.double() for t in (features, own, *rest)))
    assert relative_error(ops.masked_gram_loss(features, own, *rest), truth) <= 1e-6


def test_empty_inputs(device: torch.device) -> None:
    none = torch.rand(0, 4, 4, device=device)
    no = torch.rand(0, device=device)
    assert (
        float(
            ops.masked_gram_loss(torch.rand(4, 3, 3, device=device), torch.rand(0, 3, 3, device=device), none, no, no)
        )
        == 0
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({2: torch.rand(3, 70, 69)}, r"`targets` must have shape \(\.\.\., 3, 70, 70\), got \(3, 70, 69\)"),
        ({2: torch.rand(3, 70, 70).double()}, "`targets` must have masks' dtype float32"),
        ({3: torch.rand(4)}, r"`scales` must have shape \(3,\), got \(4,\)"),
        ({4: [1.0]}, "`weights` must be a torch.Tensor, got list"),
        ({1: torch.rand(3, 5, 5)}, "height and width"),
    ],
)
def test_arguments_are_checked(change: dict[int, Tensor], message: str) -> None:
    arguments = list(_problem((), torch.float32, torch.device("cpu")))
    for i, value in change.items():
        arguments[i] = value
    with pytest.raises(PhotostyleError, match=message):
        ops.masked_gram_loss(*arguments)


@pytest.mark.parametrize("i", [1, 2, 3, 4])
def test_only_features_have_a_gradient(i: int) -> None:
    arguments = list(_problem((), torch.float32, torch.device("cpu")))
    arguments[i] = arguments[i].clone().requires_grad_()
    with pytest.raises(NotImplementedError, match="detach"):
        ops.masked_gram_loss(*arguments)
