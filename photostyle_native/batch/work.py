"""What becomes of one photo of many. It is the same in this process and on another machine."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from typing import Any

from torch import Tensor

from ..color.look import Look
from ..color.table import Table
from ..images.photo import Photo, read_photo
from ..images.write import check_writable, write_photo
from ..machine import resolve_device
from ..network.vgg19 import VGG19
from ..network.weights import shared_vgg19
from ..pipeline.look_transfer import recolored
from ..pipeline.looks import find_look, look_names
from ..pipeline.presets import mask_source, optimises
from ..pipeline.transfer import transfer
from ..segmentation.automatic import needs_network


@dataclass(frozen=True)
class Task:
    """What is done with every photo, by names of files and values that can be sent to another machine.

    Args:
        styles: the style photos; none if a look is applied.
        look: the look (see `pipeline.looks.find_look`); None if each photo is solved by itself.
        solving: keyword arguments of `transfer`.
        applying: keyword arguments of `pipeline.look_transfer.recolored`.
        bit_depth: of the files that are written; None means the photo's, where the format can.
    """

    styles: tuple[str, ...] = ()
    look: str | None = None
    solving: dict[str, Any] = field(default_factory=dict)
    applying: dict[str, Any] = field(default_factory=dict)
    bit_depth: int | None = None

    def settings(self) -> dict[str, Any]:
        """Everything that a result depends on besides the photo and the files that are named, ready for JSON."""
        return asdict(self)

    def anywhere(self) -> Task:
        """The same task with absolute paths, which other machines and processes find as well."""
        files = {path: os.path.abspath(path) for path in self.files()}
        weights = self.solving.get("weights")
        solving = self.solving
        if weights is not None and os.path.exists(weights):
            solving = {**solving, "weights": os.path.abspath(weights)}
        look = None if self.look is None else files.get(self.look, self.look)
        return replace(self, styles=tuple(files[path] for path in self.styles), look=look, solving=solving)

    def files(self) -> tuple[str, ...]:
        """The files that a result depends on besides the photo."""
        looks = [self.look] if self.look and self.look not in look_names() else []
        return (*self.styles, *looks)


Solve = Callable[[Photo, list[Photo], dict[str, Any]], Any]


def solve_plainly(content: Photo, styles: list[Photo], arguments: dict[str, Any]) -> Any:
    """Run `transfer` without showing anything."""
    return transfer(content, styles, **arguments)


def make_photo(task: Task, photo: str, output: str, solve: Solve = solve_plainly) -> dict[str, Any]:
    """Read a photo, do the task, write the result; returns what there is to report.

    Raises:
        PhotostyleError: a file or an option cannot be used; nothing has been written.
        KeyboardInterrupt: the optimisation was interrupted; nothing has been written.
    """
    begin = time.perf_counter()
    content = read_photo(photo)
    check_writable(output, task.bit_depth, content.size)
    pixels: Any
    if task.look is not None:
        pixels, notes = recolored(_look(task.look), content, **task.applying)
    else:
        pixels, notes = solved(task, content, solve)
    lost = write_photo(output, pixels, like=content, bit_depth=task.bit_depth, dither=True)
    return {
        "seconds": round(time.perf_counter() - begin, 3),
        "size": [content.height, content.width],
        "notes": [*notes, *lost],
    }


def solved(task: Task, content: Photo, solve: Solve) -> tuple[Tensor, tuple[str, ...]]:
    """The result of a transfer to `content`, and its notes. Raises KeyboardInterrupt if it was interrupted."""
    result = solve(content, style_photos(task.styles), {**task.solving, "weights": network(task.solving)})
    if result.interrupted:
        raise KeyboardInterrupt
    return result.image, result.notes


@lru_cache(maxsize=1)
def _read_styles(paths: tuple[str, ...]) -> list[Photo]:
    return [read_photo(path) for path in paths]


def style_photos(paths: tuple[str, ...]) -> list[Photo]:
    """The style photos, which are read once for all photos."""
    return list(_read_styles(paths))


@lru_cache(maxsize=1)
def _look(look: str) -> Look | Table:
    return find_look(look)


def network(solving: dict[str, Any]) -> str | VGG19:
    """The network for these arguments of `transfer`, loaded once for all photos; only its name if none is needed."""
    preset, weights = solving["preset"], solving["weights"]
    needed = optimises(preset, solving["realism"]) or needs_network(mask_source(solving["auto_mask"], preset))
    return shared_vgg19(weights, resolve_device(solving["device"])) if needed else weights
