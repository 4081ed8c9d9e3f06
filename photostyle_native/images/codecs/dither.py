"""Noise that is added before samples are rounded to 8 bits, so that a smooth sky gets no bands."""

from __future__ import annotations

import numpy as np

# Jimenez: *Next Generation Post Processing in Call of Duty: Advanced Warfare* (SIGGRAPH 2014 course): "interleaved
# gradient noise". In every 3 x 3 neighbourhood its values are spread evenly, so it is finer than white noise.
_ACROSS, _DOWN, _SPREAD = 0.06711056, 0.00583715, 52.9829189
_CHANNELS = np.array((0, 1 / 3, 2 / 3), np.float32)  # the channels differ, so that they do not brighten together
_AMPLITUDE = 0.98  # of a step. Below 1, so that a value that 8 bits can hold stays what it is.


def dither_noise(rows: int, columns: int) -> np.ndarray:
    """Noise in steps of the file's samples: (rows, columns, 3), float32, evenly distributed in (-0.49, 0.49)."""
    y, x = np.arange(rows, dtype=np.float64), np.arange(columns, dtype=np.float64)
    phase = (_DOWN * y % 1)[:, None] + _ACROSS * x % 1
    level = (_SPREAD * (phase % 1) % 1).astype(np.float32)
    return _AMPLITUDE * ((level[:, :, None] + _CHANNELS) % 1 - np.float32(0.5))
