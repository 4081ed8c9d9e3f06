"""How much memory a transfer takes, how much there is, and what would fit."""

from __future__ import annotations

import torch

from ..errors import PhotostyleError
from ..machine import available_bytes
from ..network.vgg19 import MIN_SIDE

# Bytes per pixel of the working size, without L-BFGS: the growth of the peak from 1024 to 2048 pixels on a CPU with
# AVX-512, rounded up. By precision, and whether blocks of the network are computed twice.
_BYTES = {
    (torch.float32, False): 1800,
    (torch.float32, True): 1500,
    (torch.bfloat16, False): 1300,
    (torch.bfloat16, True): 1100,
}
_FIXED = 1.4e9  # libraries' own, and the network in their layouts
_SHARE = 0.9  # of what is free; the rest is others'


def needed_bytes(size: tuple[int, int], precision: torch.dtype, low_memory: bool, history: int) -> float:
    """What solving at (height, width) takes at its peak, about."""
    pixels = size[0] * size[1]
    return _FIXED + pixels * (_BYTES[precision, low_memory] + 2 * history * 3 * 4)


def plan_low_memory(size: tuple[int, int], precision: torch.dtype, history: int, device: torch.device) -> bool:
    """Whether to compute blocks of the network twice: only if it would not fit otherwise.

    Raises:
        PhotostyleError: it does not fit even so; names the longest side that would.
    """
    free = available_bytes(device) * _SHARE
    if needed_bytes(size, precision, False, history) <= free:
        return False
    need = needed_bytes(size, precision, True, history)
    if need <= free:
        return True
    per_pixel = (need - _FIXED) / (size[0] * size[1])
    scale = (max(free - _FIXED, 0) / per_pixel / (size[0] * size[1])) ** 0.5
    side = int(max(size) * scale)
    advice = f"use a `size` of at most {side}" if side >= MIN_SIDE else "that is not enough for any `size`"
    raise PhotostyleError(
        f"a working size of {max(size)} pixels takes about {need / 1e9:.1f} GB of memory, {free / 1e9:.1f} GB are "
        f"free: {advice}"
    )
