"""Metrics of films: whether a grade flickers, and whether it drifts.

A grade that is one look for all frames has a transform drift of zero. Warping errors are reported as a ratio to the
film's own, because the flow is not exact, and a film moves, occludes and has grain.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from skimage.registration import optical_flow_tvl1
from torch import Tensor

from ..errors import PhotostyleError
from ..numerics.motion import agreement, warped
from .luma import luma

_LONGEST = 256  # pixels of the longer side at which motion is found
_RIDGE = 1e-4  # of the least-squares fit of a colour map: what a frame does not show keeps its colours
_CLIPPED = 0.5 / 255


def warping_error(source: Sequence[Tensor], output: Sequence[Tensor]) -> float | None:
    """How much more a graded film changes along its motion than the film itself: a ratio, 1 if no more.

    Motion between neighbouring frames is found in the source (TV-L1). A frame's error is the mean square of its
    difference to the next, brought back by the motion, where the motion there and back agree. The metric is the
    output's mean error over the source's, over the squared ratio of their contrasts, so that a grade of more contrast
    is not thought to flicker.

    Args:
        source, output: frames of one size, (3, H, W), RGB in [0, 1], in the same order; cuts must not be among them.

    Returns:
        The ratio, or None for fewer than two frames, or a source that does not change.

    Raises:
        PhotostyleError: the numbers or shapes of the frames differ.

    Source: Lai et al.: *Learning Blind Video Temporal Consistency* (ECCV 2018), section 4.2, with TV-L1 for FlowNet2,
    and as a ratio.
    """
    return _along_motion(source, output)[0]


def edit_warping_error(source: Sequence[Tensor], output: Sequence[Tensor]) -> float | None:
    """How much the edit itself, output less source, changes along the motion, in steps of an 8-bit file; 0 at best.

    An edit that follows what moves has a small one, even if it differs from place to place; a change that stays on
    the screen, or comes and goes, has a large one.

    Args:
        source, output: as for `warping_error`.

    Returns:
        The root of the mean square where the motion is known, or None for fewer than two frames.

    Raises:
        PhotostyleError: the numbers or shapes of the frames differ.
    """
    return _along_motion(source, output)[1]


def film_metrics(source: Sequence[Tensor], output: Sequence[Tensor]) -> dict[str, float | None]:
    """All metrics of a graded film, by their names: `warping_error`, `edit_warping_error`, `transform_drift` and
    `new_clipping`. The motion is found once.

    Args:
        source, output: as for `warping_error`.

    Raises:
        PhotostyleError: the numbers or shapes of the frames differ.
    """
    ratio, edit = _along_motion(source, output)
    return {
        "warping_error": ratio,
        "edit_warping_error": edit,
        "transform_drift": transform_drift(source, output),
        "new_clipping": new_clipping(source, output),
    }


def _along_motion(source: Sequence[Tensor], output: Sequence[Tensor]) -> tuple[float | None, float | None]:
    """`warping_error` and `edit_warping_error`."""
    _check(source, output)
    if len(source) < 2:
        return None, None
    before, after = ([_small(frame) for frame in film] for film in (source, output))
    films = before, after, [b - a for a, b in zip(before, after, strict=True)]
    errors, contrasts = np.zeros(3), np.zeros(2)
    for k in range(len(source) - 1):
        flow, mask = _motion(before[k], before[k + 1])
        for which, film in enumerate(films):
            change = (warped(film[k + 1], flow) - film[k]).square().mean(0)
            errors[which] += float((change * mask).sum() / mask.sum().clamp_min(1))
        contrasts += [float(film[k].var((1, 2)).mean()) for film in (before, after)]
    edit = 255 * float(np.sqrt(errors[2] / (len(source) - 1)))
    if errors[0] == 0 or contrasts[0] == 0:
        return None, edit
    return float(errors[1] / errors[0] / max(contrasts[1] / contrasts[0], 1e-6)), edit


def transform_drift(source: Sequence[Tensor], output: Sequence[Tensor]) -> float | None:
    """How far the grade itself moves from frame to frame, in steps of an 8-bit file; 0 if it is one colour map.

    For each frame the affine colour map is found that turns the source into the output best. The metric is the root
    mean square of the differences that the maps of neighbouring frames make on the first frame's colours.

    Args:
        source, output: as for `warping_error`.

    Returns:
        The drift, or None for fewer than two frames.

    Raises:
        PhotostyleError: the numbers or shapes of the frames differ.
    """
    _check(source, output)
    if len(source) < 2:
        return None
    maps = [_affine(a, b) for a, b in zip(source, output, strict=True)]
    squares = []
    for k in range(len(maps) - 1):
        pixels = _with_ones(source[k])
        squares.append(float(((maps[k + 1] - maps[k]) @ pixels).square().mean()))
    return 255 * float(np.sqrt(np.mean(squares)))


def new_clipping(source: Sequence[Tensor], output: Sequence[Tensor]) -> float | None:
    """The share of pixels that have a channel at 0 or 1 in the output and none in the source; 0 at best.

    Args:
        source, output: as for `warping_error`.

    Returns:
        The share over all frames, or None without frames.

    Raises:
        PhotostyleError: the numbers or shapes of the frames differ.
    """
    _check(source, output)
    shares = [float((_is_clipped(b) & ~_is_clipped(a)).float().mean()) for a, b in zip(source, output, strict=True)]
    return float(np.mean(shares)) if shares else None


def _check(source: Sequence[Tensor], output: Sequence[Tensor]) -> None:
    shapes = {tuple(frame.shape) for frame in (*source, *output)}
    if len(source) != len(output) or len(shapes) > 1 or any(len(shape) != 3 or shape[0] != 3 for shape in shapes):
        raise PhotostyleError(
            f"`source` and `output` must have as many frames, all of one shape (3, H, W), got {len(source)} and "
            f"{len(output)} of {sorted(shapes)}"
        )


def _small(frame: Tensor) -> Tensor:
    scale = min(1.0, _LONGEST / max(frame.shape[1:]))
    size = [max(1, round(scale * side)) for side in frame.shape[1:]]
    return F.interpolate(frame[None].float().cpu(), size, mode="bilinear", antialias=True, align_corners=False)[0]


def _motion(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """The flow from the first frame to the second, (2, h, w) rows and columns, and where the way back agrees."""
    grey = [luma(frame) for frame in (first, second)]
    there, back = (torch.from_numpy(optical_flow_tvl1(*pair)).float() for pair in (grey, grey[::-1]))
    return there, agreement(there, back)


def _with_ones(frame: Tensor) -> Tensor:
    pixels = frame.double().cpu().flatten(1)
    return torch.cat((pixels, torch.ones_like(pixels[:1])))


def _affine(source: Tensor, output: Tensor) -> Tensor:
    """The map (3, 4) that turns the source into the output with the least squares."""
    pixels = _with_ones(source)
    identity = torch.eye(3, 4, dtype=torch.float64)
    change = output.double().cpu().flatten(1) - pixels[:3]
    normal = pixels @ pixels.T / pixels.shape[1] + _RIDGE * torch.eye(4, dtype=torch.float64)
    return identity + torch.linalg.solve(normal, pixels @ change.T / pixels.shape[1]).T


def _is_clipped(frame: Tensor) -> Tensor:
    return ((frame <= _CLIPPED) | (frame >= 1 - _CLIPPED)).any(0)
