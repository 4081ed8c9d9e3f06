"""The full method on a film: each frame is optimised, near the last one's picture brought along by its motion."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..color.mixing import Mix
from ..color.realism import realistic
from ..errors import PhotostyleError, check_extra
from ..files import write_atomically
from ..images.photo import Photo, as_photo
from ..images.resize import working_size
from ..network.vgg19 import VGG19
from ..numerics.motion import agreement, warped
from ..optimization.anchor import Anchored
from ..optimization.objective import Objective
from ..optimization.solver import Solver
from ..optimization.stage import Stage, exactly
from ..pipeline.energy import held_energy, weights_at
from ..pipeline.finish import finish
from .grading import Grade
from .timeline import Timeline

_NEXT_ITERATIONS = 12  # of a frame that begins near its optimum; the first of a shot has all
# At this weight a difference of one step of 8 bits everywhere costs about a tenth of a picture's energy.
_WEIGHT = 3e10


def check_flow() -> None:
    """Raise PhotostyleError if OpenCV is not installed."""
    check_extra("cv2", "video", "--method full needs")


@dataclass(frozen=True, eq=False)
class Settings:
    """How frames are optimised: the stage of the first frame of a shot, and see the arguments of `transfer`."""

    size: int
    stage: Stage
    realism: float = 0.5
    mix: Mix | None = None


@dataclass(frozen=True, eq=False)
class _Last:
    """The frame before, at working size, and how its optimised picture differs from its look's.

    The difference is moved, because a picture that is resampled for every frame would lose its edges.
    """

    image: Tensor
    change: Tensor


class Coherent:
    """Optimises the frames of a film in their order.

    A frame starts from the optimised picture of the frame before, moved by the optical flow between them (DIS), and
    from its look where the flow cannot be trusted. A term of the energy keeps it near that picture. The whole frame
    is one region, because regions that are found anew in each frame would flicker.

    Args:
        references: the style photos, which count equally.
        grades, timeline: the looks, which take the place of the colour transfer.
        vgg: the network.
        settings: how frames are optimised.

    Source: Ruder, Dosovitskiy, Brox: *Artistic style transfer for videos* (GCPR 2016); Kroeger et al.: *Fast optical
    flow using dense inverse search* (ECCV 2016).
    """

    def __init__(
        self, references: Sequence[Photo], grades: Sequence[Grade], timeline: Timeline, vgg: VGG19, settings: Settings
    ) -> None:
        self._device = vgg.mean.device
        self._references = [
            photo.converted_to(None).tensor(working_size(photo.size, settings.size), self._device)
            for photo in references
        ]
        self._grades, self._timeline, self._vgg, self.settings = grades, timeline, vgg, settings
        self._last: _Last | None = None

    def begin(self) -> None:
        """Forget the frame before: a shot begins."""
        self._last = None

    def __call__(self, pixels: np.ndarray, time: float) -> np.ndarray:
        """The result for a frame, (H, W, 3) float32, of the same shape."""
        image = torch.from_numpy(pixels).permute(2, 0, 1)
        photo = as_photo(image.clamp(0, 1))
        small = photo.tensor(working_size(photo.size, self.settings.size), self._device)
        colored = self._colored(small, time)
        optimised = self._optimised(small, colored)
        self._last = _Last(small, optimised - colored)
        picture = realistic(optimised, colored, small, self.settings.realism)
        return finish(picture, small, photo, self.settings.mix).permute(1, 2, 0).contiguous().numpy()

    def _colored(self, image: Tensor, time: float) -> Tensor:
        one, other, share = self._timeline.at(time)
        first = self._grades[one].look.apply(image, everywhere=True)
        return torch.lerp(first, self._grades[other].look.apply(image, everywhere=True), share) if share else first

    @torch.no_grad()
    def _optimised(self, image: Tensor, colored: Tensor) -> Tensor:
        ones = [torch.ones_like(one[:1]) for one in (image, *self._references)]
        masks = [ones[0]] * len(self._references)
        realism = self.settings.realism
        objective = Objective(image, self._references, masks, ones[1:], self._vgg, weights_at(realism))
        energy = held_energy(realism, objective, image, colored)
        stage = self.settings.stage
        if self._last is None:
            solver = Solver(energy, colored)
        else:
            flow, share = _flow(image, self._last.image)
            before = (colored + warped(self._last.change, flow)).clamp(0, 1)
            start = torch.lerp(colored, before, share)
            stage = exactly(stage, min(_NEXT_ITERATIONS, stage.iterations))
            solver = Solver(Anchored(energy, before, share, _WEIGHT), start)
        solver.run(stage)
        if solver.interrupted:
            raise KeyboardInterrupt
        return solver.x

    def save(self, path: Path) -> None:
        """Write what the next frame needs, so that a film can be gone on with."""
        file = io.BytesIO()
        last = self._last
        arrays = () if last is None else (last.image, last.change)
        np.savez(file, *(array.cpu().numpy().astype(np.float16) for array in arrays))
        write_atomically(str(path), file.getvalue())

    def load(self, path: Path) -> None:
        """Go on after the frame at which `save` was called. Raises PhotostyleError if the file is not there."""
        try:
            with np.load(path, allow_pickle=False) as file:
                arrays = [torch.from_numpy(file[name].astype(np.float32)).to(self._device) for name in file.files]
        except (OSError, ValueError) as error:
            raise PhotostyleError(f"{path}: what the next frame needs is not there ({error})") from error
        self._last = _Last(*arrays) if arrays else None


def _flow(image: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
    """The flow from a frame to the one before, (2, h, w) rows and columns, and where it can be trusted, (h, w)."""
    import cv2

    grey = [(255 * one.clamp(0, 1).mean(0)).round().byte().cpu().numpy() for one in (image, before)]
    search: Any = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    ways = (search.calc(*pair, None) for pair in (grey, grey[::-1]))
    there, back = (torch.from_numpy(way[..., ::-1].copy()).permute(2, 0, 1) for way in ways)
    device = image.device
    return there.to(device), agreement(there, back).to(device)
