"""Masked Gram matrices of features whose channels are last in memory, which CUDA has kernels of their own for."""

from __future__ import annotations

from typing import Any

import emulation
import pytest
import torch
from checks import relative_error
from torch import Tensor

from photostyle_native import ops
from photostyle_native.ops import _backend
from photostyle_native.reference import masked_gram as reference

pytestmark = pytest.mark.kernel

# channels, height, width: less than a piece of work, whole ones, and tails of every kind
SHAPES = [(8, 1, 2), (8, 3, 5), (24, 17, 23), (64, 16, 32), (64, 33, 21), (72, 9, 19), (200, 8, 9)]
# The largest error of rounding to a type, relative to the value.
HALF_STEP = {torch.bfloat16: 2**-8, torch.float16: 2**-11}


def _channels_last(features: Tensor) -> Tensor:
    """The same features, in memory with the channels last."""
    return features.movedim(-3, -1).contiguous().movedim(-1, -3)


def _features(*shape: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    return _channels_last(torch.randn(*shape).to(device, dtype))


def _masks(kind: str, height: int, width: int, device: torch.device) -> Tensor:
    """Three that share out the pixels, of values 0 and 1 (hard) and -1 (signed), or also soft ones over them."""
    label = torch.arange(height * width).view(height, width) // (height * width // 3 + 1)
    hard = (label == torch.arange(3)[:, None, None]).float()
    if kind == "signed":
        hard[1] = -hard[1]
    if kind == "soft":
        soft = (torch.rand(2, height, width) - 0.3) * (torch.rand(2, height, width) > 0.3)
        hard = torch.cat([hard, soft, torch.zeros(1, height, width)])
    return hard.to(device)


@pytest.fixture
def layouts(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Of every kernel's call since, whether it was to read features with their channels last."""
    launch, seen = _backend.launch, []

    def watch(name: str, device: torch.device, **fields: Any) -> None:
        seen.append(fields["channels_last"])
        launch(name, device, **fields)

    monkeypatch.setattr(_backend, "launch", watch)
    return seen


def _reads_in_place(device: torch.device) -> bool:
    """Whether this device has the kernels."""
    return _backend.loaded_code(device) >= 80


def _check_gradient(gradient: Tensor, expected: Tensor, features: Tensor) -> None:
    assert gradient.dtype == features.dtype
    assert gradient.stride() == features.stride()
    if not _backend.loaded_code(features.device):  # the CPU rounds once per mask that covers a pixel
        assert relative_error(gradient, expected) <= 1e-6 + HALF_STEP.get(features.dtype, 0.0)
        return
    rounding = HALF_STEP.get(features.dtype, 0.0) * expected.abs() + 1e-5 * expected.abs().amax()
    assert bool(((gradient.double() - expected).abs() <= rounding).all())


def _check(features: Tensor, masks: Tensor) -> None:
    exact = features.detach().double().requires_grad_()
    gram, truth = ops.masked_gram(features, masks), reference.masked_gram(exact, masks.double())
    upstream = torch.randn_like(truth)
    (gradient,) = torch.autograd.grad(gram, features, upstream.to(gram.dtype))
    (expected,) = torch.autograd.grad(truth, exact, upstream)
    assert relative_error(gram, truth) <= 1e-6
    assert torch.equal(gram, gram.mT)
    _check_gradient(gradient, expected, features)


@pytest.mark.parametrize("kind", ["hard", "signed", "soft"])
@pytest.mark.parametrize("dtype", list(HALF_STEP), ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_agrees_with_the_reference(
    shape: tuple[int, ...], dtype: torch.dtype, kind: str, device: torch.device, layouts: list[bool]
) -> None:
    features = _features(*shape, dtype=dtype, device=device).requires_grad_()
    _check(features, _masks(kind, *shape[1:], device))
    assert layouts == [_reads_in_place(device)] * 2


@pytest.mark.parametrize("own", [False, True], ids=["shared masks", "own masks"])
def test_batches(own: bool, device: torch.device, layouts: list[bool]) -> None:
    features = _features(2, 3, 72, 9, 14, dtype=torch.bfloat16, device=device).requires_grad_()
    masks = torch.rand(2, 3, 4, 9, 14, device=device) if own else _masks("soft", 9, 14, device)
    _check(features, masks)
    assert layouts == [_reads_in_place(device)] * 2


@pytest.mark.parametrize("dtype", list(HALF_STEP), ids=str)
def test_the_loss(dtype: torch.dtype, device: torch.device, layouts: list[bool]) -> None:
    features, masks = (
        _features(2, 72, 11, 13, dtype=dtype, device=device).requires_grad_(),
        _masks("soft", 11, 13, device),
    )
    count = masks.shape[0]
    targets = torch.randn(count, 72, 72, device=device)
    scales, weights = torch.rand(count, device=device) / 20, torch.rand(count, device=device)
    loss = ops.masked_gram_loss(features, masks, targets, scales, weights)
    exact = features.detach().double().requires_grad_()
    truth, _ = reference.masked_gram_loss(exact, *(t.double() for t in (masks, targets, scales, weights)))
    assert relative_error(loss, truth) <= 1e-6
    (gradient,) = torch.autograd.grad(loss.sum(), features)
    (expected,) = torch.autograd.grad(truth.sum(), exact)
    _check_gradient(gradient, expected, features)
    assert layouts == [_reads_in_place(device)] * 2


@pytest.mark.parametrize("what", ["float32", "float64", "20 channels", "not aligned"])
def test_what_has_no_such_kernel_is_copied(what: str, device: torch.device, layouts: list[bool]) -> None:
    dtype = {"float32": torch.float32, "float64": torch.float64}.get(what, torch.bfloat16)
    features = _features(20 if what == "20 channels" else 24, 9, 11, dtype=dtype, device=device)
    if what == "not aligned":
        rows = features.movedim(0, -1)
        held = torch.empty(rows.numel() + 1, dtype=dtype, device=device)[1:]
        features = held.view(rows.shape).copy_(rows).movedim(-1, 0)
        assert features.data_ptr() % 16
    masks = _masks("soft", 9, 11, device).to(torch.float64 if dtype == torch.float64 else torch.float32)
    _check(features.requires_grad_(), masks)
    assert layouts == [False, False]


@pytest.mark.parametrize("capability", [75, 80])
def test_older_code(capability: int, monkeypatch: pytest.MonkeyPatch, layouts: list[bool]) -> None:
    device = emulation.use(monkeypatch, capability=capability)
    features = _features(72, 9, 14, dtype=torch.bfloat16, device=device).requires_grad_()
    _check(features, _masks("soft", 9, 14, device))
    assert layouts == [capability == 80] * 2


def test_many_masks(device: torch.device) -> None:
    """More than a block of the backward pass examines at once."""
    label = torch.arange(12 * 11).view(12, 11) % 70
    masks = (label == torch.arange(70)[:, None, None]).float() * 0.7
    _check(_features(8, 12, 11, dtype=torch.bfloat16, device=device).requires_grad_(), masks.to(device))


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_what_is_not_finite_spreads_as_from_contiguous_features(bad: float, device: torch.device) -> None:
    features = _features(24, 9, 14, dtype=torch.bfloat16, device=device)
    features[5, 4, 7] = bad
    masks = _masks("soft", 9, 14, device)
    finite = []
    for given in (features, features.contiguous()):
        given = given.clone(memory_format=torch.preserve_format).requires_grad_()
        gram = ops.masked_gram(given, masks)
        (gradient,) = torch.autograd.grad(gram, given, torch.ones_like(gram))
        finite.append((gram.isfinite(), gradient.isfinite()))
    assert torch.equal(finite[0][0], finite[1][0])
    assert torch.equal(finite[0][1], finite[1][1])
    assert not finite[0][0].all()
    assert finite[0][0].any()
    assert not finite[0][1][:, 4, 7].any()


@pytest.mark.parametrize("order", ["forward", "reverse", "shuffled"])
def test_the_same_bits_in_any_order_of_threads(order: str, monkeypatch: pytest.MonkeyPatch) -> None:
    results = []
    for now in ("forward", order):
        device = emulation.use(monkeypatch, order=now, seed=1)
        torch.manual_seed(0)
        features = _features(72, 15, 22, dtype=torch.bfloat16, device=device).requires_grad_()
        gram = ops.masked_gram(features, _masks("soft", 15, 22, device))
        results.append((gram.detach(), torch.autograd.grad(gram.square().sum(), features)[0]))
    assert torch.equal(results[0][0], results[1][0])
    assert torch.equal(results[0][1], results[1][1])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, *HALF_STEP], ids=str)
@pytest.mark.parametrize("lead", [(), (2,)], ids=str)
def test_opcheck(lead: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> None:
    kind = torch.float64 if dtype == torch.float64 else torch.float32
    features = _features(*lead, 8, 5, 6, dtype=dtype, device=device)
    masks = _masks("soft", 5, 6, device).to(kind)
    upstream = torch.randn(*lead, 6, 8, 8, device=device, dtype=kind)
    targets, vector = upstream.view(-1, 6, 8, 8)[0], torch.rand(6, device=device, dtype=kind)
    registered = torch.ops.photostyle
    leaf = features.requires_grad_()
    torch.library.opcheck(registered.masked_gram.default, (leaf, masks))
    torch.library.opcheck(registered.masked_gram_backward.default, (upstream.requires_grad_(), leaf, masks))
    torch.library.opcheck(
        registered.masked_gram_loss.default, (leaf, masks, targets.detach().contiguous(), vector, vector)
    )


def test_compiled_code_expects_the_layout(device: torch.device) -> None:
    features = _features(16, 7, 9, dtype=torch.bfloat16, device=device).requires_grad_()
    masks = _masks("soft", 7, 9, device)

    def energy(f: Tensor) -> Tensor:
        return ops.masked_gram(f * 2, masks).square().sum()

    compiled = torch.compile(energy, backend="aot_eager", fullgraph=True)
    (gradient,) = torch.autograd.grad(compiled(features), features)
    (expected,) = torch.autograd.grad(energy(features), features)
    assert torch.equal(gradient, expected)
    assert gradient.stride() == expected.stride() == features.stride()
