"""The torch modules: same numbers as the ops, state that travels, torch.compile, autocast, derivatives."""

from __future__ import annotations

import io
from typing import Any

import pytest
import torch
from checks import check_gradients
from pictures import smooth_picture
from torch import Tensor, nn

from photostyle_native import PhotostyleError, ops
from photostyle_native.ops.modules import LocalAffineSmoothing, MaskedGramLoss, MaskedGramMatrix, MattingLoss

HEIGHT, WIDTH, CHANNELS = 9, 12, 5


def _masks(dtype: torch.dtype = torch.float32) -> Tensor:
    masks = torch.zeros(3, HEIGHT, WIDTH, dtype=dtype)
    masks[0, :4] = 1
    masks[1, 4:] = torch.rand(HEIGHT - 4, WIDTH, dtype=dtype)
    return masks  # the third is empty


def _modules(dtype: torch.dtype = torch.float32) -> dict[str, tuple[nn.Module, Tensor]]:
    content = smooth_picture(HEIGHT, WIDTH, dtype)
    features = torch.rand(CHANNELS, HEIGHT, WIDTH, dtype=dtype)
    masks = _masks(dtype)
    targets = MaskedGramMatrix(masks)(torch.rand_like(features))
    return {
        "matting": (MattingLoss(content, weight=3.0, eps=1e-3), torch.rand_like(content)),
        "gram": (MaskedGramMatrix(masks), features),
        "style": (MaskedGramLoss(targets, masks, weight=2.0), features),
        "smoothing": (LocalAffineSmoothing(content, radius=3), torch.rand_like(content)),
    }


NAMES = ["matting", "gram", "style", "smoothing"]


def test_matting_loss_is_the_weighted_energy() -> None:
    module, x = _modules()["matting"]
    assert torch.equal(module(x), ops.matting_energy(x, module.content, eps=1e-3) * 3)
    assert module(torch.stack([x, x])).shape == (2,)


def test_style_loss_is_that_of_the_paper() -> None:
    module, features = _modules(torch.float64)["style"]
    masks = module.masks
    share = masks.mean((-2, -1))
    scale = torch.where(share > 0, 1 / (CHANNELS * masks[0].numel() * share), torch.zeros_like(share))
    gram = ops.masked_gram(features, masks) * scale[:, None, None]
    expected = 2 * ((gram - module.targets).square().mean((-2, -1)) * share).sum()
    torch.testing.assert_close(module(features), expected)
    torch.testing.assert_close(MaskedGramMatrix(masks)(features), gram)
    assert torch.equal(MaskedGramMatrix(masks, normalise=False)(features), ops.masked_gram(features, masks))
    assert not gram[2].any()


def test_smoothing_is_the_op() -> None:
    module, output = _modules()["smoothing"]
    assert torch.equal(module(output), ops.smooth_local_affine(output, module.content, radius=3))
    with pytest.raises(NotImplementedError, match="has no gradient"):
        module(output.requires_grad_())


@pytest.mark.parametrize("name", NAMES)
def test_state_travels(name: str) -> None:
    module, x = _modules()[name]
    assert not list(module.parameters())
    file = io.BytesIO()
    torch.save(module.state_dict(), file)
    file.seek(0)
    other, _ = _modules()[name]
    for buffer in other.buffers():
        buffer.zero_()
    other.load_state_dict(torch.load(file, weights_only=True))
    assert torch.equal(other(x), module(x))
    before = {key: value.clone() for key, value in module.state_dict().items()}
    module(x)
    assert all(torch.equal(value, before[key]) for key, value in module.state_dict().items())
    wide = module.double()(x.double())
    assert wide.dtype == torch.float64
    torch.testing.assert_close(wide.float(), other(x), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_compiles_in_one_graph(name: str) -> None:
    module, x = _modules()[name]
    compiled = torch.compile(module, backend="aot_eager", fullgraph=True)
    if name == "smoothing":
        assert torch.equal(compiled(x), module(x))
        return
    results = []
    for function in (module, compiled):
        leaf = x.clone().requires_grad_()
        value = function(leaf)
        (gradient,) = torch.autograd.grad(value.square().sum(), leaf)
        results.append((value.detach(), gradient))
    torch.testing.assert_close(results[1], results[0])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_autocast(name: str, dtype: torch.dtype) -> None:
    module, x = _modules()[name]
    with torch.autocast("cpu", dtype=dtype):
        narrow = (torch.eye(x.shape[-1]) @ x.mT).mT  # as a network under autocast leaves it
        assert narrow.dtype == dtype
        value = module(narrow)
    assert value.dtype == torch.float32
    torch.testing.assert_close(value, module(narrow.float()), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["matting", "gram", "style"])
def test_derivatives_first_and_second(name: str) -> None:
    module, x = _modules(torch.float64)[name]
    check_gradients(module, x.requires_grad_())


IMAGE, MASKS = torch.rand(3, 4, 5), torch.rand(2, 4, 5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: MattingLoss(IMAGE[:2]), r"`content` must have shape \(3, H, W\) or \(B, 3, H, W\), got \(2, 4, 5\)"),
        (lambda: LocalAffineSmoothing([0.0]), "`content` must be a torch.Tensor, got list"),
        (lambda: MaskedGramMatrix(MASKS[0]), r"`masks` must have shape \(K, H, W\), got \(4, 5\)"),
        (lambda: MaskedGramMatrix(MASKS.bool()), "`masks` must be float32 or float64, got bool"),
        (lambda: MaskedGramLoss(torch.rand(3, 6, 6), MASKS), r"`targets` must have shape \(2, C, C\)"),
        (lambda: MaskedGramLoss(torch.rand(2, 6, 6), MASKS)(IMAGE), r"`targets` must have shape \(..., 2, 3, 3\)"),
        (lambda: MattingLoss(IMAGE)(IMAGE[:, :3]), "`image` must have the height and width of `x`"),
    ],
)
def test_arguments_are_checked(call: Any, message: str) -> None:
    with pytest.raises(PhotostyleError, match=message):
        call()
