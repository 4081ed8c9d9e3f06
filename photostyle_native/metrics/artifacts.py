"""What no photo has, whatever its colours: halos along edges, noise where there was none. No reference is needed."""

from __future__ import annotations

import numpy as np
from scipy import ndimage  # type: ignore[import-untyped]
from torch import Tensor

from .luma import luma_pair

_STEP = 1 / 255  # of an 8-bit file: what is smaller cannot be told from rounding

_GRADIENT_SIGMA = 1.0
_STRONG_PERCENTILE = 90
_REACH = 4  # pixels from a strong edge within which a halo belongs to it
_AGREEMENT_SIGMA = 4.0

_NOISE_MASK = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float64)  # blind to planes; of white noise, 6 sigma
_NOISE_WINDOW = 7
_ROUNDING_VARIANCE = _STEP**2 / 12  # of an 8-bit file
_SLOPE_SIGMA = 2.0
_FLAT_SLOPE, _FLAT_NOISE = 2 * _STEP, 5 * _STEP
_FLAT_MARGIN = 11
_FLAT_SHARE = 0.01


def gradient_reversal(content: Tensor, output: Tensor) -> float | None:
    """Share of the content's strong edges, halo zone included, along which the output's gradient changes its mind.

    d is the output's derivative across the content's edges: its gradient along the content's, both of luma smoothed
    by 1 pixel. Around a point (Gaussian, 4 pixels) the content's gradient magnitude is weight for d > 0, or for
    d < 0; where |d| is below a step of an 8-bit file per pixel, for neither. The smaller of the two is reversed:
    an edge that is inverted as a whole (a skyline at night) is no artefact, overshoot and undershoot beside one
    are. Summed over pixels within 4 of an edge in the content's top tenth, and divided by all weight there.

    Invariant to Y' -> a Y' + b for any a but zero that keeps slopes above that step; a monotone curve changes little.

    Args:
        content, output: (3, H, W), RGB in [0, 1].

    Returns:
        From 0 (perfect) to 0.5; None if no content gradient reaches a step of an 8-bit file per pixel.

    Raises:
        PhotostyleError: the shapes differ, or a value is not finite.

    Source: opposite signs of gradients as the mark of halos: Bae, Paris, Durand: *Two-scale Tone Management for
    Photographic Look* (SIGGRAPH 2006); He, Sun, Tang: *Guided Image Filtering* (ECCV 2010). That signs need
    to agree only locally is ours.
    """
    content_gradient, output_gradient = (_gradient(plane) for plane in luma_pair(content, output))
    weight = np.hypot(*content_gradient)
    # The last digits shall not decide between equal slopes.
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
    """How many times stronger noise is in the output than in the content, where the content is flat.

    Local noise is the mean of |N * Y'| over 7 x 7 pixels, N Immerkaer's 3 x 3 mask that sees no plane, scaled to be
    the standard deviation of white noise. Flat is where the slope of luma smoothed by 2 pixels stays below 2/255 per
    pixel over 11 x 11 pixels, and local noise below 5/255. The gain is the geometric mean over flat pixels of the
    ratio of standard deviations, each with the rounding of an 8-bit file added, so that a place that is clean in
    both counts as 1 and a few wild pixels cannot rule.

    A change of contrast Y' -> a Y' + b changes it by |a|, hardly anything else in colour changes it.

    Args:
        content, output: (3, H, W), RGB in [0, 1].

    Returns:
        From 0 up; 1 is perfect, more is noise or texture, less is smoothing. None if less than 1 % of the
        content is flat.

    Raises:
        PhotostyleError: the shapes differ, or a value is not finite.

    Source: Immerkaer: *Fast Noise Variance Estimation* (CVIU 1996) for the estimate.
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
    """(2, H, W): derivatives down and across of the smoothed plane."""
    return np.stack([ndimage.gaussian_filter(plane, _GRADIENT_SIGMA, order=order) for order in ((1, 0), (0, 1))])


def _local_noise(plane: np.ndarray) -> np.ndarray:
    residual = np.abs(ndimage.convolve(plane, _NOISE_MASK))
    return ndimage.uniform_filter(residual, _NOISE_WINDOW) * (np.sqrt(np.pi / 2) / 6)
