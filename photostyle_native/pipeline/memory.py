"""How much memory a transfer takes, and whether that is free."""

from __future__ import annotations

import torch

from ..errors import PhotostyleError
from ..machine import available_bytes
from ..network.vgg19 import MIN_SIDE

# Peak bytes per pixel of the working size, without L-BFGS, by precision and by whether blocks of the network are
# computed twice. Measured as the growth of the peak from 1024 to 2048 pixels on a CPU with AVX-512, and rounded up.
_BYTES = {
    (torch.float32, False): 1800,
    (torch.float32, True): 1500,
    (torch.bfloat16, False): 1300,
    (torch.bfloat16, True): 1100,
}
_FIXED = 1.4e9  # bytes of the libraries, and of the network's weights in the layouts that they use
_FACTORS = 0.4e9  # of the network's factors for Winograd convolution
_SHARE = 0.9  # of the free memory that a transfer may take; the rest is left to other programs


def needed_bytes(size: tuple[int, int], precision: torch.dtype, low_memory: bool, history: int) -> float:
    """Estimate the peak memory, in bytes, of solving at `size` (height, width).

    L-BFGS keeps `history` pairs of float32 pictures.
    """
    pixels = size[0] * size[1]
    factors = _FACTORS if precision == torch.float32 and not low_memory else 0
    return _FIXED + factors + pixels * (_BYTES[precision, low_memory] + 2 * history * 3 * 4)


def plan_low_memory(size: tuple[int, int], precision: torch.dtype, history: int, device: torch.device) -> bool:
    """Whether to compute blocks of the network twice, which saves memory: only if there is not enough otherwise.

    Raises:
        PhotostyleError: there is not enough even so; the message names the longest side that would fit.
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
