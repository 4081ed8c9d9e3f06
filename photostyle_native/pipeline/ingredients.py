"""What the result of a transfer is mixed from, so that its dials can be turned again without solving anything."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..color.mixing import Mix
from ..color.realism import realistic
from ..color.skin_tones import natural_skin
from ..errors import PhotostyleError
from ..images.photo import Photo
from .finish import finish


@dataclass(frozen=True, eq=False)
class Ingredients:
    """Pictures at working size, (3, h, w), on the device of the transfer.

    Args:
        guide: the content.
        colored: the plain colour transfer.
        skin: how much of each pixel is people's skin, (h, w).
        optimised: the optimised picture, to go on from; None if nothing was optimised.
        toned: the same with colours nearer to the style's, which the result is mixed from.
    """

    guide: Tensor
    colored: Tensor
    skin: Tensor
    optimised: Tensor | None = None
    toned: Tensor | None = None

    def picture(self, realism: float, keep_skin: float) -> Tensor:
        """The result at working size, before it is smoothed and mixed with the content.

        Raises PhotostyleError if `realism` is not 1 and nothing was optimised, or for a number out of range.
        """
        if self.toned is None and realism != 1:
            raise PhotostyleError(f"nothing was optimised, so `realism` is 1, got {realism}")
        picture = self.colored
        if self.toned is not None:
            picture = realistic(self.toned, self.colored, self.guide, realism)
        return natural_skin(picture, self.guide, self.skin, keep_skin, self.colored)

    def seen(self, toned: Tensor, realism: float, keep_skin: float) -> Tensor:
        """As `picture`, of another toned picture, such as one on the way."""
        return replace(self, toned=toned).picture(realism, keep_skin)

    @torch.no_grad()
    def finished(self, photo: Photo, realism: float, keep_skin: float, mix: Mix) -> tuple[Tensor, Tensor]:
        """The result at the size of `photo`, which is the content at any size, and at working size; on the CPU."""
        picture = self.picture(realism, keep_skin)
        return finish(picture, self.guide, photo, mix), mix(self.guide, picture.clamp(0, 1)).cpu()
