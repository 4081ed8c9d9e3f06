"""The diagonal of the Matting Laplacian, and the number of windows over each pixel."""

from __future__ import annotations

import torch
from torch import Tensor

_PIXELS = 1 << 18  # the number of pixels that are computed together, in about 60 MB of memory


def diagonal(images: Tensor, eps: float, radius: int) -> Tensor:
    """The entries L_pp, (B, H, W), of the Laplacians of guide images (B, 3, H, W).

    They are computed in float64 and returned in the precision of the images. Every window over p, with mean mu and n
    pixels, adds 1 - 1/n - (I_p - mu)^T C^-1 (I_p - mu), where C is the sum (not the mean) of the products
    (I_q - mu) (I_q - mu)^T over the window's pixels q, plus eps times the identity (Levin et al. 2008, eq. 5).
    """
    count, _, height, width = images.shape
    span = 2 * radius + 1
    out = images.new_zeros(count, height, width, dtype=torch.float64)
    if min(height, width) < span:
        return out.to(images.dtype)
    rows = max(1, _PIXELS // width)
    together = max(1, _PIXELS // (height * width))
    for first in range(0, count, together):
        some = slice(first, first + together)
        for top in range(0, height - span + 1, rows):
            part = slice(top, top + rows + span - 1)  # the pixels under the windows that start in `rows` rows
            _add(out[some, part], images[some, :, part].double(), eps, span)
    return out.clamp(min=0).to(images.dtype)


def _add(out: Tensor, images: Tensor, eps: float, span: int) -> None:
    """Add the windows inside `images` (b, 3, h, w) to `out` (b, h, w)."""
    down, across = (size - span + 1 for size in out.shape[-2:])
    n = span * span
    places = [(..., slice(i, i + down), slice(j, j + across)) for i in range(span) for j in range(span)]
    mean = torch.zeros_like(images[places[0]])
    for place in places:
        mean += images[place]
    mean /= n
    pairs = [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)]
    sums = [torch.zeros_like(mean[:, 0]) for _ in pairs]
    for place in places:
        centred = (images[place] - mean).unbind(1)
        for total, (a, b) in zip(sums, pairs, strict=True):
            total.addcmul_(centred[a], centred[b])
    # C = U^T diag(d) U with a unit upper triangular U, so g^T C^-1 g is a sum of squares, each divided by its d.
    d0, c01, c02, d1, c12, d2 = sums
    d0 = d0 + eps
    u01, u02 = c01 / d0, c02 / d0
    d1 = d1 + eps - u01 * c01
    u12 = (c12 - u01 * c02) / d1
    d2 = d2 + eps - u02 * c02 - u12 * u12 * d1
    for place in places:
        y0, y1, y2 = (images[place] - mean).unbind(1)
        y1.addcmul_(u01, y0, value=-1)
        y2.addcmul_(u02, y0, value=-1).addcmul_(u12, y1, value=-1)
        out[place] += (1 - 1 / n) - (y0.square() / d0 + y1.square() / d1 + y2.square() / d2)


def windows_over(size: tuple[int, int], radius: int, like: Tensor) -> Tensor:
    """The number of windows inside the image that cover each pixel, (H, W), with type and device of `like`.

    These are the row sums of the affinity matrix W = D - L, the diagonal of D.
    """

    def along(length: int) -> Tensor:
        at = torch.arange(length, dtype=like.dtype, device=like.device)
        first, last = (at - radius).clamp(min=radius), (at + radius).clamp(max=length - 1 - radius)
        return (last - first + 1).clamp(min=0)

    return along(size[0])[:, None] * along(size[1])
