"""Metrics of what a transfer invented: structure in the output that the content photo does not have.

Stains in skies, clouds that were not there, painted leaves, halos. The two metrics are of different kinds: one asks
what no smooth map of the content's colours can make, the other compares gradients at four scales.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy import ndimage  # type: ignore[import-untyped]
from torch import Tensor

from .. import ops
from .luma import check_pair

_STEP = 1 / 255
_REACH = 1 / 16  # radius of the windows in which a map of colours is affine, as a share of the longer side
_RIDGE = (2.5 * _STEP) ** 2  # the variance of content that is too faint to be the reason of anything
_SCALES = (1 / 350, 2 / 350, 4 / 350, 8 / 350)  # of gradients, as shares of the longer side
_GAIN = 2.0  # by which an edge of the content may grow


def invented_map(content: Tensor, output: Tensor) -> Tensor:
    """The part of the output that is no locally affine function of the content's colours: output minus its best fit.

    The fit is the guided filter of the output with the content as its guide, windows of a sixteenth of the longer
    side in radius and a ridge of (2.5/255)^2.

    Args:
        content, output: (3, H, W) float32, RGB in [0, 1], on one device.

    Returns:
        (3, H, W), the residual. Added stains appear in it as they are; a recolouring that varies slowly does not.

    Raises:
        PhotostyleError: the shapes differ, or a value is not finite.

    Source: He, Sun, Tang: *Guided Image Filtering* (ECCV 2010); its residual is what the Matting Laplacian with large
    windows measures (Levin et al. 2008; He, Sun, Tang: *Fast Matting Using Large Kernel Matting Laplacian Matrices*,
    CVPR 2010).
    """
    check_pair(content, output)
    radius = max(1, round(_REACH * max(content.shape[-2:])))
    guide, image = content.detach().contiguous(), output.detach().contiguous()
    return image - ops.guided_filter(image, guide, radius=radius, eps=_RIDGE)


def invented_structure(content: Tensor, output: Tensor) -> float:
    """The root mean square of `invented_map`, in steps of an 8-bit file.

    A copy of the content, and its recolourings by affine maps that are the same everywhere or vary slowly from place
    to place, are near zero: about 1 for a copy, times the gain. It also counts what sharp borders of masks do to
    colours, and curves that are far from affine where the content has contrast.

    Args:
        content, output: (3, H, W) float32, RGB in [0, 1], on one device.

    Returns:
        At least 0 (perfect).

    Raises:
        PhotostyleError: the shapes differ, or a value is not finite.
    """
    (value,) = invented_structures(content, output, torch.ones_like(content[:1]))
    assert value is not None
    return value


def invented_structures(content: Tensor, output: Tensor, masks: Tensor) -> list[float | None]:
    """`invented_structure` under each of the content's masks, (K, H, W) and not negative; None for an empty mask."""
    square = invented_map(content, output).double().square().sum(0)
    weights = masks.to(square)
    return [float((square * w).sum().div(w.sum()).sqrt()) / _STEP if bool(w.any()) else None for w in weights]


def invented_edges(content: Tensor, output: Tensor) -> float:
    """The share of the output's gradients that the content does not have, on average over four scales.

    At a scale s (1, 2, 4 and 8 pixels at a longer side of 350) the gradient of a picture is that of its colours
    smoothed by a Gaussian of s pixels, of which the magnitude is taken over the three channels. Of the output's
    magnitude, what is above twice the largest of the content's within s pixels, and above one step of an 8-bit file
    per s pixels, is invented. The metric is the sum of this over the sum of the output's magnitudes.

    It is zero for a copy and for every recolouring with a gain of at most two, and near zero if that changes slowly
    from place to place. Unlike `invented_structure` it is blind to stains that lie on texture, and to broad ones.

    Args:
        content, output: (3, H, W), RGB in [0, 1].

    Returns:
        From 0 (perfect) to 1.

    Raises:
        PhotostyleError: the shapes differ, or a value is not finite.
    """
    check_pair(content, output)
    pictures = [image.detach().cpu().double().numpy() for image in (content, output)]
    shares = []
    for scale in _SCALES:
        sigma = scale * max(content.shape[-2:])
        before, after = (_gradient(picture, sigma) * sigma for picture in pictures)
        allowed = _GAIN * ndimage.maximum_filter(before, 2 * int(np.ceil(sigma)) + 1) + _STEP
        total = after.sum()
        shares.append(np.maximum(after - allowed, 0).sum() / total if total > 0 else 0.0)
    return float(np.mean(shares))


def _gradient(picture: np.ndarray, sigma: float) -> np.ndarray:
    """The magnitude of the gradient of a smoothed picture (3, H, W), over all channels, per pixel: (H, W)."""
    return np.sqrt(sum(ndimage.gaussian_gradient_magnitude(plane, sigma) ** 2 for plane in picture))
