"""`photostyle masks`: make label images from two photos alone, to look at and to correct."""

from __future__ import annotations

import argparse
import io
from pathlib import Path

import numpy as np
from PIL import Image

from ..errors import PhotostyleError
from ..files import check_file, make_folder, same_file, write_atomically
from ..images.photo import Photo, read_photo
from ..images.resize import working_size
from ..images.sheet import photo_pixels
from ..machine import resolve_device
from ..network.weights import load_vgg19
from ..segmentation.automatic import SOURCES, check_automatic, find_regions
from ..segmentation.overlay import overlay_sheet
from ..segmentation.regions import Regions, label_colors
from ..segmentation.scribbles import read_scribbles
from .options import keyword_arguments
from .progress import plain_warnings
from .streams import say

_LONGEST = 2000  # pixels: longest side of a label image; enough for any working size, and quick to paint on


def run(options: argparse.Namespace) -> int:
    """Run the command. Returns 0.

    Raises:
        PhotostyleError: an option or a file cannot be used; nothing has been written then.
    """
    auto_mask = keyword_arguments(find_regions, options)["auto_mask"]
    check_automatic(auto_mask, options.regions, options.segment_model)
    corrects = [name for name, source in SOURCES.items() if "content_scribbles" in source.parameters]
    if auto_mask not in corrects and (options.content_scribbles or options.style_scribbles):
        raise PhotostyleError(f"scribbles are for --auto-mask {' or '.join(corrects)}, got {auto_mask}")
    device = resolve_device(**keyword_arguments(resolve_device, options))
    network = keyword_arguments(load_vgg19, options)
    folder = Path(options.output)
    paths = [str(folder / name) for name in ("content.png", "style.png", "sheet.png")]
    photos = read_photo(options.content), read_photo(options.style)
    scribbles = [
        None if path is None else read_scribbles(path, photo.tensor(), f"`{name}_scribbles`")
        for path, photo, name in zip(
            (options.content_scribbles, options.style_scribbles), photos, ("content", "style"), strict=True
        )
    ]  # before the style photo is converted, because strokes on a photo are compared with the photo's file
    photos = photos[0], photos[1].converted_to(photos[0].icc_profile)
    sizes = [working_size(photo.size, _LONGEST) for photo in photos]
    _check_outputs(folder, paths, options, network["weights"])
    with plain_warnings():
        found = find_regions(
            photos[0].tensor(sizes[0]),
            photos[1].tensor(sizes[1]),
            load_vgg19(**network).to(device),
            auto_mask,
            regions=options.regions,
            segment_model=options.segment_model,
            content_scribbles=scribbles[0],
            style_scribbles=scribbles[1],
            content_opacity=photos[0].opacity(sizes[0]),
            style_opacity=photos[1].opacity(sizes[1]),
        )
    _write(paths, photos, found)
    say(_summary(paths, found))
    return 0


def _check_outputs(folder: Path, paths: list[str], options: argparse.Namespace, weights: str) -> None:
    make_folder(folder)
    inputs = {
        "CONTENT": options.content,
        "STYLE": options.style,
        "--content-scribbles": options.content_scribbles,
        "--style-scribbles": options.style_scribbles,
        "--weights": weights,
    }
    for path in paths:
        for role, source in inputs.items():
            if source and same_file(source, path):
                raise PhotostyleError(f"{path}: the output would overwrite {role}")
        check_file(path, "label image")


def _write(paths: list[str], photos: tuple[Photo, Photo], found: Regions) -> None:
    for path, index in zip(paths, (found.content, found.style), strict=False):
        write_atomically(path, palette_png(index, found.labels))
    sheet = io.BytesIO()
    Image.fromarray(overlay_sheet([photo_pixels(photo) for photo in photos], found)).save(sheet, "PNG")
    write_atomically(paths[2], sheet.getvalue())


def palette_png(index: np.ndarray, labels: tuple[str, ...]) -> bytes:
    """A label map (H, W) as a PNG file with a palette, one entry for each label."""
    image = Image.fromarray(index.astype(np.uint8))
    image.putpalette(label_colors(labels).tobytes())
    stream = io.BytesIO()
    image.save(stream, "PNG", optimize=True)
    return stream.getvalue()


def _summary(paths: list[str], found: Regions) -> str:
    lines = [f"{paths[0]}, {paths[1]}: label images for --content-mask and --style-mask", f"{paths[2]}: overlays"]
    return "\n".join([*lines, *found.lines(), *(f"note: {note}" for note in found.notes)])
