"""What happens when a person uses the page. All work is done by `studio.Studio`."""

from __future__ import annotations

import json
import queue
import shutil
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from functools import wraps
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from ..data import CONTENT, STYLE
from ..errors import PhotostyleError
from ..optimization.solver import Iteration, seconds_left
from .studio import Dials, Studio
from .visitors import Visitors

SIZES = {"quick (256)": 256, "usual (400)": 400, "fine (700)": 700}
AT_ONCE, ONE_BY_ONE = "the colours of this one, at once", "solved one by one"
_SECONDS_BETWEEN_PICTURES = 1.5
MOST_PHOTOS = 200
_MOST_LIGHTS = 12  # that stand side by side


def dials_of(realism: float, strength: float, keep_skin: float, keep: str) -> Dials:
    return Dials(realism, strength, keep_skin, keep == "lightness", keep == "colours")


def said(function: Callable[..., Any]) -> Callable[..., Any]:
    """Show what is wrong with a visitor's input as a message on the page."""

    @wraps(function)  # Gradio reads the parameters' types
    def run(*arguments: Any) -> Any:
        try:
            return function(*arguments)
        except PhotostyleError as error:
            raise _shown_error(str(error)) from None

    return run


class Actions:
    """The functions behind the page, for the visitors of one server."""

    def __init__(self, visitors: Visitors) -> None:
        self._visitors = visitors

    def photos(
        self,
        content: str | None,
        style: str | None,
        second: str | None,
        share: float,
        realism: float,
        strength: float,
        skin: float,
        keep: str,
        request: gr.Request,
    ) -> tuple[Any, str]:
        """New photos: a draft, as soon as there are two."""
        studio = self._visitors.studio(request)
        studio.stop.set()
        studio.set_photos(content, style, second)
        studio.mix(share)
        if not studio.ready:
            return None, "One more photo." if content or style or second else ""
        picture = studio.draft(dials_of(realism, strength, skin, keep))
        return (studio.before(), picture), "A first picture, colours only. **Make it** solves the rest."

    def mix(
        self, share: float, realism: float, strength: float, skin: float, keep: str, request: gr.Request
    ) -> tuple[Any, Any]:
        """The share of the second light was turned: a draft of the mixture, if there is one."""
        studio = self._visitors.studio(request)
        studio.mix(share)
        if not studio.mixed:
            return gr.skip(), gr.skip()
        studio.stop.set()
        picture = studio.draft(dials_of(realism, strength, skin, keep))
        return (studio.before(), picture), "A first picture of the mixture. **Make it** solves the rest."

    def side_by_side(
        self,
        content: str | None,
        paths: list[str] | None,
        realism: float,
        strength: float,
        skin: float,
        keep: str,
        request: gr.Request,
    ) -> list[tuple[np.ndarray, str]]:
        """Drafts of the photo under each of some lights."""
        if content is None or not paths:
            return []
        if len(paths) > _MOST_LIGHTS:
            raise PhotostyleError(f"At most {_MOST_LIGHTS} photos stand side by side.")
        studio, dials = self._visitors.studio(request), dials_of(realism, strength, skin, keep)
        pictures = studio.side_by_side(content, paths, dials)
        return list(zip(pictures, (Path(path).name for path in paths), strict=True))

    def choose(self, paths: list[str] | None, event: gr.SelectData) -> str | None:
        """One of the pictures that stand side by side was chosen: its light becomes the light."""
        return paths[event.index] if paths and event.index < len(paths) else None

    def demo(self, request: gr.Request) -> tuple[str, str]:
        """The two photos that come with the package, as files of this visitor."""
        folder = self._visitors.studio(request).folder
        return str(shutil.copy(CONTENT, folder)), str(shutil.copy(STYLE, folder))

    def solve(
        self, size: str, realism: float, strength: float, skin: float, keep: str, request: gr.Request
    ) -> Iterator[tuple[Any, str]]:
        """Solve the transfer, and show the picture on the way."""
        studio = self._visitors.studio(request)
        yield from _solved(studio, SIZES[size], dials_of(realism, strength, skin, keep))

    def stop(self, request: gr.Request) -> None:
        self._visitors.studio(request).stop.set()

    def turn(self, realism: float, strength: float, skin: float, keep: str, request: gr.Request) -> Any:
        """The dials were turned."""
        studio = self._visitors.studio(request)
        return (studio.before(), studio.turned(dials_of(realism, strength, skin, keep))) if studio.ready else None

    def look(
        self, look: str, realism: float, strength: float, skin: float, keep: str, request: gr.Request
    ) -> tuple[Any, str]:
        """A look of the package was chosen."""
        studio = self._visitors.studio(request)
        return (
            studio.before(),
            studio.apply_look(look, dials_of(realism, strength, skin, keep)),
        ), f"The look {look}, at once."

    def closely(
        self,
        across: float,
        down: float,
        realism: float,
        strength: float,
        skin: float,
        keep: str,
        request: gr.Request,
    ) -> Any:
        """A piece at 100 %."""
        return self._visitors.studio(request).closely(dials_of(realism, strength, skin, keep), across, down)

    def regions(self, request: gr.Request) -> tuple[Any, Any, str]:
        """Show the regions of both photos."""
        return _painted(self._visitors.studio(request))

    def correct(self, content: str | None, style: str | None, request: gr.Request) -> tuple[Any, Any, str]:
        """Find the regions again, under strokes."""
        studio = self._visitors.studio(request)
        if content is None and style is None:
            raise PhotostyleError("Paint on one of the photos first, in the colour of the region that it should be.")
        studio.correct((content, style))
        return _painted(studio)

    def files(
        self, kind: str, realism: float, strength: float, skin: float, keep: str, request: gr.Request
    ) -> list[str]:
        """Write the files that a person takes home."""
        studio, dials = self._visitors.studio(request), dials_of(realism, strength, skin, keep)
        files = studio.write(kind, dials)
        report = studio.report(dials)
        if report:
            path = Path(files[0]).with_suffix(".json")
            path.write_text(json.dumps(report, indent=2, default=str), encoding="utf-8")
            files.append(str(path))
        return files

    def others(
        self,
        paths: list[str] | None,
        how: str,
        size: str,
        realism: float,
        strength: float,
        skin: float,
        keep: str,
        request: gr.Request,
    ) -> Iterator[tuple[Any, str]]:
        """Give the present look to more photos, or solve each; yields a zip file in the end."""
        if not paths:
            raise _shown_error("Choose some photos first.")
        if len(paths) > MOST_PHOTOS:
            raise _shown_error(f"At most {MOST_PHOTOS} photos at once; `photostyle batch` has no limit.")
        studio, begin = self._visitors.studio(request), time.monotonic()
        written, problems = [], []
        yield None, f"{len(paths)} photos ..."
        try:
            dials = dials_of(realism, strength, skin, keep)
            for outcome in studio.give_to(paths, dials, SIZES[size] if how == ONE_BY_ONE else None):
                problems += [str(outcome)] if isinstance(outcome, PhotostyleError) else []
                written += [outcome] if isinstance(outcome, str) else []
                done = len(written) + len(problems)
                left = (time.monotonic() - begin) / done * (len(paths) - done)
                yield None, f"{done} of {len(paths)} photos, about {left:.0f} s left."
        except PhotostyleError as error:
            raise _shown_error(str(error)) from None
        open_ = len(paths) - len(written) - len(problems)
        lines = [f"{len(written)} photos.", *([f"{open_} were not made."] if open_ else []), *problems]
        yield _zipped(written), "\n\n".join(lines)


