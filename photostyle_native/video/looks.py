"""The looks of a shot: each solved on its key frame, the frame that is most like the reference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..color.look import Look
from ..color.table import Table
from ..images.photo import Photo, as_photo
from ..images.resize import working_size
from ..network.vgg19 import VGG19
from ..pipeline.transfer import transfer
from .shots import Shot
from .source import Film, frame_at

_CANDIDATES = 5  # frames that are compared with the reference
_SIZE = 224  # longest side at which they are compared, in pixels
_LAYER = "conv4_1"
# Of a look without place. It keeps 96 to 98 % of a change, where 1e-4 keeps 98 to 99 %, and amplifies grain by 2 to 5
# in places instead of 4 to 10: grain that moves is seen sooner than colours that are a little off.
_SMOOTHNESS = 1.0


@dataclass(frozen=True, eq=False)
class Solved:
    """A look, and the time of the key frame that it was solved on."""

    look: Look
    time: float
    notes: tuple[str, ...] = ()


def candidates(shot: Shot, span: tuple[float, float]) -> list[float]:
    """The times of the frames among which a key frame is chosen: evenly in a span of a shot, without its ends."""
    frames = [time for time in shot.frames if span[0] <= time < span[1]] or [min(shot.frames, key=_near(span[0]))]
    count = len(frames)
    numbers = {min(count - 1, (2 * k + 1) * count // (2 * _CANDIDATES)) for k in range(_CANDIDATES)}
    return [frames[k] for k in sorted(numbers)]


def middle(shot: Shot, span: tuple[float, float]) -> float:
    """The time of the frame in the middle of a span of a shot."""
    return min(shot.frames, key=_near((span[0] + span[1]) / 2))


def _near(wanted: float) -> Any:
    return lambda time: abs(time - wanted)


def photo_at(film: Film, time: float, log: Table | None) -> Photo:
    """The frame at a time as a photo, after the table `log`."""
    photo = as_photo(frame_at(film, time), f"frame at {time:.3f} s")
    return photo if log is None else as_photo(log.apply(photo.tensor()), photo.name)


@torch.no_grad()
def most_alike(frames: Sequence[Photo], references: Sequence[Photo], vgg: VGG19) -> int:
    """The number of the frame whose features are nearest to a reference's, by what they show and not where.

    Features are the means of VGG-19's conv4_1 over the picture, compared by their cosine.
    """
    wanted = torch.stack([_features(photo, vgg) for photo in references])
    found = torch.stack([_features(photo, vgg) for photo in frames])
    return int((found @ wanted.T).amax(1).argmax())


def solve_look(
    film: Film,
    times: Sequence[float],
    references: Sequence[Photo],
    vgg: VGG19,
    log: Table | None,
    arguments: dict[str, Any],
    local: bool = False,
) -> Solved:
    """Solve a look on one of some frames.

    Args:
        film: where they come from.
        times: their times; the one most like a reference is taken.
        references: the style photos, which are mixed.
        vgg: the network.
        log: a table that frames go through before, or None.
        arguments: keyword arguments of `transfer`.
        local: whether the look is for places by themselves; otherwise it is smooth, so that grain stays grain.

    Raises:
        PhotostyleError: a frame cannot be read, or an argument cannot be used.
    """
    frames = [photo_at(film, time, log) for time in times]
    chosen = 0 if len(frames) == 1 else most_alike(frames, references, vgg)
    result = transfer(frames[chosen], list(references), **{**arguments, "weights": vgg})
    return Solved(result.look() if local else result.look(_SMOOTHNESS), times[chosen], result.notes)


def _features(photo: Photo, vgg: VGG19) -> Tensor:
    small = photo.tensor(working_size(photo.size, _SIZE), vgg.mean.device)
    mean = vgg(small, (_LAYER,))[_LAYER].float().flatten(1).mean(1)
    return mean / mean.norm()
