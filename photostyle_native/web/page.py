"""The page: its parts, and what happens when a person uses them. All work is done by `studio.Studio`."""

from __future__ import annotations

import json
import queue
import shutil
import tempfile
import threading
import zipfile
from collections.abc import Callable, Iterator, Sequence
from functools import wraps
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from ..data import CONTENT, STYLE
from ..errors import PhotostyleError
from ..masks.palettes import AUTHORS_COLORS
from ..optimization.solver import Iteration, seconds_left
from ..pipeline.looks import look_names
from ..segmentation.regions import label_colors
from .inputs import photo_input, strokes_input
from .studio import FORMATS, Dials, Studio

CSS = """
footer { display: none !important; }
.photo img, .result img { object-fit: contain; }
"""
_SIZES = {"quick (256)": 256, "usual (400)": 400, "fine (700)": 700}
_KEEPS = ("nothing", "lightness", "colours")
_SECONDS_BETWEEN_PICTURES = 1.5
_MOST_PHOTOS = 200
INTRODUCTION = """# photostyle
Drop a photo, and beside it one with the light that you want. A first picture comes at once; **Make it** takes half a
minute or so, and shows the picture as it gets better. Nothing leaves this machine."""


class Studios:
    """The studios of all visitors by their session; each has a folder, which goes when the session ends."""

    def __init__(self, device: str) -> None:
        self._device = device
        self._studios: dict[str, tuple[Studio, str]] = {}
        self._lock = threading.Lock()

    def of(self, request: gr.Request) -> Studio:
        """The studio of whoever sent this request."""
        name = str(request.session_hash)
        with self._lock:
            if name not in self._studios:
                folder = tempfile.mkdtemp(prefix="photostyle-web-")
                self._studios[name] = Studio(Path(folder), self._device), folder
            return self._studios[name][0]

    def close(self, request: gr.Request) -> None:
        """Forget a visitor who has gone; what is being solved for them stops."""
        with self._lock:
            studio, folder = self._studios.pop(str(request.session_hash), (None, ""))
        if studio is not None:
            studio.stop.set()
            shutil.rmtree(folder, ignore_errors=True)

    def close_all(self) -> None:
        """Remove what is left of all visitors."""
        for _, folder in self._studios.values():
            shutil.rmtree(folder, ignore_errors=True)


def dials_of(realism: float, strength: float, keep_skin: float, keep: str) -> Dials:
    return Dials(realism, strength, keep_skin, keep == "lightness", keep == "colours")


def said(function: Callable[..., Any]) -> Callable[..., Any]:
    """Show what is wrong with a visitor's input as a message on the page."""

    @wraps(function)  # Gradio reads the parameters' types
    def run(*arguments: Any) -> Any:
        try:
            return function(*arguments)
        except PhotostyleError as error:
            raise gr.Error(str(error), duration=None, print_exception=False) from None

    return run


