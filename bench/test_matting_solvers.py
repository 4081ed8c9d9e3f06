"""The two linear systems of the Matting Laplacian, ours and those who hold the matrix, at the same accuracy.

They are pymatting's preconditioners, and the sparse factorisation of FastPhotoStyle. Small by default, so that
checking is quick; with SOLVER_WIDTH=870 in the environment it is half a megapixel, where it counts (minutes).
`examples/alpha_matting.py` and `examples/stylised_smoothing.py` measure memory too.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pymatting
import pytest
import scipy.sparse
import scipy.sparse.linalg
import torch
from conftest import photo

from photostyle_native import MattingLaplacian

WIDTH = int(os.environ.get("SOLVER_WIDTH", "96"))
HEIGHT = round(WIDTH * 0.75)
SIZE = f"{WIDTH}x{HEIGHT}"
STRENGTH, TOLERANCE = 0.9999, 1e-6


@pytest.fixture(scope="module")
def image() -> torch.Tensor:
    return photo(WIDTH)


@pytest.fixture(scope="module")
def trimap() -> np.ndarray:
    """A slanted boundary with a band of a thirtieth of the height on either side."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    distance, band = y - 0.4 * HEIGHT - 0.1 * x, HEIGHT / 30
    return np.where(distance > band, 1.0, np.where(distance < -band, 0.0, 0.5))


@pytest.mark.benchmark(group=f"closed-form alpha matting {SIZE}", min_rounds=3)
@pytest.mark.parametrize("how", ["ours jacobi", "ours affine", "pymatting ichol", "pymatting jacobi"])
def test_matting(benchmark: Any, how: str, image: torch.Tensor, trimap: np.ndarray) -> None:
    pixels = image.permute(1, 2, 0).double().numpy()

    def matte() -> np.ndarray:
        if how.startswith("ours"):
            return MattingLaplacian(image).matte(trimap, preconditioner=how[5:])
        precondition = pymatting.jacobi if "jacobi" in how else None
        return pymatting.estimate_alpha_cf(pixels, trimap, preconditioner=precondition)

    assert np.abs(matte() - pymatting.estimate_alpha_cf(pixels, trimap)).max() <= 1e-3
    benchmark(matte)


@pytest.fixture(scope="module")
def system(image: torch.Tensor) -> tuple[scipy.sparse.csr_matrix, np.ndarray]:
    """I - b D^-1/2 W D^-1/2, and (1 - b) y for the three channels of a picture."""
    laplacian = pymatting.cf_laplacian(image.permute(1, 2, 0).double().numpy())
    rows, columns = (np.convolve(np.ones(size - 2), np.ones(3)) for size in (HEIGHT, WIDTH))
    counts = (rows[:, None] * columns).ravel()
    scale = scipy.sparse.diags(counts**-0.5)
    affinity = scale @ (scipy.sparse.diags(counts) - laplacian) @ scale
    matrix = scipy.sparse.identity(len(counts)) - STRENGTH * affinity
    return matrix.tocsr(), (1 - STRENGTH) * image.flip(0).flatten(1).double().numpy()


@pytest.fixture(scope="module")
def truth(system: tuple[scipy.sparse.csr_matrix, np.ndarray]) -> np.ndarray:
    matrix, right = system
    solve = scipy.sparse.linalg.factorized(matrix.tocsc())
    return np.stack([solve(channel) for channel in right])


@pytest.mark.benchmark(group=f"propagation {SIZE}x3")
@pytest.mark.parametrize(
    "how", ["ours jacobi", "ours affine", "SciPy factorisation", "pymatting ichol", "pymatting V-cycle"]
)
def test_propagation(
    benchmark: Any,
    how: str,
    image: torch.Tensor,
    system: tuple[scipy.sparse.csr_matrix, np.ndarray],
    truth: np.ndarray,
) -> None:
    matrix, right = system

    def propagate() -> np.ndarray:
        if how.startswith("ours"):
            x = MattingLaplacian(image).propagate(
                image.flip(0), STRENGTH, preconditioner=how[5:], tolerance=TOLERANCE
            )
            return x.flatten(1).numpy()
        if how.startswith("SciPy"):
            solve = scipy.sparse.linalg.factorized(matrix.tocsc())
            return np.stack([solve(channel) for channel in right])
        if "ichol" in how:
            precondition = pymatting.ichol(matrix.tocsc())
        else:
            precondition = pymatting.vcycle(matrix, (HEIGHT, WIDTH))
        return np.stack([pymatting.cg(matrix, channel, M=precondition, rtol=TOLERANCE) for channel in right])

    assert np.abs(propagate() - truth).max() <= 1e-4
    benchmark.pedantic(propagate, rounds=3 if WIDTH < 200 else 1)
