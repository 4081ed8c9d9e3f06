"""Reinhard's colour transfer, label by label: mean and spread of three channels that hardly depend on each other.

E. Reinhard, M. Ashikhmin, B. Gooch, P. Shirley: *Color Transfer between Images* (IEEE Computer Graphics and
Applications 21(5), 2001).
"""

from __future__ import annotations

import torch
from torch import Tensor

from .linear import AffineMap, Statistics, check_masked_photos, move_by_label

# RGB to the responses of the eye's cones, as in the paper (eq. 4).
_TO_LMS = ((0.3811, 0.5783, 0.0402), (0.1967, 0.7244, 0.0782), (0.0241, 0.1288, 0.8444))
# Logarithms of LMS to l, alpha, beta: lightness, yellow to blue, red to green (eq. 6).
_TO_OPPONENTS = tuple(
    tuple(value / root for value in row)
    for row, root in (((1, 1, 1), 3**0.5), ((1, 1, -2), 6**0.5), ((1, -1, 0), 2**0.5))
)
_DARKEST = 1 / 255  # cone responses below count as this; a logarithm would spread the noise of black over everything
_MAX_GAIN = 5.0  # as for `masked_mk_transfer`: no channel's noise is stretched further
_NOISE = 1e-5  # a variance added to both photos' channels; that of a photo's noise, in logarithms
_FEATHER = 0.03


def masked_reinhard(content: Tensor, style: Tensor, content_masks: Tensor, style_masks: Tensor) -> Tensor:
    """Give each label of the content photo the means and standard deviations of the same label in the style photo.

    They are those of Ruderman's channels l, alpha and beta, of the encoded values, as in the paper. The maps of
    neighbouring labels are blended as by `masked_mk_transfer`.

    Args:
        content, style: (3, H, W) and (3, H', W'), RGB in [0, 1], float32.
        content_masks, style_masks: (K, H, W) and (K, H', W'), non-negative; soft values allowed.

    Returns:
        (3, H, W), float32 in [0, 1].

    Raises:
        PhotostyleError: the shapes do not agree, or a mask is negative.

    Source: Reinhard et al. 2001, eqs. 4 to 11.
    """
    check_masked_photos(content, style, content_masks, style_masks)
    pixels, style_pixels = (_opponents(image) for image in (content, style))
    moved = move_by_label(pixels, style_pixels, content, content_masks, style_masks, _scale_and_shift, _FEATHER)
    return _rgb(moved).clamp_(0, 1).float().view(content.shape)


def _scale_and_shift(content: Statistics, style: Statistics) -> AffineMap:
    (mean_c, cov_c), (mean_s, cov_s) = content, style
    gains = ((cov_s.diagonal() + _NOISE) / (cov_c.diagonal() + _NOISE)).sqrt().clamp(max=_MAX_GAIN)
    return gains.diag(), mean_s - gains * mean_c


def _opponents(image: Tensor) -> Tensor:
    """The channels l, alpha, beta of RGB (3, H, W), as (3, H W) float64."""
    pixels = image.detach().double().flatten(1)
    cones = (pixels.new_tensor(_TO_LMS) @ pixels).clamp_min(_DARKEST)
    return pixels.new_tensor(_TO_OPPONENTS) @ cones.log10()


def _rgb(opponents: Tensor) -> Tensor:
    cones = 10 ** torch.linalg.solve(opponents.new_tensor(_TO_OPPONENTS), opponents)
    return torch.linalg.solve(opponents.new_tensor(_TO_LMS), cones)