class Page:
    """The functions behind the page, for one server."""

    def __init__(self, device: str) -> None:
        self.studios = Studios(device)

    def photos(
        self,
        content: str | None,
        style: str | None,
        realism: float,
        strength: float,
        skin: float,
        keep: str,
        request: gr.Request,
    ) -> tuple[Any, str]:
        """New photos: a draft, as soon as there are two."""
        studio = self.studios.of(request)
        studio.stop.set()
        studio.set_photos(content, style)
        if not studio.ready:
            return None, "One more photo." if content or style else ""
        picture = studio.draft(dials_of(realism, strength, skin, keep))
        return (studio.before(), picture), "A first picture, colours only. **Make it** solves the rest."

    def demo(self, request: gr.Request) -> tuple[str, str]:
        """The two photos that come with the package, as files of this visitor."""
        folder = self.studios.of(request).folder
        return str(shutil.copy(CONTENT, folder)), str(shutil.copy(STYLE, folder))

    def solve(
        self, size: str, realism: float, strength: float, skin: float, keep: str, request: gr.Request
    ) -> Iterator[tuple[Any, str]]:
        """Solve the transfer, and show the picture on the way."""
        studio = self.studios.of(request)
        yield from _solved(studio, _SIZES[size], dials_of(realism, strength, skin, keep))

    def stop(self, request: gr.Request) -> None:
        self.studios.of(request).stop.set()

    def turn(self, realism: float, strength: float, skin: float, keep: str, request: gr.Request) -> Any:
        """The dials were turned."""
        studio = self.studios.of(request)
        return (studio.before(), studio.turned(dials_of(realism, strength, skin, keep))) if studio.ready else None

    def look(
        self, look: str, realism: float, strength: float, skin: float, keep: str, request: gr.Request
    ) -> tuple[Any, str]:
        """A look of the package was chosen."""
        studio = self.studios.of(request)
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
        return self.studios.of(request).closely(dials_of(realism, strength, skin, keep), across, down)

    def regions(self, request: gr.Request) -> tuple[Any, Any, str]:
        """Show the regions of both photos."""
        return _painted(self.studios.of(request))

    def correct(self, content: str | None, style: str | None, request: gr.Request) -> tuple[Any, Any, str]:
        """Find the regions again, under strokes."""
        studio = self.studios.of(request)
        if content is None and style is None:
            raise PhotostyleError("Paint on one of the photos first, in the colour of the region that it should be.")
        studio.correct((content, style))
        return _painted(studio)

    def files(
        self, kind: str, realism: float, strength: float, skin: float, keep: str, request: gr.Request
    ) -> list[str]:
        """Write the files that a person takes home."""
        studio, dials = self.studios.of(request), dials_of(realism, strength, skin, keep)
        files = studio.write(kind, dials)
        report = studio.report(dials)
        if report:
            path = Path(files[0]).with_suffix(".json")
            path.write_text(json.dumps(report, indent=2, default=str), encoding="utf-8")
            files.append(str(path))
        return files

    def others(
        self, paths: list[str] | None, realism: float, strength: float, skin: float, keep: str, request: gr.Request
    ) -> tuple[str | None, str]:
        """Give the present look to more photos; returns a zip file."""
        if not paths:
            raise PhotostyleError("Choose some photos first.")
        if len(paths) > _MOST_PHOTOS:
            raise PhotostyleError(f"At most {_MOST_PHOTOS} photos at once; `photostyle batch` has no limit.")
        written, problems = self.studios.of(request).give_to(paths, dials_of(realism, strength, skin, keep))
        archive = None
        if written:
            archive = str(Path(written[0]).with_name("photos.zip"))
            with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as file:
                for path in written:
                    file.write(path, Path(path).name)
                    Path(path).unlink()
        return archive, "\n\n".join([f"{len(written)} photos.", *problems])


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
                raise gr.Error(str(state), duration=None, print_exception=False)
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


def _brush() -> gr.Brush:
    colors: list[Any] = ["#{:02x}{:02x}{:02x}".format(*color) for color in label_colors(tuple(AUTHORS_COLORS))]
    return gr.Brush(default_size=24, colors=colors, default_color=colors[0], color_mode="fixed")


