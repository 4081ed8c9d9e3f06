"""Metrics of structure: SSIM of luma and of edge maps, which compare the output with the content."""

from __future__ import annotations

import numpy as np
from scipy import ndimage  # type: ignore[import-untyped]
from skimage.metrics import structural_similarity
from torch import Tensor

from .luma import luma, luma_pair

_SIGMA, _WINDOW = 1.5, 11  # Wang et al. 2004: Gaussian weights, sigma 1.5 pixels, in windows of 11 x 11 pixels
_EDGE_SIGMA = 1.0
_EDGE_PERCENTILE = 99
_STEP = 1 / 255  # one step of an 8-bit file


def ssim(content: Tensor, output: Tensor) -> float | None:
    """The mean structural similarity of the luma of two pictures.

    It ignores every change that keeps luma. A change of contrast and brightness, Y' -> a Y' + b with a > 0, leaves
    only its structure factor at 1; the factors of brightness and contrast fall below 1. A warp lowers it.

    Args:
        content, output: (3, H, W), RGB in [0, 1].

    Returns:
        From -1 to 1 (perfect: equal luma); None if a side is shorter than the window of 11 pixels.

    Raises:
        PhotostyleError: the shapes differ, or a value is not finite.

    Source: Wang, Bovik, Sheikh, Simoncelli: *Image Quality Assessment: From Error Visibility to Structural
    Similarity* (IEEE TIP 2004), with its constants, as scikit-image computes it.
    """
    return _ssim(*luma_pair(content, output))


def edge_ssim(content: Tensor, output: Tensor) -> float | None:
    """The mean structural similarity of the edge maps of two pictures.

    It does not change under Y' -> a Y' + b for any nonzero a, so the sign of an edge does not matter, as long as
    edges stay steeper than one step of an 8-bit file per pixel. A warp lowers it, and so does added texture.

    Args:
        content, output: (3, H, W), RGB in [0, 1].

    Returns:
        From -1 to 1 (perfect: equal edge maps); None if a side is shorter than the window of 11 pixels.

    Raises:
        PhotostyleError: the shapes differ, or a value is not finite.

    Source: Yoo, Uh, Chun, Kang, Ha: *Photorealistic Style Transfer via Wavelet Transforms* (ICCV 2019) compare the
    responses of the learned detector HED (Xie, Tu 2015) in this way. The edge map here is `edge_strength`, which
    knows no objects. Fine texture weighs more in it than in HED, so values cannot be compared with those of that
    paper.
    """
    pair = luma_pair(content, output)
    return _ssim(*(_edge_strength(plane) for plane in pair))


def edge_strength(image: Tensor) -> np.ndarray:
    """The gradient magnitude of luma, as in Canny's detector, relative to the strongest edges of the picture.

    Luma is smoothed by a Gaussian of 1 pixel. The magnitude of its gradient is divided by its own 99th percentile, or
    by one step of an 8-bit file per pixel if that is more, and cut off at 1.

    Args:
        image: (3, H, W), RGB in [0, 1]; this is not checked.

    Returns:
        (H, W), a float64 array with values in [0, 1].

    Source: Canny: *A Computational Approach to Edge Detection* (PAMI 1986), before thinning and thresholds.
    """
    return _edge_strength(luma(image))


def _edge_strength(plane: np.ndarray) -> np.ndarray:
    magnitude = ndimage.gaussian_gradient_magnitude(plane, _EDGE_SIGMA)
    return np.minimum(magnitude / max(float(np.percentile(magnitude, _EDGE_PERCENTILE)), _STEP), 1)


def _ssim(one: np.ndarray, other: np.ndarray) -> float | None:
    if min(one.shape) < _WINDOW:
        return None
    return float(
        structural_similarity(
            one, other, data_range=1.0, gaussian_weights=True, sigma=_SIGMA, use_sample_covariance=False
        )
    )
