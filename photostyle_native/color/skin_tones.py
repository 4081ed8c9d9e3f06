"""Skin that keeps looking like skin: its hue and chroma stay near those of the photo, in the new light.

Eyes forgive a blue tree sooner than a blue face. The lightness of skin is the result's, so that a face is as dark as
the scene around it.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..errors import PhotostyleError
from .mixing import to_lab, to_rgb

_HUE = math.radians(20)  # by which the hue may turn at keep 1/2
_CHROMA = 0.4  # by which the logarithm of the chroma may change at keep 1/2
_GREY = 1e-3  # chroma below which a colour has no hue


def check_keep_skin(keep: float) -> None:
    """Raise PhotostyleError unless `keep` is a number from 0 to 1."""
    if not 0 <= keep <= 1:
        raise PhotostyleError(f"`keep_skin` must be from 0 to 1, got {keep}")


def skin_bounds(keep: float) -> tuple[float, float]:
    """How far skin may move at `keep` from 0 to 1: its hue in radians, and the logarithm of its chroma.

    Both are infinite at 0 and zero at 1.
    """
    check_keep_skin(keep)
    odds = (1 - keep) / keep if keep else math.inf
    return _HUE * odds, _CHROMA * odds


@torch.no_grad()
def natural_skin(
    picture: Tensor, content: Tensor, skin: Tensor, keep: float, colored: Tensor | None = None
) -> Tensor:
    """Bound the hues and the chroma of skin, and leave everything else as it is.

    Args:
        picture: the photo with its new colours, (3, H, W), RGB in [0, 1], float32.
        content: the photo as it was, (3, H, W).
        skin: how much of each pixel is skin, (H, W), in [0, 1].
        keep: from 0 (`picture`, exactly) to 1, at which skin keeps its a* and b* of CIELAB. Between them its hue
            and chroma stay within `skin_bounds`.
        colored: a plain colour transfer, (3, H, W), from which skin takes the share `keep` of its lightness, because
            an optimisation paints textures on faces; default: none.

    Returns:
        (3, H, W), in [0, 1]. Pixels without skin are those of `picture`, exactly.

    Raises:
        PhotostyleError: `keep` is not in [0, 1].
    """
    farthest_hue, farthest_chroma = skin_bounds(keep)
    here = skin > 0
    if keep == 0 or not bool(here.any()):
        return picture
    toned = picture[:, here]
    if colored is not None:
        toned = torch.lerp(toned, colored[:, here], keep)
    old, new = to_lab(content[:, here]), to_lab(toned)
    (chroma, hue), (new_chroma, new_hue) = _polar(old), _polar(new)
    turn = torch.remainder(new_hue - hue + math.pi, 2 * math.pi) - math.pi
    turn = torch.where(new_chroma > _GREY, turn, 0).clamp(-farthest_hue, farthest_hue)
    growth = (new_chroma.clamp_min(_GREY) / chroma.clamp_min(_GREY)).log().clamp(-farthest_chroma, farthest_chroma)
    bounded = chroma * growth.exp()
    natural = to_rgb(torch.stack((new[0], bounded * (hue + turn).cos(), bounded * (hue + turn).sin())))
    out = picture.clone()
    out[:, here] = torch.lerp(picture[:, here], natural, skin[here])
    return out


def _polar(lab: Tensor) -> tuple[Tensor, Tensor]:
    """Chroma and hue angle of CIELAB colours (3, N)."""
    return torch.hypot(lab[1], lab[2]), torch.atan2(lab[2], lab[1])
