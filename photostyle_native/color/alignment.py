"""Whether an edited photo lies on the photo that it was made from, pixel by pixel."""

from __future__ import annotations

import numpy as np
import torch
from skimage.registration import phase_cross_correlation
from torch import Tensor

from ..errors import PhotostyleError
from .structure import same_scene, structure

_MOST = 0.005  # of the longer side: a larger shift is an error
_FINE = 10  # a shift is found to a tenth of a pixel


def check_aligned(before: Tensor, after: Tensor) -> None:
    """Raise PhotostyleError unless two pictures show the same scene in the same frame.

    Args:
        before, after: brightness, (H, W) each.

    Source: the shift is found by phase correlation of the gradients' magnitudes, which edits of colour keep (Guizar-
    Sicairos, Thurman, Fienup: *Efficient subpixel image registration algorithms*, 2008, as scikit-image has it).
    """
    if not same_scene(structure(before), structure(after)):
        raise PhotostyleError("the two photos do not show the same scene in the same frame")
    down, right = _shift(_edges(before), _edges(after))
    longest = max(before.shape)
    if max(abs(down), abs(right)) > max(1.0, _MOST * longest):
        raise PhotostyleError(
            f"the second photo lies {_percent(right / longest)} of the longer side to the right and "
            f"{_percent(down / longest)} down of where the first one is: align them, or export both uncropped"
        )


def _percent(share: float) -> str:
    return f"{round(100 * share, 1) + 0.0:+.1f} %"  # adding zero makes -0.0 positive


def _edges(brightness: Tensor) -> np.ndarray:
    """The magnitude of the gradient, without its mean, (H, W), fading towards the borders, where both end."""
    rows, columns = torch.gradient(brightness.double())
    magnitude = torch.hypot(rows, columns).numpy()
    window = np.outer(*(np.hanning(n + 2)[1:-1] for n in magnitude.shape))
    return (magnitude - magnitude.mean()) * window


def _shift(first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """How far the second lies below and to the right of the first, in pixels."""
    shift, _, _ = phase_cross_correlation(first, second, upsample_factor=_FINE)
    return -float(shift[0]), -float(shift[1])
