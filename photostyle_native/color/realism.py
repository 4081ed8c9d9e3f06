"""The way from an optimised picture to a plain colour transfer, along which invented structure goes first.

The optimisation gives the result the light and the material of the style photo, and paints what the content photo
does not have: stains in skies, clouds, halos. The colour transfer that it starts from paints nothing. The difference
of the two is the optimisation's work. Where the content is smooth, that difference is smoothed: an even change of
light stays, and stains go. Where the content has structure of its own, it stays until the very end.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import PhotostyleError
from ..numerics.weighted_smoothing import weighted_smoothing

_REACH = 1 / 480  # distance that is smoothed over at realism 1/2, as a share of the longer side
_WINDOW = 1 / 100  # radius of the windows in which the content counts as smooth, as a share of the longer side
_SMOOTH = 0.06  # standard deviation of the colours in a window at which smoothing is half as strong
_STEEPNESS = 4
_FADE = 14  # the power of realism by which the rest of the difference goes, which has no structure to lose
_FARTHEST = 0.94  # realism from which the reach no longer grows


@torch.no_grad()
def realistic(optimised: Tensor, colored: Tensor, content: Tensor, realism: float) -> Tensor:
    """Mix an optimised picture and a colour transfer of the same photo, so that invented structure goes first.

    Args:
        optimised: the optimised picture, (3, H, W), RGB in [0, 1], float32.
        colored: the content with its colours moved, but nothing invented, (3, H, W).
        content: (3, H, W); where it is smooth, the difference of the two is smoothed.
        realism: from 0 (`optimised`, exactly) to 1 (`colored`, exactly).

    Returns:
        (3, H, W), in [0, 1].

    Raises:
        PhotostyleError: `realism` is not in [0, 1].
    """
    check_realism(realism)
    if realism == 0:
        return optimised
    if realism == 1:
        return colored
    odds = min(realism, _FARTHEST) / (1 - min(realism, _FARTHEST))
    # Up to 1/2 the energy holds back, so the reach begins small; it must still cross a sky before realism is 1.
    reach = _REACH * odds * max(odds, 1) * max(content.shape[-2:])
    down, right = smooth_pairs(content)
    change = weighted_smoothing(optimised - colored, reach**2 * down, reach**2 * right)
    return torch.add(colored, change, alpha=1 - realism**_FADE).clamp_(0, 1)


@torch.no_grad()
def smooth_pairs(content: Tensor) -> tuple[Tensor, Tensor]:
    """How smooth a photo (3, H, W) is where two neighbours meet, from 0 (texture, edges) to 1.

    Returns the numbers for each pixel and its neighbour below, (H - 1, W), and for each and its neighbour to the
    right, (H, W - 1).
    """
    smooth = _smoothness(content)
    return torch.minimum(smooth[1:], smooth[:-1]), torch.minimum(smooth[:, 1:], smooth[:, :-1])


def check_realism(realism: float) -> None:
    """Raise PhotostyleError unless `realism` is a number from 0 to 1."""
    if not 0 <= realism <= 1:
        raise PhotostyleError(f"`realism` must be from 0 to 1, got {realism}")


def _smoothness(content: Tensor) -> Tensor:
    """How smooth the content is around each pixel, (H, W): near 1 in skies, near 0 in foliage and at edges."""
    radius = max(1, round(_WINDOW * max(content.shape[-2:])))
    moments = _window_means(torch.cat((content, content.square())), radius)
    variance = (moments[3:] - moments[:3].square()).clamp_min(0).sum(0)
    return 1 / (1 + (variance / _SMOOTH**2) ** (_STEEPNESS / 2))


def _window_means(planes: Tensor, radius: int) -> Tensor:
    """Means of (C, H, W) over windows of (2 radius + 1)^2 pixels, cut at the border."""
    for kernel, padding in (((2 * radius + 1, 1), (radius, 0)), ((1, 2 * radius + 1), (0, radius))):
        planes = F.avg_pool2d(planes[None], kernel, stride=1, padding=padding, count_include_pad=False)[0]
    return planes
