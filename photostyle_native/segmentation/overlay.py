"""A sheet that shows the regions of two photos, with a legend, so that they can be checked before a transfer."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage  # type: ignore[import-untyped]

from ..images.sheet import Tile, make_sheet
from .regions import Regions, label_colors

_HEIGHT, _WIDEST = 480, 2400  # pixels: height and largest width of each photo on the sheet
_TINT = 0.45  # how much of the label's colour shows over the photo
_PAPER, _INK = (255, 255, 255), (40, 40, 40)
_LINE, _SWATCH, _MARGIN = 30, 18, 14


def overlay_sheet(photos: list[np.ndarray], found: Regions) -> np.ndarray:
    """Draw each photo beside its overlay, one row per photo, and a legend with the confidence: (H, W, 3) uint8.

    `photos` are content and style as (H, W, 3) uint8 sRGB.
    """
    rows = []
    height = max(1, min(_HEIGHT, *(_WIDEST * photo.shape[0] // photo.shape[1] for photo in photos)))
    for photo, index, name in zip(photos, (found.content, found.style), ("content", "style"), strict=True):
        size = max(1, round(photo.shape[1] * height / photo.shape[0])), height
        small = np.asarray(Image.fromarray(photo).resize(size, Image.Resampling.LANCZOS))
        labels = np.asarray(Image.fromarray(index.astype(np.uint8)).resize(size, Image.Resampling.NEAREST))
        rows.append([Tile(small, name), Tile(overlay(small, labels, found.labels), "regions")])
    return _with_legend(make_sheet(rows), found)


def overlay(photo: np.ndarray, index: np.ndarray, labels: tuple[str, ...]) -> np.ndarray:
    """Draw a photo (H, W, 3) uint8 in grey, tinted with the colours of its labels, with white boundaries."""
    grey = photo.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    tinted = (1 - _TINT) * grey[..., None] + _TINT * label_colors(labels)[index]
    edges = ndimage.maximum_filter(index, 2) != ndimage.minimum_filter(index, 2)
    tinted[edges] = 255
    return np.clip(np.round(tinted), 0, 255).astype(np.uint8)


def _with_legend(sheet: np.ndarray, found: Regions) -> np.ndarray:
    height, width = sheet.shape[:2]
    font, left, lines = ImageFont.load_default(size=18), 2 * _MARGIN + _SWATCH, found.lines()
    width = max(width, left + _MARGIN + max(int(font.getlength(line)) for line in lines))
    picture = Image.new("RGB", (width, height + _LINE * len(lines) + _MARGIN), _PAPER)
    picture.paste(Image.fromarray(sheet), (0, 0))
    draw = ImageDraw.Draw(picture)
    for k, (color, line) in enumerate(zip(label_colors(found.labels), lines, strict=True)):
        top = height + _LINE * k
        box = (_MARGIN, top, _MARGIN + _SWATCH, top + _SWATCH)
        draw.rectangle(box, fill=tuple(int(v) for v in color), outline=_INK)
        draw.text((left, top), line, fill=_INK, font=font)
    return np.asarray(picture)
