"""Matting energy and gradient as a port without a matrix computes them: box filters and an explicit 3x3 inverse.

Source: He, Sun, Tang 2010. It needs float64: in float32 the second moments cancel wherever a window is nearly flat.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def _box(x: Tensor) -> Tensor:
    """Sum over each 3x3 window that lies inside the picture, (C, H, W) -> (C, H-2, W-2)."""
    return F.avg_pool2d(x[None], 3, 1, divisor_override=1)[0]


def _spread(x: Tensor) -> Tensor:
    """The adjoint of `_box`, (C, H-2, W-2) -> (C, H, W)."""
    return F.avg_pool2d(F.pad(x[None], (2, 2, 2, 2)), 3, 1, divisor_override=1)[0]


def energy_and_product(x: Tensor, image: Tensor, eps: float = 1e-7) -> tuple[Tensor, Tensor]:
    """x^T L x and L x, for x (C, H, W) and image (3, H, W)."""
    n = 9
    mean_i, mean_x = _box(image) / n, _box(x) / n
    i0, i1, i2 = image
    m0, m1, m2 = mean_i
    second = _box(torch.stack([i0 * i0, i0 * i1, i0 * i2, i1 * i1, i1 * i2, i2 * i2])) / n
    a = second[0] - m0 * m0 + eps / n
    b = second[1] - m0 * m1
    c = second[2] - m0 * m2
    d = second[3] - m1 * m1 + eps / n
    e = second[4] - m1 * m2
    f = second[5] - m2 * m2 + eps / n
    inverse = [d * f - e * e, c * e - b * f, b * e - c * d, a * f - c * c, b * c - a * e, a * d - b * b]
    determinant = a * inverse[0] + b * inverse[1] + c * inverse[2]
    p00, p01, p02, p11, p12, p22 = (v / determinant for v in inverse)
    products = []
    for channel, mean in zip(x, mean_x, strict=True):
        cross = _box(image * channel) / n - mean_i * mean
        k0, k1, k2 = cross
        slope = torch.stack(
            [p00 * k0 + p01 * k1 + p02 * k2, p01 * k0 + p11 * k1 + p12 * k2, p02 * k0 + p12 * k1 + p22 * k2]
        )
        offset = mean - (slope * mean_i).sum(0)
        gathered = _spread(torch.cat([slope, offset[None], torch.ones_like(offset)[None]]))
        products.append(gathered[4] * channel - (gathered[:3] * image).sum(0) - gathered[3])
    product = torch.stack(products)
    return (x * product).sum(), product