def _zipped(written: list[str]) -> str | None:
    """Move files into a zip file beside them; None without files."""
    if not written:
        return None
    archive = str(Path(written[0]).with_name("photos.zip"))
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as file:
        for path in written:
            file.write(path, Path(path).name)
            Path(path).unlink()
    return archive


def _shown_error(words: str) -> gr.Error:
    """A message on the page that stays until it is closed."""
    return gr.Error(words, duration=None, print_exception=False)


def _solved(studio: Studio, size: int, dials: Dials) -> Iterator[tuple[Any, str]]:
    """Solve in a thread, because a generator of the page has to hand out pictures meanwhile."""
    before = studio.before()
    states: queue.SimpleQueue[tuple[np.ndarray, str] | BaseException | None] = queue.SimpleQueue()

    def report(picture: np.ndarray, iteration: Iteration) -> None:
        left = f"about {seconds_left(iteration):.0f} s left."
        states.put((picture, f"Step {iteration.iteration} of {iteration.iterations}, {left}"))

    def work() -> None:
        try:
            picture = studio.solve(size, dials, report, every=_SECONDS_BETWEEN_PICTURES)
            notes = "".join(f"\n- {note}" for note in studio.notes())
            states.put((picture, f"Done. The dials act at once.{notes}"))
            states.put(None)
        except BaseException as error:
            states.put(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    yield (before, before), "Finding regions ..."
    try:
        while (state := states.get()) is not None:
            if isinstance(state, PhotostyleError):
                raise _shown_error(str(state))
            if isinstance(state, BaseException):
                raise state
            yield (before, state[0]), state[1]
    finally:  # the visitor may have gone
        studio.stop.set()
        thread.join()


def _painted(studio: Studio) -> tuple[Any, Any, str]:
    found = studio.regions()
    lines = "\n".join(f"- {line}" for line in found.lines())
    return *studio.overlays(), lines
