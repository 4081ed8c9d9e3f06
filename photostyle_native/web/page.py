"""The page: its parts, and which of `actions.Actions` each calls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gradio as gr

from ..masks.palettes import AUTHORS_COLORS
from ..pipeline.looks import look_names
from ..segmentation.regions import label_colors
from .actions import AT_ONCE, MOST_PHOTOS, ONE_BY_ONE, SIZES, Actions, said
from .inputs import photo_input, strokes_input
from .studio import FORMATS
from .visitors import Visitors

CSS = """
footer { display: none !important; }
.photo img, .result img { object-fit: contain; }
"""
_KEEPS = ("nothing", "lightness", "colours")
INTRODUCTION = """# photostyle
Drop a photo, and beside it one with the light that you want. A first picture comes at once; **Make it** takes half a
minute or so, and shows the picture as it gets better. Nothing leaves this machine."""


def _brush() -> gr.Brush:
    colors: list[Any] = ["#{:02x}{:02x}{:02x}".format(*color) for color in label_colors(tuple(AUTHORS_COLORS))]
    return gr.Brush(default_size=24, colors=colors, default_color=colors[0], color_mode="fixed")


def _photo(name: str, label: str) -> gr.Image:
    """A place for a photo."""
    return photo_input(
        label=label,
        sources=["upload", "clipboard", "webcam"],
        height=260,
        elem_id=name,
        elem_classes="photo",
    )


def build(visitors: Visitors) -> gr.Blocks:
    """Make the page. Its parts have names (`elem_id`) by which a test finds them."""
    page = Actions(visitors)
    with gr.Blocks(title="photostyle", analytics_enabled=False, delete_cache=(600, 3600)) as blocks:
        gr.Markdown(INTRODUCTION)
        with gr.Row():
            content = _photo("content", "The photo to change")
            style = _photo("style", "The photo with the light")
        with gr.Row():
            demo = gr.Button("Try the two photos that came with the program", elem_id="demo")
            look = gr.Dropdown(list(look_names()), value=None, label="Or a look, on the first photo", elem_id="look")
        with gr.Accordion("More lights: side by side, or two mixed", open=False):
            gr.Markdown("Drop several photos to see yours in the light of each; click on one to take it.")
            lights = gr.File(
                label="Photos with lights", file_count="multiple", file_types=["image"], elem_id="lights"
            )
            gallery = gr.Gallery(
                label="Side by side",
                columns=3,
                allow_preview=False,
                interactive=False,
                object_fit="contain",
                elem_id="gallery",
            )
            gr.Markdown("Or mix a second light into the first.")
            with gr.Row():
                second = _photo("second", "A second photo with light")
                share = gr.Slider(
                    0, 1, 0.5, step=0.05, label="Share of the second", info="0: the first alone", elem_id="share"
                )
        result = gr.ImageSlider(label="Before and after", type="numpy", elem_id="result", elem_classes="result")
        state = gr.Markdown("", elem_id="state")
        with gr.Row():
            make = gr.Button("Make it", variant="primary", elem_id="make")
            stop = gr.Button("Stop, keep the best", elem_id="stop")
            size = gr.Radio(list(SIZES), value="usual (400)", label="How fine", elem_id="size")
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
        with gr.Accordion("The same for more photos", open=False):
            with gr.Row():
                more = gr.File(
                    label=f"Photos, at most {MOST_PHOTOS}",
                    file_count="multiple",
                    file_types=["image"],
                    elem_id="more",
                )
                archive = gr.File(label="All of them", elem_id="archive")
            how = gr.Radio([AT_ONCE, ONE_BY_ONE], value=AT_ONCE, label="How", elem_id="how")
            with gr.Row():
                give = gr.Button("Make them", elem_id="give")
                stop_giving = gr.Button("Stop, keep those that are made", elem_id="stop-giving")
            given = gr.Markdown("", elem_id="given")

        photos = [content, style, second]
        drafted = {"fn": said(page.photos), "inputs": [*photos, share, *dials], "outputs": [result, state]}
        gr.on([one.change for one in photos], **drafted, show_progress="minimal", trigger_mode="always_last")
        share.input(said(page.mix), [share, *dials], [result, state], trigger_mode="always_last")
        compared = {"inputs": [content, lights, *dials], "outputs": gallery, "trigger_mode": "always_last"}
        gr.on([content.change, lights.change], said(page.side_by_side), **compared)
        gallery.select(page.choose, lights, style)
        demo.click(page.demo, None, [content, style], show_progress="hidden")
        look.input(said(page.look), [look, *dials], [result, state], show_progress="minimal")
        # One transfer at a time; whoever waits sees their place in the queue.
        make.click(page.solve, [size, *dials], [result, state], concurrency_limit=1, concurrency_id="solver")
        for button in (stop, stop_giving):
            button.click(page.stop, None, None, queue=False)
        for dial in dials:  # `input` also hears numbers that are typed, `release` only the mouse
            dial.input(said(page.turn), dials, result, show_progress="hidden", trigger_mode="always_last")
        for place in (across.input, down.input, look_closely.click):
            place(said(page.closely), [across, down, *dials], piece, trigger_mode="always_last")
        regions = [*strokes, legend]
        show.click(said(page.regions), None, regions, concurrency_limit=1, concurrency_id="solver")
        use.click(said(page.correct), strokes, regions, concurrency_limit=1, concurrency_id="solver")
        write.click(said(page.files), [kind, *dials], files)
        give.click(
            page.others, [more, how, size, *dials], [archive, given], concurrency_limit=1, concurrency_id="solver"
        )
        blocks.unload(visitors.close)
    blocks.queue(max_size=32)
    return blocks
