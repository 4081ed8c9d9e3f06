"""The result of a transfer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from ..color.look import Look
from ..color.mixing import Mix
from ..errors import PhotostyleError
from ..images.photo import Photo, as_photo
from ..images.resize import working_size
from ..images.write import write_photo
from .ingredients import Ingredients


@dataclass(eq=False)
class TransferResult:
    """The result of a transfer, made by `transfer`.

    `image` is the result at the content photo's own size. `working` is the picture at working size that `image` was
    made from, before smoothing, with the same `realism` and `strength`, and the same kept. Both are (3, H, W) float32
    RGB in [0, 1] on the CPU, in the colour space of the content photo.
    """

    image: Tensor
    working: Tensor
    content: Photo
    preset: str
    realism: float
    keep_skin: float
    labels: tuple[str, ...]  # names of the regions that the masks stand for
    notes: tuple[str, ...]  # what was done to photos and masks, one sentence each
    history: list[dict[str, Any]]  # for each evaluation: stage, iteration, and the four terms and total of the energy
    energies: dict[str, float]  # the terms and total at the optimised picture; empty if nothing was evaluated
    timings: dict[str, float]  # seconds per phase
    backend: str
    device: str
    vgg_weights: str  # "none" if no network was needed
    precision: str  # of the network: float32 or bfloat16, or "none" if nothing was optimised
    low_memory: bool  # blocks of the network were computed twice, because memory was short
    interrupted: bool  # Ctrl-C ended the optimisation early, and the best picture so far was used
    resets: int  # how often the optimiser diverged and went back to its best point
    convolutions: str = ""  # how the network computed its convolutions, and why so
    ingredients: Ingredients | None = None  # what `image` was mixed from

    def save(self, path: str | Path, *, bit_depth: int | None = None) -> None:
        """Write `image` to a file, with the content photo's ICC profile, EXIF and alpha; 8 bits are dithered.

        Args:
            path: the file; its extension says the format, as for `write_photo`.
            bit_depth: 8 or 16; default: 16 if the content photo has 16 and the format can hold them, else 8.

        Raises:
            PhotostyleError: the format cannot hold the picture, or the file cannot be written.
        """
        write_photo(path, self.image, like=self.content, bit_depth=bit_depth, dither=True)

    def adjusted(
        self,
        *,
        realism: float | None = None,
        strength: float = 1.0,
        keep_luma: bool = False,
        keep_chroma: bool = False,
        keep_skin: float | None = None,
        longest: int | None = None,
    ) -> Tensor:
        """The result with its dials turned, without solving anything: in less than a second.

        Args:
            realism, keep_skin: as for `transfer`; default: as they were. Below a realism of 0.5 a transfer solves
                another problem, so there this shows what was optimised, not what a transfer would find.
            strength, keep_luma, keep_chroma: as for `transfer`.
            longest: the longest side of the picture, at most that of the content, which is the default.

        Returns:
            (3, H, W), float32 in [0, 1], on the CPU, in the content's colour space.

        Raises:
            PhotostyleError: a number is out of range, or `realism` is not 1 and nothing was optimised.
        """
        if self.ingredients is None:
            raise PhotostyleError("this result was not made by `transfer`, so it has nothing to adjust")
        photo = self.content
        if longest is not None and longest < max(photo.size):
            photo = as_photo(photo.tensor(working_size(photo.size, longest)))
        return self.ingredients.finished(
            photo,
            self.realism if realism is None else realism,
            self.keep_skin if keep_skin is None else keep_skin,
            Mix(strength, keep_luma, keep_chroma),
        )[0]

    def look(self, smoothness: float = 1e-4) -> Look:
        """Fit a `Look` to the change of colours from the content to `working`, to be applied to other photos.

        `smoothness` is that of `Look.fit`: a large one amplifies less grain. Raises PhotostyleError as that does.
        """
        height, width = self.working.shape[-2:]
        content = self.content.tensor((height, width))
        return Look.fit(content, self.working, smoothness=smoothness, icc_profile=self.content.icc_profile)

    def report(self) -> dict[str, Any]:
        """All fields but the pictures, and the sizes (height, width) of `image` and `working`, ready for JSON."""
        sizes = {"output_size": tuple(self.image.shape[-2:]), "working_size": tuple(self.working.shape[-2:])}
        skipped = ("image", "working", "content", "ingredients")
        return {**sizes, **{k: v for k, v in vars(self).items() if k not in skipped}}
