"""Smoothing of a stylised image along the photo's affinities: FastPhotoStyle's second step at full resolution.

- solve = scipy.sparse.linalg.factorized(system)  # of I - b D^-1/2 W D^-1/2
- result = numpy.stack([solve(channel) for channel in (1 - b) * stylised])
+ result = MattingLaplacian(photo).propagate(stylised, b)
"""

from __future__ import annotations

import numpy as np
import pymatting
import scipy.sparse
import scipy.sparse.linalg
from _recipe import arguments, compare, photo

from photostyle_native import MattingLaplacian

STRENGTH = 0.9999


def before(image: np.ndarray, stylised: np.ndarray) -> np.ndarray:
    height, width, _ = image.shape
    laplacian = pymatting.cf_laplacian(image.astype(np.float64))
    rows, columns = (np.convolve(np.ones(size - 2), np.ones(3)) for size in (height, width))
    counts = (rows[:, None] * columns).ravel()  # the number of windows that contain each pixel
    scale = scipy.sparse.diags_array(counts**-0.5)
    affinity = scipy.sparse.diags_array(counts) - laplacian
    system = scipy.sparse.eye_array(height * width) - STRENGTH * (scale @ affinity @ scale)
    solve = scipy.sparse.linalg.factorized(system.tocsc())
    return np.stack([solve(channel.ravel().astype(np.float64)) * (1 - STRENGTH) for channel in stylised])


def after(image: np.ndarray, stylised: np.ndarray) -> np.ndarray:
    laplacian = MattingLaplacian(np.ascontiguousarray(image.transpose(2, 0, 1)))
    return laplacian.propagate(stylised, STRENGTH, tolerance=1e-4).reshape(3, -1)


def main(argv: list[str] | None = None) -> None:
    options = arguments(__doc__ or "", 400, argv)
    image = photo(options.width)
    grain = np.random.default_rng(0).normal(0, 0.1, image.shape).astype(np.float32)
    stylised = np.ascontiguousarray((image[..., ::-1] * 0.8 + grain).transpose(2, 0, 1))
    print(f"smoothing a stylised image, {options.width} x {len(image)}")
    compare(before, after, (image, stylised), 1e-3, options.quick)


if __name__ == "__main__":
    main()
