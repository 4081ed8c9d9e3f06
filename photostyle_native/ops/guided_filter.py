"""Colour guided filter.

He, Sun, Tang: *Guided Image Filtering* (ECCV 2010). Its kernel is that of the Matting Laplacian with a different last
step; ``csrc/matting_laplacian/params.h`` states what it computes.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..reference import guided_filter as reference
from . import _backend
from .checks import wants_derivative
from .matting_laplacian import GUIDED, as_float, check, like_x, run

_backend.LIBRARY.define("guided_filter(Tensor x, Tensor image, float eps, int radius) -> Tensor")


def _guided(x: Tensor, image: Tensor, eps: float, radius: int) -> Tensor:
    out = torch.empty_like(x, memory_format=torch.contiguous_format)
    run(x, image, eps, radius, GUIDED, out, None)
    return out


def _reference_guided(x: Tensor, image: Tensor, eps: float, radius: int) -> Tensor:
    return reference.guided_filter(x, as_float(image, x), eps, radius)


_backend.register("guided_filter", _guided, _reference_guided, like_x)


def guided_filter(x: Tensor, image: Tensor, *, eps: float = 1e-2, radius: int = 8) -> Tensor:
    """Colour guided filter of x: edges of `image` are kept, the rest is smoothed.

    Args:
        x: values of shape (..., C, H, W), float32 or float64.
        image: guide colours, as for `matting_laplacian`.
        eps: regularisation of the windows' covariance S + eps, in squared units of `image`; from 1e-12 to 1e30.
        radius: windows have (2 radius + 1)^2 pixels and are cut at the border. The cost grows slowly with it.

    Returns:
        The filtered values, shaped like `x`. Not differentiable.

    Raises:
        PhotostyleError: an argument does not fit the above.
        NotImplementedError: a gradient is asked for.

    Source: He, Sun, Tang: Guided Image Filtering (ECCV 2010), eqs. 14-16.
    """
    eps, radius = check(x, image, eps, radius)
    if wants_derivative(x, image):
        raise NotImplementedError("`guided_filter` has no gradient: pass detached tensors")
    return torch.ops.photostyle.guided_filter(x, image, eps, radius)
