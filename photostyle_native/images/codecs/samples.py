"""The samples that every decoder returns, and conversions of their depth to 8 or 16 bits."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...errors import PhotostyleError
from .dither import dither_noise
from .metadata import Metadata

_SLACK = 1e-6  # rounding may move a float sample this far out of [0, 1]; such a sample is clipped
_STRIP = 256  # rows that are converted at a time


@dataclass
class Decoded:
    """An image as its file stores it, before colour management and rotation."""

    samples: np.ndarray  # (H, W, C) uint8 or uint16; C: 1 grey, 3 RGB, 4 CMYK (greatest value: full ink)
    alpha: np.ndarray | None = None  # (H, W), same dtype
    icc_profile: bytes | None = None
    exif: bytes | None = None
    orientation: int = 1  # EXIF orientation 1 to 8, if stored outside the EXIF block: TIFF tags, XMP, text
    notes: list[str] = field(default_factory=list)
    metadata: Metadata = field(default_factory=Metadata)
    is_srgb: bool = False  # it is known to be sRGB; else, without a profile, EXIF data may say what it is


def split_alpha(array: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Split an array (H, W) or (H, W, 1 to 4) into views of colour (H, W, 1 or 3) and alpha (H, W) or None."""
    if array.ndim == 2:
        array = array[..., None]
    return (array[..., :-1], array[..., -1]) if array.shape[2] in (2, 4) else (array, None)


def to_stored(array: np.ndarray, name: str, bits: int | None = None) -> np.ndarray:
    """Convert samples of any depth to uint8 (up to 8 bits) or uint16 at full range; floats become uint16.

    Args:
        array: (H, ...) bool, integer, or float in [0, 1].
        name: the name of the image in messages.
        bits: how many bits of an unsigned integer are used; None means all.

    Raises:
        PhotostyleError: a float is not in [0, 1], or a signed integer not in 0..65535.
    """
    kind = array.dtype.kind
    if kind == "f":
        return quantise(array, np.uint16, name)
    if kind == "b":
        return array.astype(np.uint8) * np.uint8(255)
    if kind == "i":  # Pillow's mode "I": 32-bit integers that stand for 16-bit ones
        if array.min() < 0 or array.max() > 65535:
            raise PhotostyleError(f"{name}: integer samples must lie in 0..65535, got {array.min()}..{array.max()}")
        return array.astype(np.uint16)
    bits = bits or 8 * array.dtype.itemsize
    if bits > 16:
        return (array >> (bits - 16)).astype(np.uint16)
    stored, top = (np.uint8, 255) if bits <= 8 else (np.uint16, 65535)
    if bits in (8, 16):
        return array.astype(stored, copy=False)  # also converts to the machine's byte order
    full = (1 << bits) - 1
    return ((array.astype(np.uint32) * top + full // 2) // full).astype(stored)


def quantise(array: np.ndarray, dtype: Any, name: str, *, clip: bool = False, dither: bool = False) -> np.ndarray:
    """Convert floats in [0, 1] of shape (H, ...) to uint8 or uint16, rounded to nearest.

    This works on a few rows at a time to save memory. With `dither`, for (H, W, 3), noise is added before, the same
    to each such strip.

    Raises:
        PhotostyleError: a value is NaN, or (unless `clip`) lies outside [0, 1] by more than rounding.
    """
    top = np.iinfo(dtype).max
    slack = np.inf if clip else _SLACK
    out = np.empty(array.shape, dtype)
    noise = dither_noise(_STRIP, array.shape[1]) if dither else None
    for row in range(0, len(array), _STRIP):
        block = array[row : row + _STRIP].astype(np.float32)
        low, high = float(block.min()), float(block.max())
        if not (low >= -slack and high <= 1 + slack):  # this condition also catches NaN
            raise PhotostyleError(f"{name}: float samples must lie in [0, 1], got {low:.6g} to {high:.6g}")
        block = np.clip(block, 0, 1) * np.float32(top) + np.float32(0.5)
        if noise is not None:
            block += noise[: len(block)]
        out[row : row + _STRIP] = block
    return out


def change_depth(array: np.ndarray, dtype: Any) -> np.ndarray:
    """Convert between uint8 and uint16 so that 255 corresponds to 65535, rounded to nearest.

    An array that already has the dtype is returned itself.
    """
    if array.dtype == dtype:
        return array
    if dtype == np.uint16:
        return array.astype(np.uint16) * np.uint16(257)
    return ((array.astype(np.uint32) + 128) // 257).astype(np.uint8)
