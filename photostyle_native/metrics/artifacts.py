"""Metrics of artefacts that a transfer adds to a photo: halos along edges, and noise in places that had none."""

from __future__ import annotations

import numpy as np
from scipy import ndimage  # type: ignore[import-untyped]
from torch import Tensor

from .luma import luma_pair

_STEP = 1 / 255  # one step of an 8-bit file; a smaller difference cannot be told from rounding

_GRADIENT_SIGMA = 1.0
_STRONG_PERCENTILE = 90
_REACH = 4  # pixels from a strong edge within which a halo belongs to it
_AGREEMENT_SIGMA = 4.0

_NOISE_MASK = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float64)  # zero on any plane; 6 sigma on white noise
_NOISE_WINDOW = 7
_ROUNDING_VARIANCE = _STEP**2 / 12  # variance of the rounding in an 8-bit file
_SLOPE_SIGMA = 2.0
_FLAT_SLOPE, _FLAT_NOISE = 2 * _STEP, 5 * _STEP
_FLAT_MARGIN = 11
_FLAT_SHARE = 0.01


def gradient_reversal(content: Tensor, output: Tensor) -> float | None:
    """The share of the content's strong edges, with the zone around them, where the output's gradient is reversed.

    Both gradients are those of luma smoothed by 1 pixel. Let d be the component of the output's gradient in the
    direction of the content's. Pixels within 4 of an edge in the content's strongest tenth have the content's
    gradient magnitude as their weight. Around each of them (Gaussian, 4 pixels) the weights of pixels with d > 0 and
    with d < 0 are summed apart; pixels whose abs(d) is at most one step of an 8-bit file per pixel belong to neither.
    The smaller of the two sums counts as reversed. So an edge that is inverted as a whole (a skyline at night) is no
    artefact, but overshoot and undershoot beside an edge are. The metric is the reversed share of all weight.

    It does not change under Y' -> a Y' + b for a nonzero a that keeps slopes above that step, and changes little
    under a monotone curve.

    Args:
        content, output: (3, H, W), RGB in [0, 1].

    Returns:
        From 0 (perfect) to 0.5; None if no content gradient reaches one step of an 8-bit file per pixel.

    Raises:
        PhotostyleError: the shapes differ, or a value is not finite.

    Source: Bae, Paris, Durand: *Two-scale Tone Management for Photographic Look* (SIGGRAPH 2006) and He, Sun, Tang:
    *Guided Image Filtering* (ECCV 2010) recognise halos by opposite signs of gradients. This package adds that the
    signs need to agree only locally.
    """
    content_gradient, output_gradient = (_gradient(plane) for plane in luma_pair(content, output))
    weight = np.hypot(*content_gradient)
    # The factor below 1 makes rounding errors irrelevant where many slopes are equal.
    strong = weight >= max((1 - 1e-6) * float(np.percentile(weight, _STRONG_PERCENTILE)), _STEP)
    if not strong.any():
        return None
    near = ndimage.maximum_filter(strong, 2 * _REACH + 1)
    across = (content_gradient * output_gradient).sum(0) / np.maximum(weight, 1e-12)
    weight = np.where(near, weight, 0)
    with_it, against, whole = (
        ndimage.gaussian_filter(weight * chosen, _AGREEMENT_SIGMA)
        for chosen in (across > _STEP, across < -_STEP, np.ones_like(near))
    )
    return float(np.minimum(with_it, against)[near].sum() / whole[near].sum())


def noise_gain(content: Tensor, output: Tensor) -> float | None:
    """The noise of the output as a multiple of the content's, measured where the content is flat.

    Local noise is the mean of abs(N * Y') over 7 x 7 pixels, where N is Immerkaer's 3 x 3 filter, which is zero on
    any plane; it is scaled to be the standard deviation of white noise. The content is flat where the slope of luma
    smoothed by 2 pixels is at most 2/255 per pixel throughout 11 x 11 pixels, and local noise is at most 5/255. The
    gain is the geometric mean, over flat pixels, of the ratio of the two standard deviations; a few extreme pixels
    have little influence on it. The variance of the rounding in an 8-bit file is added to both variances, so that a
    place without noise in either picture counts as 1.

    A change of contrast Y' -> a Y' + b multiplies it by abs(a); other changes of colour hardly change it.

    Args:
        content, output: (3, H, W), RGB in [0, 1].

    Returns:
        At least 0. 1 is perfect, a larger value means added noise or texture, a smaller one smoothing. None if
        less than 1 % of the content is flat.

    Raises:
        PhotostyleError: the shapes differ, or a value is not finite.

    Source: the estimate of noise is that of Immerkaer: *Fast Noise Variance Estimation* (CVIU 1996).
    """
    content_luma, output_luma = luma_pair(content, output)
    before, after = _local_noise(content_luma), _local_noise(output_luma)
    slope = ndimage.maximum_filter(ndimage.gaussian_gradient_magnitude(content_luma, _SLOPE_SIGMA), _FLAT_MARGIN)
    flat = (slope <= _FLAT_SLOPE) & (before <= _FLAT_NOISE)
    if flat.mean() < _FLAT_SHARE:
        return None
    ratio = (after[flat] ** 2 + _ROUNDING_VARIANCE) / (before[flat] ** 2 + _ROUNDING_VARIANCE)
    return float(np.exp(0.5 * np.log(ratio).mean()))


def _gradient(plane: np.ndarray) -> np.ndarray:
    """The vertical and the horizontal derivative of the smoothed plane, (2, H, W)."""
    return np.stack([ndimage.gaussian_filter(plane, _GRADIENT_SIGMA, order=order) for order in ((1, 0), (0, 1))])


def _local_noise(plane: np.ndarray) -> np.ndarray:
    residual = np.abs(ndimage.convolve(plane, _NOISE_MASK))
    return ndimage.uniform_filter(residual, _NOISE_WINDOW) * (np.sqrt(np.pi / 2) / 6)
