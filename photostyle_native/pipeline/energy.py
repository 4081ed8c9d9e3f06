"""The energy that a transfer minimises: the authors' own, or one that also keeps calm what was calm.

The authors' energy alone paints into skies, lakes and walls, because the style term gains by it. Smoothing the result
afterwards takes that back, and with it much of the style. Where the energy itself asks for an even change, the style
goes into what has texture, and into light.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from ..color.realism import smooth_pairs
from ..optimization.even_change import EvenChange
from ..optimization.objective import Energy, Weights

# Found on twelve pairs of photos, by the style term and the invented structure of the results, and by eye.
_EVENNESS = 6e4  # the weight of the term that keeps the change since the colour transfer even
_LEAST = 0.02  # its weight in texture and at edges, as a share of that in skies
_PHOTO = 4e4  # the weight of the photorealism term, four times the authors'


def energy_at(
    realism: float,
    objective: Callable[[Weights | None], Energy],
    content: Tensor,
    colored: Tensor,
    weights: Weights | None = None,
) -> Energy:
    """The energy of a transfer: at realism 0 the authors', above it the one that holds back what would be invented.

    Args:
        realism: from 0 to 1.
        objective: makes the authors' energy with the weights of its terms; None for the authors' weights.
        content: (3, H, W).
        colored: the colour transfer, (3, H, W), since which the change shall be even where the content is smooth.
        weights: weights of the terms; default: the authors', but a heavier photorealism term at realism above 0.
    """
    if realism == 0:
        return objective(weights)
    down, right = (_LEAST + (1 - _LEAST) * smooth for smooth in smooth_pairs(content))
    return EvenChange(objective(weights or Weights(photo=_PHOTO)), colored, down, right, _EVENNESS)
