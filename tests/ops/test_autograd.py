"""Derivatives and maps in every way that torch asks for them: forward mode, torch.func, vmap."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from checks import check_gradients
from ops.samples import BATCHES, OBJECTS, OPS, PUBLIC, Row
from torch import Tensor
from torch.autograd import forward_ad
from torch.func import grad, hessian, jacfwd, jvp, vmap

from photostyle_native import MattingLoss, ops

# torch's own forward-mode machinery still compiles its decompositions with torch.jit
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script`:FutureWarning")

DOUBLE = torch.float64
HEIGHT, WIDTH = 4, 5


ROWS = pytest.mark.parametrize(
    "row", [row for row in (*PUBLIC, *OBJECTS) if row.torch_func], ids=lambda row: row.name
)


@pytest.mark.kernel
@pytest.mark.parametrize("row", [row for row in OPS if row.derivative], ids=lambda row: row.name)
@pytest.mark.parametrize("batch", list(BATCHES))
def test_first_and_second_derivatives(row: Row, batch: str, device: torch.device) -> None:
    size = (4, 5) if batch == "one picture" else (3, 3)
    sample = row.sample(*size, dtype=DOUBLE, device=device, **BATCHES[batch])
    check_gradients(sample.function, *sample.leaves())


@ROWS
def test_derivatives_in_both_modes_and_batched(row: Row) -> None:
    sample = row.sample(HEIGHT, WIDTH, dtype=DOUBLE)
    leaves = sample.leaves()
    assert torch.autograd.gradcheck(
        sample.function, leaves, check_forward_ad=True, check_batched_grad=True, check_batched_forward_grad=True
    )
    assert torch.autograd.gradgradcheck(sample.function, leaves, check_fwd_over_rev=True, check_rev_over_rev=True)


@ROWS
def test_torch_func_agrees_with_backward(row: Row) -> None:
    sample = row.sample(HEIGHT, WIDTH, dtype=DOUBLE)
    function, x = sample.of_first, sample.tensors[0]
    torch.testing.assert_close(jacfwd(function)(x), torch.autograd.functional.jacobian(function, x))

    def scalar(x: Tensor) -> Tensor:
        return function(x).square().sum()

    torch.testing.assert_close(hessian(scalar)(x), torch.autograd.functional.hessian(scalar, x))
    several = torch.rand(4, *x.shape, dtype=DOUBLE)
    each = torch.stack([torch.autograd.functional.jacobian(scalar, item) for item in several])
    torch.testing.assert_close(vmap(grad(scalar))(several), each)


@ROWS
def test_vmap_is_one_call_on_a_batch(row: Row) -> None:
    sample = row.sample(HEIGHT, WIDTH, dtype=DOUBLE)
    function, x = sample.of_first, torch.rand(4, *sample.tensors[0].shape, dtype=DOUBLE)
    torch.testing.assert_close(vmap(function)(x), function(x))  # torch would warn of a loop
    torch.testing.assert_close(vmap(function, in_dims=2)(x.movedim(0, 2)), function(x))
    nested = torch.stack([x, 2 * x, -x])
    torch.testing.assert_close(vmap(vmap(function))(nested), function(nested))


def test_torch_compile_takes_torch_func() -> None:
    module, x = MattingLoss(torch.rand(3, HEIGHT, WIDTH)), torch.rand(4, 3, HEIGHT, WIDTH)
    for function in (vmap(module), vmap(grad(module))):
        torch.testing.assert_close(torch.compile(function, backend="aot_eager")(x), function(x))


def test_vmap_over_every_argument() -> None:
    x, images = torch.rand(4, 3, HEIGHT, WIDTH), torch.rand(4, 3, HEIGHT, WIDTH)
    one_each = ops.matting_energy(x, images)
    torch.testing.assert_close(vmap(ops.matting_energy)(x, images), one_each)
    torch.testing.assert_close(
        vmap(ops.matting_energy, in_dims=(None, 0))(x[0], images), ops.matting_energy(x[:1].expand_as(x), images)
    )
    # a batch inside the map shares the image that the map gives it
    inside = vmap(ops.matting_energy)(torch.stack([x, 2 * x]), images[:2])
    torch.testing.assert_close(inside[1], ops.matting_energy(2 * x, images[1]))
    masks = torch.rand(4, 2, HEIGHT, WIDTH)
    torch.testing.assert_close(
        vmap(ops.masked_gram, in_dims=(None, 0))(x[0], masks), ops.masked_gram(x[:1].expand_as(x), masks)
    )
    scales, targets = torch.rand(4, 2), torch.rand(2, 3, 3)
    with pytest.raises(NotImplementedError, match="no batch dimensions"):
        vmap(lambda s: ops.masked_gram_loss(x[0], masks[0], targets, s, s))(scales)


def test_a_bilateral_grid_has_reverse_mode_only() -> None:
    grid, guide, image = torch.rand(12, 2, 2, 2), torch.rand(HEIGHT, WIDTH), torch.rand(3, HEIGHT, WIDTH)

    def total(grid: Tensor) -> Tensor:
        return ops.slice_bilateral_grid(grid, guide, image).square().sum()

    expected = torch.autograd.functional.jacobian(total, grid)
    torch.testing.assert_close(grad(total)(grid), expected)
    with pytest.raises(NotImplementedError, match="jvp"):
        jvp(total, (grid,), (grid,))
    with pytest.warns(UserWarning, match="batching rule"):
        each = vmap(grad(total))(torch.stack([grid, 2 * grid]))
    torch.testing.assert_close(each[0], expected)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: ops.guided_filter(x, torch.rand_like(x)), "`guided_filter` has no gradient"),
        (lambda x: ops.fit_local_affine(x, torch.rand_like(x)), "`fit_local_affine` has no gradient"),
        (lambda x: ops.matting_energy(torch.rand_like(x), x), "with respect to `image`"),
        (lambda x: ops.masked_gram(torch.rand_like(x), x), "with respect to `masks`"),
    ],
)
def test_a_tangent_that_would_be_lost_is_an_error(call: Callable[[Tensor], Tensor], message: str) -> None:
    x = torch.rand(3, HEIGHT, WIDTH)
    with pytest.raises(NotImplementedError, match=message):
        jvp(call, (x,), (x,))
    with forward_ad.dual_level(), pytest.raises(NotImplementedError, match=message):
        call(forward_ad.make_dual(x, x))
    with pytest.raises(NotImplementedError, match=message):
        grad(lambda x: call(x).sum())(x)
