"""The energy that a transfer minimises: the authors' own, or one that also keeps calm what was calm.

The authors' energy alone paints into skies, lakes and walls, because the style term gains by it. Smoothing the result
afterwards takes that back, and with it much of the style. Where the energy itself asks for an even change, the style
goes into what has texture, and into light.
"""

from __future__ import annotations

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


def weights_at(realism: float) -> Weights:
    """The weights of the energy's terms: the authors', with a heavier photorealism term at realism above 0."""
    authors = Weights()
    return replace(authors, photo=authors.photo * _PHOTO ** held_back(realism))


def held_energy(realism: float, energy: Energy, content: Tensor, colored: Tensor) -> Energy:
    """The energy of a transfer: at realism 0 `energy` itself, above it one that holds back what would be invented.

    Args:
        realism: from 0 to 1; from 1/2 on the energy is the same.
        energy: the authors' energy.
        content: (3, H, W).
        colored: the colour transfer, (3, H, W), since which the change shall be even where the content is smooth.
    """
    held = held_back(realism)
    if held == 0:
        return energy
    down, right = (_LEAST + (1 - _LEAST) * smooth for smooth in smooth_pairs(content))
    return EvenChange(energy, colored, down, right, _EVENNESS * held)
