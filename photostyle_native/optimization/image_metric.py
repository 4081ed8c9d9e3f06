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


def _gain(height: int, width: int, rows: Tensor, columns: Tensor) -> Tensor:
    """The gain of S at the frequencies rows / (2 height) and columns / (2 width), (len(rows), len(columns))."""

    def falloff(frequency: Tensor) -> Tensor:
        return (_CORNER / (frequency + _CORNER)) ** (_EXPONENT / 2)

    frequency = torch.sqrt((rows / (2 * height))[:, None] ** 2 + (columns / (2 * width)) ** 2)
    finest = torch.tensor([(height - 1) / (2 * height), (width - 1) / (2 * width)]).norm()
    return falloff(frequency) / falloff(finest)


class _CosineFilter:
    """The filter by two products with matrices of the cosine transform: the fastest on a CPU."""

    def __init__(self, height: int, width: int, device: torch.device | str) -> None:
        self._down, self._across = (_cosines(n).to(device, torch.float32) for n in (height, width))
        self._gain = _gain(height, width, torch.arange(height), torch.arange(width)).to(device)

    def __call__(self, v: Tensor) -> Tensor:
        spectrum = self._down @ v @ self._across.T * self._gain
        return self._down.T @ spectrum @ self._across


class _FourierFilter:
    """The same filter by Fourier transforms of the picture and its mirror images.

    The products take 2 (H + W) operations per pixel and transform, which on a GPU would be the largest part of an
    iteration for large pictures.
    """

    def __init__(self, height: int, width: int, device: torch.device | str) -> None:
        self._size = 2 * height, 2 * width
        rows, columns = torch.arange(2 * height), torch.arange(width + 1)
        self._gain = _gain(height, width, torch.minimum(rows, 2 * height - rows), columns).to(device)
        mirrored = (torch.cat((torch.arange(n), torch.arange(n).flip(0))).to(device) for n in (height, width))
        self._rows, self._columns = mirrored

    def __call__(self, v: Tensor) -> Tensor:
        spectrum = torch.fft.rfft2(v[:, self._rows[:, None], self._columns])
        filtered = torch.fft.irfft2(spectrum.mul_(self._gain), s=self._size)
        return filtered[:, : v.shape[1], : v.shape[2]]


class ImageMetric:
    """The operator S for pictures of one size.

    Args:
        height, width: the size of the pictures in pixels.
        device: the device of the pictures.
    """

    def __init__(self, height: int, width: int, device: torch.device | str = "cpu") -> None:
        make = _FourierFilter if torch.device(device).type == "cuda" else _CosineFilter
        self._filter = make(height, width, device)
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
        return (self._color @ self._filter(v).flatten(1)).view_as(v)
