"""What one person of the page works on: photos, their regions, the result, and its dials. No page is here."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..color.look import Look
from ..color.mixing import MIXING
from ..errors import PhotostyleError
from ..files import write_atomically
from ..images.photo import Photo, as_photo, read_photo
from ..images.resize import working_size
from ..images.sheet import photo_pixels
from ..images.write import write_photo
from ..machine import resolve_device
from ..network.weights import shared_vgg19
from ..optimization.solver import Iteration
from ..pipeline.finish import finish
from ..pipeline.look_transfer import recolored
from ..pipeline.looks import find_look
from ..pipeline.result import TransferResult
from ..pipeline.transfer import transfer
from ..segmentation.cosegmentation import cosegment
from ..segmentation.overlay import overlay
from ..segmentation.regions import Regions
from ..segmentation.scribbles import read_scribbles

LONGEST_SHOWN = 1200  # pixels of the longer side of pictures on the page
MAX_PIXELS = 120_000_000  # of an uploaded photo
_COMPARED = 640  # pixels of the longer side of the pictures that stand side by side
_FOUND_AT = 700  # pixels of the longer side at which regions are found
_PIECE = (600, 900)  # rows and columns of what is shown pixel by pixel
FORMATS = {
    "JPEG": (".jpg", 8),
    "PNG, 8 bit": (".png", 8),
    "PNG, 16 bit": (".png", 16),
    "TIFF, 16 bit": (".tif", 16),
    "WebP": (".webp", 8),
}


@dataclass(frozen=True)
class Dials:
    """What can be turned without solving: the arguments of these names of `transfer`."""

    realism: float = 0.5
    strength: float = 1.0
    keep_skin: float = 0.5
    keep_luma: bool = False
    keep_chroma: bool = False


class Studio:
    """One person's photos and results.

    Args:
        folder: an existing folder for the files that the person takes home.
        device: where to compute, as for `transfer`.
    """

    def __init__(self, folder: Path, device: str = "auto") -> None:
        self.folder, self._device = folder, device
        self.uploads: set[str] = set()  # the files that this person sent
        self._content: Photo | None = None
        self._styles: list[Photo] = []
        self._shares = [1.0]
        self._regions: list[Regions] = []  # of the content and each style photo
        self._result: TransferResult | None = None
        self._look: str | None = None  # a look that is shown instead of a result
        self._changes = 0  # of the photos: what is still being solved for others is of no use
        self.stop = threading.Event()
        self._computing = threading.Lock()  # held while a photo is solved or recoloured

    def end(self, patience: float) -> None:
        """Stop what is being computed, and wait for it, `patience` seconds at most.

        A program that ends in the middle of it aborts.
        """
        self.stop.set()
        if self._computing.acquire(timeout=patience):
            self._computing.release()

    def set_photos(self, content: str | None, style: str | None, second: str | None = None) -> None:
        """Take other photos, by their files; None takes one away. What was made of the old ones is gone.

        With a `second` style photo the two are mixed. Raises PhotostyleError if a file is no photo, or has more than
        `MAX_PIXELS`.
        """
        self._changes += 1
        self._result, self._regions, self._look = None, [], None
        self._content, self._styles = None, []
        self._content = None if content is None else self._read(content)
        self._styles = [self._read(path) for path in (style, second) if path is not None]

    def mix(self, second: float) -> None:
        """Give the second style photo this share, from 0 to 1, and the first the rest."""
        self._shares = [1 - second, second]

    @property
    def ready(self) -> bool:
        """Whether there are two photos."""
        return self._content is not None and bool(self._styles)

    @property
    def mixed(self) -> bool:
        """Whether there are two style photos for a content."""
        return self.ready and len(self._styles) == 2

    def photos(self) -> tuple[Photo, list[Photo]]:
        """The content and the style photos. Raises PhotostyleError unless there are both."""
        if self._content is None or not self._styles:
            raise PhotostyleError("Two photos are needed: the one to change, and the one with the light.")
        return self._content, self._styles

    def before(self) -> np.ndarray:
        """The content as the page shows it, (h, w, 3) uint8, sRGB."""
        return self._shown(self.photos()[0].tensor(self._small()))

    def draft(self, dials: Dials) -> np.ndarray:
        """A first picture, in a second: the colour transfer without regions."""
        self._look = None
        content, styles = self.photos()
        self._result = self._colored(content, styles, dials, self._weights())
        return self.turned(dials)

    def side_by_side(self, path: str, styles: Sequence[str], dials: Dials) -> list[np.ndarray]:
        """Drafts of a photo under each of some style photos, all by their files; (h, w, 3) uint8 each.

        Raises PhotostyleError if a file is no photo.
        """
        content = self._read(path)
        small = _reduced(content, _COMPARED)
        pictures = (self._colored(small, [self._read(style)], dials).image for style in styles)
        return [photo_pixels(as_photo(picture), content) for picture in pictures]

    def solve(
        self, size: int, dials: Dials, report: Callable[[np.ndarray, Iteration], None], every: float = 0.0
    ) -> np.ndarray:
        """Solve the transfer under the present regions, from the present picture if it was solved at this size.

        `report` is called with the picture and the state, with at least `every` seconds between. Setting `stop` keeps
        the best so far. Raises PhotostyleError if there are other photos by the end.
        """
        self.stop.clear()
        self._look = None
        content, _ = self.photos()
        changes, reported = self._changes, -math.inf

        def callback(iteration: Iteration) -> None:
            nonlocal reported
            self._check_stop(iteration)
            if iteration.seconds - reported >= every:
                reported = iteration.seconds
                report(self._lifted(iteration.preview()), iteration)

        with self._computing:
            found = self._all_regions()
            masks: dict[str, Any] = {"auto_mask": "none"}
            if any(len(regions.labels) > 1 for regions in found):
                masks = {"content_mask": [one.content for one in found], "style_mask": [one.style for one in found]}
            before = self._result.ingredients if self._result else None
            start = before.optimised if before is not None else None
            if start is not None and tuple(start.shape[1:]) != working_size(content.size, size):
                start = None
            result = self._transferred(content, size, dials, callback, start=start, **masks)
            if changes != self._changes:
                raise PhotostyleError("The photos have changed meanwhile.")
            self._result = result
            return self.turned(dials)

    def turned(self, dials: Dials) -> np.ndarray:
        """The result with its dials turned, as the page shows it."""
        return self._shown(self._adjusted(dials, LONGEST_SHOWN))

    def closely(self, dials: Dials, across: float, down: float) -> tuple[np.ndarray, np.ndarray]:
        """A piece of the content and of the result, pixel by pixel: (h, w, 3) uint8 each.

        `across` and `down`, from 0 to 1, say where in the photo it lies.
        """
        content = self._first()
        (height, width), (high, wide) = content.size, _PIECE
        top, left = (
            round(share * max(0, whole - part))
            for share, whole, part in ((down, height, high), (across, width, wide))
        )
        pieces = []
        for picture in (content.tensor(), self._adjusted(dials, None)):
            pieces.append(self._shown(picture[:, top : top + high, left : left + wide].contiguous()))
        return pieces[0], pieces[1]

    def apply_look(self, look: str, dials: Dials) -> np.ndarray:
        """A look of the package on the content, instead of a transfer. Raises PhotostyleError without a content."""
        self._look = look
        return self.turned(dials)

    def regions(self) -> Regions:
        """The regions of the content and the first style photo, found when they are first asked for."""
        return self._all_regions()[0]

    def overlays(self) -> tuple[np.ndarray, np.ndarray]:
        """Both photos tinted with the colours of their regions, (h, w, 3) uint8."""
        found = self.regions()
        pictures = []
        content, styles = self.photos()
        for photo, index in ((content, found.content), (styles[0], found.style)):
            small = as_photo(photo.tensor((index.shape[0], index.shape[1])))
            pictures.append(overlay(photo_pixels(small, photo), index, found.labels))
        return pictures[0], pictures[1]

    def correct(self, strokes: Sequence[str | None]) -> None:
        """Find the regions again, under strokes on transparent layers: files for content and first style, or None.

        Raises PhotostyleError if a file is no picture, or has no stroke in a colour of the regions.
        """
        content, styles = self.photos()
        self.uploads.update(path for path in strokes if path is not None)
        read = [
            None if path is None else read_scribbles(path, photo.tensor(), f"the strokes on the {name} photo")
            for path, photo, name in zip(strokes, (content, styles[0]), ("content", "style"), strict=True)
        ]
        self._regions = [self._found(styles[0], *read), *self._all_regions()[1:]]

    def write(self, kind: str, dials: Dials) -> list[str]:
        """Write the full-size photo, and what belongs to it, for download; returns the files.

        The photo has the content's profile and metadata. With a solved result come a look, its table, and a report.
        Raises PhotostyleError if there is nothing yet.
        """
        extension, depth = FORMATS[kind]
        content = self._first()
        stem = Path(content.name).stem[:80]
        photo = self.folder / f"{stem}-photostyle{extension}"
        write_photo(photo, self._adjusted(dials, None), like=content, bit_depth=depth, dither=True)
        files = [str(photo)]
        if self._result is not None and self._look is None:
            look = self._look_of(dials)
            look.save(self.folder / f"{stem}.npz")
            write_atomically(str(self.folder / f"{stem}.cube"), look.cube(title=stem).encode("ascii"))
            write_photo(self.folder / f"{stem}-hald.png", look.hald(), bit_depth=16)
            files += [str(self.folder / f"{stem}{end}") for end in (".npz", ".cube", "-hald.png")]
        return files

    def report(self, dials: Dials) -> dict[str, Any]:
        """What happened, ready for JSON; empty before there is a result."""
        return {} if self._result is None else {**self._result.report(), "dials": asdict(dials)}

    def notes(self) -> tuple[str, ...]:
        """What one should know about the result, a sentence each."""
        return () if self._result is None else self._result.notes

    def give_to(self, paths: Sequence[str], dials: Dials, size: int | None = None) -> Iterator[str | PhotostyleError]:
        """Give the present look to other photos, or solve each by itself at a working size.

        Setting `stop` ends it. Yields for each photo the file that was written, or what went wrong.
        """
        self.stop.clear()
        self.uploads.update(paths)
        look: Any = None
        if size is None:
            look = self._look_of(dials) if self._look is None else find_look(self._look)
        for number, path in enumerate(paths, 1):
            if self.stop.is_set():
                return
            try:
                photo = self._read(path)
                with self._computing:
                    pixels = self._solved(photo, size, dials) if size else self._recolored(photo, look)
                    target = self.folder / f"{number:03}-{Path(path).stem[:80]}.jpg"
                    write_photo(target, pixels, like=photo, dither=True)
                yield str(target)
            except KeyboardInterrupt:
                return
            except PhotostyleError as error:
                yield error

    def _recolored(self, photo: Photo, look: Any) -> Any:
        return recolored(look, photo, device=self._device, everywhere=True)[0]

    def _solved(self, photo: Photo, size: int, dials: Dials) -> Tensor:
        """The default transfer to another photo, at full size. Raises KeyboardInterrupt once `stop` is set."""
        result = self._transferred(photo, size, dials, self._check_stop)
        if result.interrupted:
            raise KeyboardInterrupt
        return result.image

    def _check_stop(self, _: Iteration) -> None:
        if self.stop.is_set():
            raise KeyboardInterrupt

    def _read(self, path: str) -> Photo:
        self.uploads.add(path)
        return read_photo(path, max_pixels=MAX_PIXELS)

    def _first(self) -> Photo:
        """The content. Raises PhotostyleError if there is none."""
        if self._content is None:
            raise PhotostyleError("There is no photo yet.")
        return self._content

    def _weights(self) -> list[float]:
        """The shares of the style photos."""
        return self._shares if len(self._styles) == 2 else [1.0] * len(self._styles)

    def _colored(
        self, content: Photo, styles: list[Photo], dials: Dials, weights: list[float] | None = None
    ) -> TransferResult:
        """The colour transfer, which has no realism."""
        turned = asdict(dials)
        turned.pop("realism")
        return transfer(content, styles, preset="colour", style_weights=weights, device=self._device, **turned)

    def _transferred(
        self, content: Photo, size: int, dials: Dials, callback: Callable[[Iteration], None], **more: Any
    ) -> TransferResult:
        """The default transfer to a photo at a working size; `more` are other arguments of `transfer`."""
        return transfer(
            content,
            self.photos()[1],
            style_weights=self._weights(),
            size=size,
            weights=shared_vgg19("bundled", resolve_device(self._device)),
            device=self._device,
            callback=callback,
            **asdict(dials),
            **more,
        )

    def _look_of(self, dials: Dials) -> Look:
        if self._result is None:
            raise PhotostyleError("There is no result yet.")
        content = self._result.content
        small = (self._result.working.shape[-2], self._result.working.shape[-1])
        picture = self._adjusted(dials, max(small))
        return Look.fit(
            content.tensor((picture.shape[1], picture.shape[2])), picture, icc_profile=content.icc_profile
        )

    def _adjusted(self, dials: Dials, longest: int | None) -> Tensor:
        mixing = {name: getattr(dials, name) for name in MIXING}
        if self._look is not None and self._content is not None:
            photo = self._content if longest is None else _reduced(self._content, longest)
            pixels, _ = recolored(find_look(self._look), photo, device=self._device, **mixing)
            return as_photo(pixels).tensor()
        if self._result is None:
            raise PhotostyleError("There is no result yet.")
        solved = self._result.ingredients is not None and self._result.ingredients.optimised is not None
        realism = dials.realism if solved else 1.0
        return self._result.adjusted(realism=realism, keep_skin=dials.keep_skin, longest=longest, **mixing)

    def _all_regions(self) -> list[Regions]:
        if not self._regions:
            self._regions = [self._found(style) for style in self.photos()[1]]
        return self._regions

    def _found(
        self, style: Photo, content_strokes: np.ndarray | None = None, style_strokes: np.ndarray | None = None
    ) -> Regions:
        content = self.photos()[0]
        photos = content, style.converted_to(content.icc_profile)
        tensors = [photo.tensor(working_size(photo.size, _FOUND_AT)) for photo in photos]
        network = shared_vgg19("bundled", resolve_device(self._device))
        return cosegment(
            tensors[0], tensors[1], vgg=network, content_scribbles=content_strokes, style_scribbles=style_strokes
        )

    def _small(self) -> tuple[int, int]:
        return working_size(self.photos()[0].size, LONGEST_SHOWN)

    @torch.no_grad()
    def _lifted(self, picture: Tensor) -> np.ndarray:
        """A picture at working size as the page shows it."""
        content = self.photos()[0]
        guide = content.tensor((picture.shape[-2], picture.shape[-1]))
        return self._shown(finish(picture, guide, as_photo(content.tensor(self._small()))))

    def _shown(self, picture: Tensor) -> np.ndarray:
        return photo_pixels(as_photo(picture), self._content)


def _reduced(photo: Photo, longest: int) -> Photo:
    """A photo whose longer side has at most `longest` pixels, in the same colour space."""
    small = as_photo(photo.tensor(working_size(photo.size, longest)))
    return replace(small, icc_profile=photo.icc_profile)
