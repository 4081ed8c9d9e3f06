"""What docs/api.md promises of every op alike: threads, determinism, pictures without pixels, nothing written to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
from pictures import smooth_picture
from torch import Tensor

import photostyle_native as ps
from photostyle_native import ops


def _cases(height: int, width: int) -> dict[str, tuple[Callable[..., Tensor], tuple[Tensor, ...]]]:
    image, x = smooth_picture(height, width), torch.rand(3, height, width)
    masks, targets, one = torch.rand(2, height, width), torch.rand(2, 3, 3), torch.ones(2)
    coefs = torch.rand(12, height, width)
    laplacian = ps.MattingLaplacian(image)
    return {
        "matting_laplacian": (ops.matting_laplacian, (x, image)),
        "matting_energy": (ops.matting_energy, (x, image)),
        "guided_filter": (ops.guided_filter, (x, image)),
        "masked_gram": (ops.masked_gram, (x, masks)),
        "masked_gram_loss": (ops.masked_gram_loss, (x, masks, targets, one, one)),
        "slice_bilateral_grid": (ops.slice_bilateral_grid, (torch.rand(12, 3, 4, 4), x[0], x)),
        "fit_local_affine": (ops.fit_local_affine, (x, image)),
        "apply_local_affine": (ops.apply_local_affine, (coefs, image)),
        "smooth_affine_coefficients": (ops.smooth_affine_coefficients, (coefs, image)),
        "smooth_local_affine": (ops.smooth_local_affine, (x, image)),
        "upsample_local_affine": (ops.upsample_local_affine, (coefs, image, x)),
        "MattingLaplacian": (laplacian.__matmul__, (x,)),
        "MattingLaplacian.diagonal": (laplacian.diagonal, ()),
        "MattingLoss": (ps.MattingLoss(image), (x,)),
        "MaskedGramMatrix": (ps.MaskedGramMatrix(masks), (x,)),
        "MaskedGramLoss": (ps.MaskedGramLoss(targets, masks), (x,)),
        "LocalAffineSmoothing": (ps.LocalAffineSmoothing(image), (x,)),
    }


NAMES = list(_cases(4, 5))


@pytest.fixture
def _threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def _with_gradient(function: Callable[..., Tensor], inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """The result, and the gradient in the first argument where there is one."""
    try:
        leaf = inputs[0].clone().requires_grad_()
        result = function(leaf, *inputs[1:])
    except (NotImplementedError, IndexError):
        return (function(*inputs),)
    return result.detach(), *torch.autograd.grad(result.square().sum(), leaf)


@pytest.mark.usefixtures("_threads")
@pytest.mark.parametrize("name", NAMES)
def test_the_same_bits_with_any_number_of_threads(name: str) -> None:
    function, inputs = _cases(67, 90)[name]
    results = []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        results.append(_with_gradient(function, inputs))
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_calls_from_several_threads_at_once(name: str) -> None:
    function, inputs = _cases(37, 50)[name]
    kept = [value.clone() for value in inputs]
    expected = function(*inputs)
    with ThreadPoolExecutor(4) as pool:
        assert all(torch.equal(future, expected) for future in pool.map(lambda _: function(*inputs), range(12)))
    assert all(torch.equal(a, b) for a, b in zip(inputs, kept, strict=True))  # and nothing was written to


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [(0, 5), (4, 0)], ids=str)
def test_pictures_without_pixels(name: str, size: tuple[int, int]) -> None:
    function, inputs = _cases(*size)[name]
    result: Any = function(*inputs)
    assert result.numel() == 0 or name.startswith(("matting_energy", "masked_gram", "MattingLoss", "MaskedGram"))


def test_a_transfer_gives_the_same_picture_again() -> None:
    content, style = smooth_picture(40, 48), smooth_picture(32, 40).flip(0, 2)
    first, second = (ps.transfer(content, style, size=48, iterations=2, auto_mask="none") for _ in range(2))
    assert torch.equal(first.image, second.image)
    assert first.energies == second.energies


@pytest.mark.parametrize("name", NAMES)
def test_autocast_changes_nothing(name: str) -> None:
    function, inputs = _cases(13, 17)[name]
    expected = _with_gradient(function, inputs)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        result = _with_gradient(function, inputs)
    assert all(torch.equal(a, b) for a, b in zip(result, expected, strict=True))
