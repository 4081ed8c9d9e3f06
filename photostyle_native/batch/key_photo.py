"""The photo that stands for many: one look for all is solved on it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..images.photo import Photo
from ..images.resize import working_size
from ..numerics.quantiles import color_quantiles

_SIDE = 96  # longest side at which colours are compared, in pixels
_DIRECTIONS = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0), (1 / 3, 1 / 3, 1 / 3), (0.5, 0.0, -0.5))


def color_summary(photo: Photo) -> Tensor:
    """The quantiles of a photo's sRGB values, of their mean and of red against blue, as one vector."""
    small = photo.converted_to(None).tensor(working_size(photo.size, _SIDE)).flatten(1)
    return color_quantiles(small, torch.ones(small.shape[1]), torch.tensor(_DIRECTIONS)).flatten().float()


def most_typical(summaries: Sequence[Tensor]) -> int:
    """The number of the photo whose colours differ least from those of all others; the first of several."""
    vectors = torch.stack(list(summaries))
    return int(torch.cdist(vectors, vectors, p=1).sum(1).argmin())
