"""The entries of the Matting Laplacian as a sparse matrix has them, found by products alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor


def matrix_entries(
    product: Callable[[Tensor], Tensor], free: Tensor, radius: int
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Yield all entries of L restricted to the free pixels that are not zero, in (4 radius + 1)^2 parts.

    A product gives many columns at once, because pixels that are more than 4 radius apart have no row in common.

    Args:
        product: the map v -> L v for v of shape (1, n).
        free: (H, W), bool, with n true pixels; vectors hold them in row-major order.
        radius: windows have (2 radius + 1)^2 pixels.

    Yields:
        Rows and columns, int64, and values of entries, each (m,).
    """
    reach = 4 * radius + 1
    down, across = free.nonzero().unbind(1)
    number = torch.full(free.shape, -1, device=free.device)
    number[free] = torch.arange(len(down), device=free.device)
    number = torch.nn.functional.pad(number, [2 * radius] * 4, value=-1)
    for i in range(min(reach, free.shape[0])):
        for j in range(min(reach, free.shape[1])):
            probe = (down % reach == i) & (across % reach == j)
            values = product(probe[None].to(torch.float64))[0]
            # The one pixel of the probe within 2 radius of each pixel, if it is a free pixel of the image.
            source = number[_nearest(down, i, radius) + 2 * radius, _nearest(across, j, radius) + 2 * radius]
            rows = ((values != 0) & (source >= 0)).nonzero()[:, 0]
            yield rows, source[rows], values[rows]


def _nearest(at: Tensor, offset: int, radius: int) -> Tensor:
    """For each position, the one of offset + k (4 radius + 1), k any integer, that is within 2 radius of it."""
    return at + (offset - at + 2 * radius) % (4 * radius + 1) - 2 * radius
