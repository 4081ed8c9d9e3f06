"""Where a photo shows people's skin.

No colour is that of skin alone: sand, wood and brick have it too. So faces are found first, and the colours of their
skin say what other skin nearby looks like: necks, arms, hands. A photo without a face has no skin.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from .. import ops
from ..color.mixing import to_lab
from .faces import Face

_LEAST_SKIN = 0.5  # share of a face's square that has the colours of skin; a false face has less
_FEWEST = 16  # pixels that say what a face's skin looks like
_SPREAD = (8.0, 3.0, 3.0)  # standard deviations of L*, a*, b* that skin has at least
_LIGHT = 3.0  # factor of the spread of L*: the rest of the skin is in other light than the face
_NEAR, _FAR = 1.5, 3.0  # standard deviations up to which a colour is skin, and from which it is not
_REACH = (1.0, 7.0, 2.5)  # face heights above and below a face, and widths beside it, in which its skin is sought
_FEATURES = (0.42, 0.34)  # semi-axes of the ellipse that holds eyes and mouth, as shares of a face's square
_SOFTNESS = 1 / 150  # radius of the filter that lets the map follow the photo's edges, as a share of the longer side
_GUIDE_VARIANCE = 1e-3


@torch.no_grad()
def skin_map(image: Tensor, faces: Sequence[Face]) -> Tensor:
    """How much of each pixel is people's skin.

    Args:
        image: (3, H, W), RGB in [0, 1], float32.
        faces: the photo's faces, as `find_faces` finds them. One without skin is none.

    Returns:
        (H, W), float32 in [0, 1]; zero everywhere without a face.
    """
    height, width = image.shape[-2:]
    skin = image.new_zeros(height, width)
    if not faces:
        return skin
    lab = to_lab(image.flatten(1)).view_as(image)
    plausible = _plausible(image)
    for face in faces:
        rows, columns = face.box((height, width))
        colors = lab[:, rows, columns][:, plausible[rows, columns]]
        if colors.shape[1] >= max(_FEWEST, _LEAST_SKIN * plausible[rows, columns].numel()):
            around, beside = _neighbourhood(face, height, width)
            near = skin[around, beside]
            near.copy_(torch.maximum(near, _likeness(lab[:, around, beside], colors)))
            skin[rows, columns].masked_fill_(_features(skin[rows, columns]), 1)
    if not bool(skin.any()):
        return skin
    radius = max(1, round(_SOFTNESS * max(height, width)))
    return ops.guided_filter(skin[None], image.contiguous(), radius=radius, eps=_GUIDE_VARIANCE)[0].clamp_(0, 1)


def _plausible(image: Tensor) -> Tensor:
    """Where a colour could be skin, (H, W): red over green over blue, whatever the skin's tone.

    After Kovac, Peer, Solina: *Human Skin Colour Clustering for Face Detection* (2003), with lower limits, because
    theirs leave out dark skin and shadows.
    """
    red, green, blue = image
    return (red > 0.2) & (red - green > 0.03) & (red - blue > 0.05) & (green > blue - 0.04)


def _likeness(lab: Tensor, colors: Tensor) -> Tensor:
    """How much colours (3, h, w) are like those of a face's skin, (3, N): from 0 to 1."""
    center = colors.median(dim=1).values
    spread = (colors - center[:, None]).abs().median(dim=1).values * 1.4826  # of a normal distribution, robustly
    spread = torch.maximum(spread, lab.new_tensor(_SPREAD)) * lab.new_tensor((_LIGHT, 1.0, 1.0))
    distance = ((lab - center[:, None, None]) / spread[:, None, None]).square().sum(0).sqrt()
    return ((_FAR - distance) / (_FAR - _NEAR)).clamp(0, 1)


def _features(square: Tensor) -> Tensor:
    """The ellipse in a face's square, (h, w), in which eyes and mouth belong to the skin around them."""
    rows, columns = (torch.linspace(-0.5, 0.5, n, device=square.device) for n in square.shape)
    return (rows[:, None] / _FEATURES[0]).square() + (columns / _FEATURES[1]).square() < 1


def _neighbourhood(face: Face, height: int, width: int) -> tuple[slice, slice]:
    """The rows and columns in which a person's skin may be, around a face."""
    above, below, beside = _REACH
    rows = face.top - above * face.height, face.top + (1 + below) * face.height
    columns = face.left - beside * face.width, face.left + (1 + beside) * face.width
    return (
        slice(max(0, round(rows[0] * height)), min(height, round(rows[1] * height))),
        slice(max(0, round(columns[0] * width)), min(width, round(columns[1] * width))),
    )
