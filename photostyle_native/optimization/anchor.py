"""An energy that also keeps a picture near another one, where that is known."""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import Tensor

from .objective import Energy, Terms


@dataclass(frozen=True, eq=False)
class Anchored:
    """An energy with one more term, the mean of `share` times the squared difference to `picture`, times `weight`.

    Args:
        objective: the energy.
        picture: (3, H, W), what the output should be like.
        share: (H, W), from 0 (anything) to 1.
        weight: of the term, which is counted as a part of the photorealism term.

    Source: Ruder, Dosovitskiy, Brox: *Artistic style transfer for videos* (GCPR 2016), eq. 5.
    """

    objective: Energy
    picture: Tensor
    share: Tensor
    weight: float

    def __call__(self, x: Tensor, *, photo: bool = True) -> Terms:
        """The four terms of an image, differentiable in it; see `Objective`."""
        terms = self.objective(x, photo=photo)
        term = (self.share * (x - self.picture).square().mean(0)).mean()
        return replace(terms, photo=terms.photo + self.weight * term)