def build(device: str = "auto") -> tuple[gr.Blocks, Page]:
    """Make the page. Its parts have names (`elem_id`) by which a test finds them."""
    page = Page(device)
    with gr.Blocks(title="photostyle", analytics_enabled=False, delete_cache=(600, 3600)) as blocks:
        gr.Markdown(INTRODUCTION)
        with gr.Row():
            content, style = (
                photo_input(
                    label=label,
                    sources=["upload", "clipboard", "webcam"],
                    height=260,
                    elem_id=name,
                    elem_classes="photo",
                )
                for name, label in (("content", "The photo to change"), ("style", "The photo with the light"))
            )
        with gr.Row():
            demo = gr.Button("Try the two photos that came with the program", elem_id="demo")
            look = gr.Dropdown(list(look_names()), value=None, label="Or a look, on the first photo", elem_id="look")
        result = gr.ImageSlider(label="Before and after", type="numpy", elem_id="result", elem_classes="result")
        state = gr.Markdown("", elem_id="state")
        with gr.Row():
            make = gr.Button("Make it", variant="primary", elem_id="make")
            stop = gr.Button("Stop, keep the best", elem_id="stop")
            size = gr.Radio(list(_SIZES), value="usual (400)", label="How fine", elem_id="size")
        with gr.Row():
            dials: Sequence[Any] = [
                gr.Slider(0, 1, 0.5, step=0.05, label="Realism", info="1: colours only", elem_id="realism"),
                gr.Slider(0, 1, 1.0, step=0.05, label="Strength", info="0: your photo", elem_id="strength"),
                gr.Slider(0, 1, 0.5, step=0.05, label="Keep skin", info="of people", elem_id="skin"),
                gr.Radio(list(_KEEPS), value="nothing", label="Keep of your photo", elem_id="keep"),
            ]
        with gr.Accordion("Regions: what takes its light from what", open=False):
            gr.Markdown("Places of one colour belong together. Wrong? Paint over them in the right colour.")
            show = gr.Button("Show the regions", elem_id="show")
            with gr.Row():
                strokes = [
                    strokes_input(
                        label=label,
                        type="numpy",
                        sources=[],
                        transforms=[],
                        layers=False,
                        brush=_brush(),
                        elem_id=f"paint-{name}",
                    )
                    for name, label in (("content", "your photo"), ("style", "the photo with the light"))
                ]
            legend = gr.Markdown("", elem_id="legend")
            use = gr.Button("Use my strokes", elem_id="use")
        with gr.Accordion("Look closely, at 100 %", open=False):
            with gr.Row():
                across = gr.Slider(0, 1, 0.5, step=0.01, label="Across", elem_id="across")
                down = gr.Slider(0, 1, 0.5, step=0.01, label="Down", elem_id="down")
            look_closely = gr.Button("Show this piece", elem_id="closely")
            piece = gr.ImageSlider(label="Pixel by pixel", type="numpy", elem_id="piece", max_height=640)
        with gr.Accordion("Take it home", open=True), gr.Row():
            kind = gr.Radio(list(FORMATS), value="JPEG", label="As", elem_id="kind")
            write = gr.Button("Make the files", elem_id="write")
            files = gr.File(label="Photo, look, tables, report", file_count="multiple", elem_id="files")
        with gr.Accordion("The same for more photos", open=False), gr.Row():
            more = gr.File(label="Photos", file_count="multiple", file_types=["image"], elem_id="more")
            give = gr.Button("Give them this look", elem_id="give")
            archive = gr.File(label="All of them", elem_id="archive")
            given = gr.Markdown("")

        drafted = {"fn": said(page.photos), "inputs": [content, style, *dials], "outputs": [result, state]}
        gr.on([content.change, style.change], **drafted, show_progress="minimal", trigger_mode="always_last")
        demo.click(page.demo, None, [content, style], show_progress="hidden")
        look.input(said(page.look), [look, *dials], [result, state], show_progress="minimal")
        # One transfer at a time; whoever waits sees their place in the queue.
        make.click(page.solve, [size, *dials], [result, state], concurrency_limit=1, concurrency_id="solver")
        stop.click(page.stop, None, None, queue=False)
        for dial in dials:
            event = dial.release if isinstance(dial, gr.Slider) else dial.input
            event(said(page.turn), dials, result, show_progress="hidden", trigger_mode="always_last")
        for place in (across.release, down.release, look_closely.click):
            place(said(page.closely), [across, down, *dials], piece, trigger_mode="always_last")
        regions = [*strokes, legend]
        show.click(said(page.regions), None, regions, concurrency_limit=1, concurrency_id="solver")
        use.click(said(page.correct), strokes, regions, concurrency_limit=1, concurrency_id="solver")
        write.click(said(page.files), [kind, *dials], files)
        give.click(said(page.others), [more, *dials], [archive, given], concurrency_limit=1, concurrency_id="solver")
        blocks.unload(page.studios.close)
    blocks.queue(max_size=32)
    return blocks, page
