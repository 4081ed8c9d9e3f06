"""What a transfer returns."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from ..color.look import Look
from ..images.photo import Photo
from ..images.write import write_photo


@dataclass(eq=False)
class TransferResult:
    """A finished transfer.

    `image` is the result at the content photo's own size and `working` the optimised picture it was lifted from,
    before smoothing; both (3, H, W) float32 RGB in [0, 1] on the CPU, in the colour space of the content photo.
    """

    image: Tensor
    working: Tensor
    content: Photo
    preset: str
    labels: tuple[str, ...]
    notes: tuple[str, ...]  # what was done to photos and masks, one sentence each
    history: list[dict[str, Any]]  # stage, iteration and the five energies, per evaluation
    energies: dict[str, float]  # of `working`
    timings: dict[str, float]  # seconds per phase
    backend: str
    device: str
    vgg_weights: str
    precision: str  # of the network
    low_memory: bool  # blocks of the network were computed twice, because otherwise it would not have fitted
    interrupted: bool  # Ctrl-C ended the optimisation early; the best picture so far was finished
    resets: int  # how often the optimiser diverged and went back to its best point

    def save(self, path: str | Path, *, bit_depth: int | None = None) -> None:
        """Write the image with the content photo's ICC profile, EXIF and alpha; see `write_photo`."""
        write_photo(path, self.image, like=self.content, bit_depth=bit_depth)

    def look(self) -> Look:
        """The colours of this transfer as a `Look`, to be applied to other photos."""
        height, width = self.working.shape[-2:]
        content = self.content.tensor((height, width))
        return Look.fit(content, self.working, icc_profile=self.content.icc_profile)

    def report(self) -> dict[str, Any]:
        """Everything but the pictures, ready for JSON."""
        sizes = {"output_size": tuple(self.image.shape[-2:]), "working_size": tuple(self.working.shape[-2:])}
        skipped = ("image", "working", "content")
        return {**sizes, **{k: v for k, v in vars(self).items() if k not in skipped}}
