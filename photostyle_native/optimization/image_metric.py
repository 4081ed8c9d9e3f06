"""A change of variables for pictures with which an optimiser needs fewer steps.

The energy of a transfer has high curvature in fine detail and in brightness, and low curvature in broad changes of
colour, so a step along the plain gradient changes little but detail. In the variables y with x = x0 + S y the
curvature is more even, and L-BFGS needs about half as many evaluations. The operator S is self-adjoint, and diagonal
in frequency (by the cosine transform, which mirrors the picture at its borders) and in brightness and chroma.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

_CORNER = 1 / 256  # cycles per pixel; the gain is nearly constant below this frequency
_EXPONENT = 1.0  # S^2 falls with frequency to the power of -_EXPONENT
_CHROMA = 1.4  # gain of chroma relative to that of brightness


def _cosines(n: int) -> Tensor:
    """The matrix of the orthonormal cosine transform (DCT-II), (n, n); row k has frequency k / (2 n)."""
    k, i = torch.arange(n, dtype=torch.float64)[:, None], torch.arange(n, dtype=torch.float64)
    rows = torch.cos(math.pi * (i + 0.5) * k / n) * math.sqrt(2 / n)
    rows[0] /= math.sqrt(2)
    return rows


class ImageMetric:
    """The operator S for pictures of one size.

    Args:
        height, width: the size of the pictures in pixels.
        device: the device of the pictures.
    """

    def __init__(self, height: int, width: int, device: torch.device | str = "cpu") -> None:
        self._down, self._across = (_cosines(n).to(device, torch.float32) for n in (height, width))
        frequency_y = torch.arange(height)[:, None] / (2 * height)
        frequency_x = torch.arange(width) / (2 * width)
        frequency = torch.sqrt(frequency_y**2 + frequency_x**2)
        gain = (_CORNER / (frequency + _CORNER)) ** (_EXPONENT / 2)
        self._gain = (gain / gain[-1, -1]).to(device)  # 1 at the finest detail
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
        spectrum = self._down @ v @ self._across.T * self._gain
        filtered = self._down.T @ spectrum @ self._across
        return (self._color @ filtered.flatten(1)).view_as(v)
