"""A metric of photorealism: how far the output is, locally, from an affine function of the content's colours."""

from __future__ import annotations

from torch import Tensor

from .. import ops
from .luma import check_pair


def matting_energy_per_pixel(content: Tensor, output: Tensor) -> float | None:
    """The matting energy of the output under the content's Matting Laplacian, divided by the number of pixels.

    It is the sum over channels of x^T L x, with windows of 3 x 3 pixels and eps = 1e-7, divided by H W. Only adding a
    constant leaves it unchanged. It is close to zero (of the order of eps) if the output is affine in the content's
    colours.

    Args:
        content, output: (3, H, W) float32, RGB in [0, 1], on one device.

    Returns:
        At least 0 (perfect), in squared units of RGB. None if no window fits into the picture.

    Raises:
        PhotostyleError: the shapes differ, or a value is not finite.

    Source: Levin, Lischinski, Weiss 2008; used to measure photorealism by Luan et al. 2017, eq. 4.
    """
    check_pair(content, output)
    height, width = content.shape[-2:]
    if min(height, width) < 3:
        return None
    return float(ops.matting_energy(output, content)) / (height * width)
