"""Whether the output is locally an affine function of the content's colours."""

from __future__ import annotations

from torch import Tensor

from .. import ops
from .luma import check_pair


def matting_energy_per_pixel(content: Tensor, output: Tensor) -> float | None:
    """Matting energy of the output under the content's Matting Laplacian, divided by the number of pixels.

    The sum over channels of x^T L x, with windows of 3 x 3 and eps = 1e-7, over H W. Invariant to nothing but a
    constant; an output that is affine in the content's colours costs next to nothing (of the order of eps).

    Args:
        content, output: (3, H, W) float32, RGB in [0, 1], on one device.

    Returns:
        From 0 (perfect) up, in squared units of RGB. None if no window fits.

    Raises:
        PhotostyleError: the shapes differ, or a value is not finite.

    Source: Levin, Lischinski, Weiss 2008; as a measure of photorealism Luan et al. 2017, eq. 4.
    """
    check_pair(content, output)
    height, width = content.shape[-2:]
    if min(height, width) < 3:
        return None
    return float(ops.matting_energy(output, content)) / (height * width)
