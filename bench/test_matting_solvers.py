"""The two linear systems of the Matting Laplacian, solved by this package and by peers, at the same accuracy.

The systems are those of alpha matting and of propagation along the affinities of a photo. The peers hold the matrix:
pymatting with its preconditioners, and the sparse factorisation that FastPhotoStyle uses. `--sizes 870` is half a
megapixel, a realistic size, and takes minutes. examples/alpha_matting.py and examples/stylised_smoothing.py measure
memory too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pymatting
import pytest
import scipy.sparse
import scipy.sparse.linalg
from torch import Tensor

from photostyle_native import MattingLaplacian
from photostyle_native.benchmark.scenes import photo

STRENGTH, TOLERANCE = 0.9999, 1e-6
PROPAGATION = ["ours jacobi", "ours affine", "SciPy factorisation", "pymatting ichol", "pymatting V-cycle"]


@dataclass
class Scene:
    """A photo and the data of its two linear systems, computed once per size."""

    image: Tensor  # (3, H, W)

    def __post_init__(self) -> None:
        self.pixels = self.image.permute(1, 2, 0).double().numpy()
        height, width = self.size = self.pixels.shape[:2]
        y, x = np.mgrid[:height, :width]
        distance, band = y - 0.4 * height - 0.1 * x, height / 30  # a slanted boundary in an unknown band
        self.trimap = np.where(distance > band, 1.0, np.where(distance < -band, 0.0, 0.5))
        self.alpha = pymatting.estimate_alpha_cf(self.pixels, self.trimap)
        self.matrix, self.right = self._propagation()
        self.truth = self._factorised()

    def _propagation(self) -> tuple[scipy.sparse.csr_matrix, np.ndarray]:
        """The matrix I - b D^-1/2 W D^-1/2, (N, N), and the right side (1 - b) y, (3, N), for N pixels.

        b is `STRENGTH`, W the affinities, D their row sums, and y the photo with red and blue exchanged.
        """
        laplacian = pymatting.cf_laplacian(self.pixels)
        rows, columns = (np.convolve(np.ones(size - 2), np.ones(3)) for size in self.size)
        counts = (rows[:, None] * columns).ravel()
        scale = scipy.sparse.diags(counts**-0.5)
        affinity = scale @ (scipy.sparse.diags(counts) - laplacian) @ scale
        matrix = scipy.sparse.identity(len(counts)) - STRENGTH * affinity
        return matrix.tocsr(), (1 - STRENGTH) * self.image.flip(0).flatten(1).double().numpy()

    def _factorised(self) -> np.ndarray:
        solve = scipy.sparse.linalg.factorized(self.matrix.tocsc())
        return np.stack([solve(channel) for channel in self.right])

    def matte(self, how: str) -> np.ndarray:
        if how.startswith("ours"):
            return MattingLaplacian(self.image).matte(self.trimap, preconditioner=how[5:])
        precondition = pymatting.jacobi if "jacobi" in how else None
        return pymatting.estimate_alpha_cf(self.pixels, self.trimap, preconditioner=precondition)

    def propagate(self, how: str) -> np.ndarray:
        if how.startswith("ours"):
            laplacian, y = MattingLaplacian(self.image), self.image.flip(0)
            x = laplacian.propagate(y, STRENGTH, preconditioner=how[5:], tolerance=TOLERANCE)
            return x.flatten(1).numpy()
        if how.startswith("SciPy"):
            return self._factorised()
        if "ichol" in how:
            precondition = pymatting.ichol(self.matrix.tocsc())
        else:
            precondition = pymatting.vcycle(self.matrix, self.size)
        return np.stack([pymatting.cg(self.matrix, c, M=precondition, rtol=TOLERANCE) for c in self.right])


_SCENES: dict[int, Scene] = {}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    metafunc.parametrize("width", [int(part) for part in metafunc.config.getoption("sizes").split(",")])


@pytest.fixture
def scene(width: int) -> Scene:
    if width not in _SCENES:
        _SCENES[width] = Scene(photo(width))
    return _SCENES[width]


@pytest.mark.parametrize("how", ["ours jacobi", "ours affine", "pymatting ichol", "pymatting jacobi"])
def test_matting(benchmark: Any, how: str, width: int, scene: Scene) -> None:
    benchmark.group = f"alpha matting, width {width}"
    assert np.abs(scene.matte(how) - scene.alpha).max() <= 1e-3
    benchmark(scene.matte, how)


@pytest.mark.parametrize("how", PROPAGATION)
def test_propagation(benchmark: Any, how: str, width: int, scene: Scene) -> None:
    benchmark.group = f"propagation, width {width}"
    result = benchmark.pedantic(scene.propagate, (how,), rounds=1)
    assert np.abs(result - scene.truth).max() <= 1e-4
