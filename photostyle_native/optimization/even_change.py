"""An energy that also keeps the change of a picture even, where that change should have no structure of its own."""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import Tensor

from .objective import Energy, Terms


@dataclass(frozen=True, eq=False)
class EvenChange:
    """An energy with one more term: the squared gradient of the change since `picture`, where weights ask for it.

    The term is `weight` times the mean over pixels of w |grad (x - picture)|^2, summed over channels, with the
    gradient per longer side of the picture, so that it is the same at every size.

    Args:
        objective: the energy.
        picture: (3, H, W), what the output changes, such as a colour transfer.
        down, right: w of each pair of a pixel and its neighbour below, (H - 1, W), and to the right, (H, W - 1), from
            0 (the change may have any structure) to 1.
        weight: of the term, which is counted as a part of the photorealism term.

    Source: the smoothness term of Farbman, Fattal, Lischinski, Szeliski: *Edge-Preserving Decompositions for
    Multi-Scale Tone and Detail Manipulation* (SIGGRAPH 2008), eq. 1.
    """

    objective: Energy
    picture: Tensor
    down: Tensor
    right: Tensor
    weight: float

    def __call__(self, x: Tensor, *, photo: bool = True) -> Terms:
        """The four terms of an image, differentiable in it; see `Objective`. The term is zero if `photo` is false."""
        terms = self.objective(x, photo=photo)
        if not photo:
            return terms
        change = x - self.picture
        height, width = change.shape[-2:]
        down = (self.down * (change[:, 1:] - change[:, :-1]).square()).sum()
        right = (self.right * (change[:, :, 1:] - change[:, :, :-1]).square()).sum()
        scale = self.weight * max(height, width) ** 2 / (height * width)
        return replace(terms, photo=terms.photo + scale * (down + right))
