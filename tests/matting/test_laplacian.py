"""The Matting Laplacian as a linear operator, and its solver: against dense matrices, SciPy and pymatting."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import scipy.sparse
import scipy.sparse.linalg
import torch
from matting.dense import DOUBLE, dense
from optional_packages import need
from pictures import smooth_picture
from torch import Tensor

from photostyle_native import MattingLaplacian, PhotostyleError


@pytest.mark.parametrize(("size", "radius"), [((9, 13), 1), ((3, 5), 1), ((12, 11), 2), ((4, 4), 2), ((1, 1), 1)])
def test_entries(size: tuple[int, int], radius: int) -> None:
    image = smooth_picture(*size, DOUBLE)
    matrix, laplacian = dense(image, 1e-5, radius), MattingLaplacian(image, 1e-5, radius)
    torch.testing.assert_close(torch.from_numpy(laplacian.to_sparse().toarray()), matrix, rtol=0, atol=1e-9)
    torch.testing.assert_close(laplacian.diagonal(), matrix.diagonal(), rtol=0, atol=1e-9)
    x = torch.rand(len(matrix), 2, dtype=DOUBLE)
    torch.testing.assert_close(laplacian @ x, matrix @ x, rtol=0, atol=1e-9)
    torch.testing.assert_close(laplacian @ x[:, 0], matrix @ x[:, 0], rtol=0, atol=1e-9)
    torch.testing.assert_close((laplacian @ x.T.reshape(2, *size)).flatten(1).T, matrix @ x, rtol=0, atol=1e-9)
    assert float(laplacian.energy(x)) == pytest.approx(float((x * (matrix @ x)).sum()), abs=1e-9)


def test_scipy_takes_it_as_an_operator() -> None:
    image = smooth_picture(10, 11, DOUBLE)
    matrix, laplacian = dense(image, 1e-3).numpy(), MattingLaplacian(image.numpy(), 1e-3)
    shift = scipy.sparse.diags_array(np.full(110, 0.5))
    system = laplacian.as_scipy() + scipy.sparse.linalg.aslinearoperator(shift)
    right = np.random.default_rng(0).random(110)
    x, failed = scipy.sparse.linalg.cg(system, right, rtol=1e-10)
    assert not failed
    np.testing.assert_allclose(x, np.linalg.solve(matrix + 0.5 * np.eye(110), right), atol=1e-8)
    largest = scipy.sparse.linalg.eigsh(laplacian, k=1, return_eigenvectors=False)  # itself, not wrapped
    assert float(largest[0]) == pytest.approx(np.linalg.eigvalsh(matrix)[-1], rel=1e-8)
    assert (laplacian.shape, laplacian.dtype) == ((110, 110), np.dtype(np.float64))


def test_float32_vectors_come_back_in_float32_and_have_gradients() -> None:
    laplacian = MattingLaplacian(smooth_picture(7, 8))
    x = torch.rand(56, requires_grad=True)
    (gradient,) = torch.autograd.grad(laplacian.energy(x), x)
    assert gradient.dtype == torch.float32
    torch.testing.assert_close(gradient, 2 * (laplacian @ x).detach())


SIZES = [(9, 13), (70, 90), (131, 20)]  # within a tile, beyond one, several in one direction


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("method", ["jacobi", "affine"])
@pytest.mark.parametrize("known", [False, True], ids=["all free", "some known"])
def test_solves_what_a_sparse_factorisation_solves(size: tuple[int, int], method: str, known: bool) -> None:
    image = smooth_picture(*size, DOUBLE)
    laplacian = MattingLaplacian(image, 1e-5)
    weights, right = torch.rand(2, *size, dtype=DOUBLE) + 0.01
    held = torch.rand(size) < 0.3 if known else torch.zeros(size, dtype=torch.bool)
    x = laplacian.solve(right, weights, known=held, preconditioner=method, tolerance=1e-10)
    matrix = laplacian.to_sparse() + scipy.sparse.diags_array(weights.flatten().numpy())
    hold = scipy.sparse.diags_array(held.flatten().numpy().astype(float))
    keep = scipy.sparse.eye_array(held.numel()) - hold
    truth = scipy.sparse.linalg.spsolve((keep @ matrix + hold).tocsc(), right.flatten().numpy())
    np.testing.assert_allclose(x.flatten().numpy(), truth, atol=1e-7)


def test_propagation_is_that_of_fastphotostyle() -> None:
    image = smooth_picture(12, 17, DOUBLE)
    y = torch.rand(3, 12, 17, dtype=DOUBLE)
    strength, matrix = 0.99, dense(image).numpy()
    counts = np.convolve(np.ones(10), np.ones(3))[:, None] * np.convolve(np.ones(15), np.ones(3))
    affinity = np.diag(counts.ravel()) - matrix
    np.testing.assert_allclose(affinity.sum(1), counts.ravel(), atol=1e-9)
    root = np.diag(counts.ravel() ** -0.5)
    truth = np.linalg.solve(np.eye(204) - strength * root @ affinity @ root, (1 - strength) * y.flatten(1).T.numpy())
    laplacian = MattingLaplacian(image)
    x = laplacian.propagate(y, strength, tolerance=1e-10)
    np.testing.assert_allclose(x.flatten(1).T.numpy(), truth, atol=1e-8)
    started = laplacian.propagate(y, strength, tolerance=1e-10, start=x, steps=1)  # is there already: no warning
    torch.testing.assert_close(started, x, rtol=0, atol=1e-7)


def _trimap(height: int, width: int) -> Tensor:
    y, x = torch.meshgrid(torch.linspace(-1, 1, height), torch.linspace(-1, 1, width), indexing="ij")
    distance = (x.square() + y.square()).sqrt()
    return torch.where(distance < 0.5, 1.0, torch.where(distance > 0.8, 0.0, 0.5)).double()


@pytest.mark.parametrize("method", ["jacobi", "affine"])
def test_mattes_are_those_of_pymatting(method: str) -> None:
    pymatting = need("pymatting")
    image, trimap = smooth_picture(72, 95, DOUBLE), _trimap(72, 95)
    theirs = pymatting.estimate_alpha_cf(image.permute(1, 2, 0).numpy(), trimap.numpy())
    ours = MattingLaplacian(image.float()).matte(trimap, preconditioner=method)
    assert np.abs(ours.numpy() - theirs).max() <= 1e-3
    soft = MattingLaplacian(image).matte(trimap, weight=1e5, preconditioner=method, tolerance=1e-9)
    assert np.abs(soft.numpy() - theirs).max() <= 1e-3


def test_known_everywhere_and_nothing_to_do() -> None:
    image = smooth_picture(6, 7)
    b = torch.rand(2, 6, 7)
    assert torch.equal(MattingLaplacian(image).solve(b, known=torch.ones(6, 7, dtype=torch.bool)), b)
    assert not MattingLaplacian(image).solve(torch.zeros(6, 7), 1.0).any()


def test_says_when_it_did_not_converge() -> None:
    image = smooth_picture(20, 30)
    with pytest.warns(RuntimeWarning, match="stopped after 3 iterations at a relative residual"):
        MattingLaplacian(image).solve(torch.rand(20, 30), 1e-3, steps=3)


def test_pictures_without_pixels_or_channels() -> None:
    empty = MattingLaplacian(torch.rand(3, 0, 4))
    assert (empty @ torch.rand(0)).shape == (0,)
    assert (empty @ torch.rand(0, 2)).shape == (0, 2)
    assert empty.solve(torch.rand(2, 0, 4), 1.0).shape == (2, 0, 4)
    assert empty.diagonal().shape == (0,)
    assert not float(empty.energy(torch.rand(2, 0, 4)))
    assert MattingLaplacian(torch.rand(3, 5, 4)).solve(torch.rand(0, 5, 4), 1.0).shape == (0, 5, 4)


def test_weights_may_be_any_number_and_any_layout() -> None:
    image, right = smooth_picture(9, 11), torch.rand(9, 11)
    laplacian = MattingLaplacian(image)
    expected = laplacian.solve(right, 0.5)
    assert torch.equal(laplacian.solve(right, np.float32(0.5)), expected)
    assert torch.equal(laplacian.solve(right.flatten()[:, None], torch.full((99,), 0.5))[:, 0], expected.flatten())
    strided = torch.rand(9, 22)[:, ::2]
    same = laplacian.solve(strided.contiguous(), 0.5)
    assert torch.equal(laplacian.solve(strided, 0.5), same)
    assert np.array_equal(MattingLaplacian(np.asfortranarray(image)).solve(right.numpy(), 0.5), expected.numpy())


def test_autocast_changes_nothing() -> None:
    image, right = smooth_picture(40, 50), torch.rand(40, 50)
    expected = MattingLaplacian(image).solve(right, 1e-3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(MattingLaplacian(image).solve(right, 1e-3), expected)


def test_solve_has_no_gradient_and_says_so() -> None:
    laplacian = MattingLaplacian(IMAGE)
    with pytest.raises(NotImplementedError, match="`solve` has no gradient"):
        laplacian.propagate(IMAGE.clone().requires_grad_())
    with torch.no_grad():
        assert not laplacian.propagate(IMAGE.clone().requires_grad_()).requires_grad


IMAGE = torch.rand(3, 5, 6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: MattingLaplacian(IMAGE[:1]), r"`image` must have shape \(3, H, W\), got \(1, 5, 6\)"),
        (lambda: MattingLaplacian(IMAGE.half()), "`image` must be float32 or float64, got float16"),
        (lambda: MattingLaplacian(IMAGE, eps=0), "`eps` must be finite"),
        (lambda: MattingLaplacian(IMAGE, radius=0), "`radius` must be an integer"),
        (
            lambda: MattingLaplacian(IMAGE) @ torch.rand(29),
            r"`x` must have shape \(30,\), \(30, C\) or \(\.\.\., 5, 6\)",
        ),
        (lambda: MattingLaplacian(IMAGE) @ "x", "`x` must be a torch.Tensor or an array"),
        (lambda: MattingLaplacian(IMAGE).solve(IMAGE), "L alone determines no x"),
        (lambda: MattingLaplacian(IMAGE).solve(IMAGE, -1.0), "`weights` must be finite and not negative"),
        (lambda: MattingLaplacian(IMAGE).solve(IMAGE, IMAGE), r"`weights` must have shape \(30,\) or \(5, 6\)"),
        (lambda: MattingLaplacian(IMAGE).solve(IMAGE, 1.0, preconditioner="ilu"), "must be one of jacobi, affine"),
        (lambda: MattingLaplacian(IMAGE).solve(IMAGE, 1.0, start=IMAGE[:1]), "`start` must have the shape of `b`"),
        (lambda: MattingLaplacian(IMAGE).matte(IMAGE[0, :4]), r"`trimap` must have shape \(5, 6\), got \(4, 6\)"),
        (lambda: MattingLaplacian(IMAGE).matte(torch.full((5, 6), 0.5)), "`trimap` must mark some pixels"),
        (lambda: MattingLaplacian(IMAGE) @ IMAGE.to(torch.complex64), "`x` must be real, got complex64"),
        (lambda: MattingLaplacian(IMAGE) @ IMAGE.to("meta"), "`x` must be on image's device cpu, got meta"),
        (lambda: MattingLaplacian(IMAGE).solve(IMAGE / 0, 1.0), "`b` must be finite"),
        (lambda: MattingLaplacian(IMAGE / 0).solve(IMAGE, 1.0), "`image` must be finite"),
        (lambda: MattingLaplacian(IMAGE).solve(IMAGE, 1.0, steps=-1), "`steps` must be an integer from 0"),
        (lambda: MattingLaplacian(IMAGE).solve(IMAGE, 1.0, tolerance="x"), "`tolerance` must be finite"),
        (lambda: MattingLaplacian(IMAGE).solve(IMAGE, known=IMAGE[0]), "`known` must be bool, got float32"),
        (lambda: MattingLaplacian(IMAGE).matte(IMAGE[0] * 255), r"`trimap` must be in \[0, 1\], got"),
        (lambda: MattingLaplacian(IMAGE).matte(IMAGE[0] / 0), r"`trimap` must be in \[0, 1\], got"),
        (lambda: MattingLaplacian(IMAGE).propagate(IMAGE, "0.9"), "`strength` must be between 0 and 1"),
        (lambda: MattingLaplacian(IMAGE).propagate(IMAGE, 1.0), "`strength` must be between 0 and 1"),
        (lambda: MattingLaplacian(IMAGE, radius=3).propagate(IMAGE), "at least one window in size"),
    ],
)
def test_arguments_are_checked(call: Any, message: str) -> None:
    with warnings.catch_warnings(), pytest.raises(PhotostyleError, match=message):
        call()
