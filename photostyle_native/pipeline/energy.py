"""The energy that a transfer minimises: the authors' own, or one that also keeps calm what was calm.

The authors' energy alone paints into skies, lakes and walls, because the style term gains by it. Smoothing the result
afterwards takes that back, and with it much of the style. Where the energy itself asks for an even change, the style
goes into what has texture, and into light.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from torch import Tensor

from ..color.realism import smooth_pairs
from ..optimization.even_change import EvenChange
from ..optimization.objective import Energy, Weights

# Found on twelve pairs of photos, by the style term and the invented structure of the results, and by eye.
_EVENNESS = 6e4  # the weight of the term that keeps the change since the colour transfer even
_LEAST = 0.02  # its weight in texture and at edges, as a share of that in skies
_PHOTO = 4.0  # times the authors' weight of the photorealism term


def held_back(realism: float) -> float:
    """How much the optimisation is held back, from 0 (not at all) to 1, which is reached at realism 1/2."""
    return min(2 * realism, 1.0)


def energy_at(
    realism: float,
    objective: Callable[[Weights | None], Energy],
    content: Tensor,
    colored: Tensor,
    weights: Weights | None = None,
) -> Energy:
    """The energy of a transfer: at realism 0 the authors', above it one that holds back what would be invented.

    From realism 1/2 on it is the same.

    Args:
        realism: from 0 to 1.
        objective: makes the authors' energy with the weights of its terms; None for the authors' weights.
        content: (3, H, W).
        colored: the colour transfer, (3, H, W), since which the change shall be even where the content is smooth.
        weights: weights of the terms; default: the authors', but a heavier photorealism term at realism above 0.
    """
    held = held_back(realism)
    if held == 0:
        return objective(weights)
    down, right = (_LEAST + (1 - _LEAST) * smooth for smooth in smooth_pairs(content))
    authors = Weights()
    authors_energy = objective(weights or replace(authors, photo=authors.photo * _PHOTO**held))
    return EvenChange(authors_energy, colored, down, right, _EVENNESS * held)
