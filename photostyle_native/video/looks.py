"""The look of each shot: solved on its key frame, the frame that is most like the reference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..color.look import Look
from ..images.photo import Photo, as_photo
from ..images.resize import working_size
from ..network.vgg19 import VGG19
from ..pipeline.transfer import transfer
from .shots import Shot
from .source import Film, frame_at

_CANDIDATES = 5  # frames of a shot that are compared with the reference
_SIZE = 224  # longest side at which they are compared, in pixels
_LAYER = "conv4_1"


@dataclass(frozen=True, eq=False)
class Graded:
    """The look of a shot, and the time of the key frame that it was solved on."""

    look: Look
    time: float
    notes: tuple[str, ...] = ()


def key_times(shot: Shot) -> list[float]:
    """The times of the frames among which a shot's key frame is chosen: evenly in it, without its ends."""
    count = len(shot.frames)
    numbers = {min(count - 1, (2 * k + 1) * count // (2 * _CANDIDATES)) for k in range(_CANDIDATES)}
    return [shot.frames[k] for k in sorted(numbers)]


@torch.no_grad()
def most_alike(frames: Sequence[Photo], references: Sequence[Photo], vgg: VGG19) -> int:
    """The number of the frame whose features are nearest to a reference's, by what they show and not where.

    Features are the means of VGG-19's conv4_1 over the picture, compared by their cosine.
    """
    wanted = torch.stack([_features(photo, vgg) for photo in references])
    found = torch.stack([_features(photo, vgg) for photo in frames])
    return int((found @ wanted.T).amax(1).argmax())


def grade_shot(
    film: Film, shot: Shot, references: Sequence[Photo], vgg: VGG19, key: float | None, arguments: dict[str, Any]
) -> Graded:
    """Solve the look of a shot.

    Args:
        film, shot: where its frames come from.
        references: the style photos, which are mixed.
        vgg: the network.
        key: the time of the key frame; by default the one most like a reference is chosen.
        arguments: keyword arguments of `transfer`.

    Raises:
        PhotostyleError: a frame cannot be read, or an argument cannot be used.
    """
    times = [key] if key is not None else key_times(shot)
    frames = [as_photo(frame_at(film, time), f"frame at {time:.3f} s") for time in times]
    chosen = 0 if len(frames) == 1 else most_alike(frames, references, vgg)
    result = transfer(frames[chosen], list(references), **{**arguments, "weights": vgg})
    return Graded(result.look(), times[chosen], result.notes)


def _features(photo: Photo, vgg: VGG19) -> Tensor:
    small = photo.tensor(working_size(photo.size, _SIZE), vgg.mean.device)
    mean = vgg(small, (_LAYER,))[_LAYER].float().flatten(1).mean(1)
    return mean / mean.norm()


def clipped(photo: Photo) -> float:
    """The share of pixels with a channel at either end."""
    top = np.iinfo(photo.pixels.dtype).max
    return float(((photo.pixels == 0) | (photo.pixels == top)).any(2).mean())
