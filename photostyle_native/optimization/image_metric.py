"""A change of variables for pictures with which an optimiser needs fewer steps.

The energy of a transfer has high curvature in fine detail and in brightness, and low curvature in broad changes of
colour, so a step along the plain gradient changes little but detail. In the variables y with x = x0 + S y the
curvature is more even, and L-BFGS needs about half as many evaluations. The operator S is self-adjoint, and diagonal
in frequency (by the cosine transform, which mirrors the picture at its borders) and in brightness and chroma.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .. import ops

_CORNER = 1 / 256  # cycles per pixel; the gain is nearly constant below this frequency
_EXPONENT = 1.0  # S^2 falls with frequency to the power of -_EXPONENT
_CHROMA = 1.4  # gain of chroma relative to that of brightness


def _gain(height: int, width: int) -> Tensor:
    """The gain of S for every coefficient of the cosine transform, (height, width)."""

    def falloff(frequency: Tensor) -> Tensor:
        return (_CORNER / (frequency + _CORNER)) ** (_EXPONENT / 2)

    rows, columns = (torch.arange(n) / (2 * n) for n in (height, width))
    gain = falloff(torch.sqrt(rows[:, None] ** 2 + columns**2))
    return gain / gain[-1, -1].clone()


class ImageMetric:
    """The operator S for pictures of one size.

    Args:
        height, width: the size of the pictures in pixels.
        device: the device of the pictures.
    """

    def __init__(self, height: int, width: int, device: torch.device | str = "cpu") -> None:
        self._gain = _gain(height, width).to(device)
        axes = torch.tensor([[1.0, 1.0, 1.0], [1.0, -1.0, 0.0], [1.0, 1.0, -2.0]])
        axes /= axes.norm(dim=1, keepdim=True)
        self._color = (axes.T @ torch.diag(torch.tensor([1.0, _CHROMA, _CHROMA])) @ axes).to(device)

    def __call__(self, v: Tensor) -> Tensor:
        """Apply S to a picture or gradient.

        Args:
            v: (3, H, W), float32.

        Returns:
            S v, shaped like `v`.
        """
        return (self._color @ ops.cosine_filter(v, self._gain).flatten(1)).view_as(v)
