"""Contact sheets: pictures side by side with captions and inset masks, by which people judge a transfer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ..errors import PhotostyleError
from .codecs.samples import change_depth
from .photo import Path, Photo, as_photo, read_photo
from .resize import working_size

_GAP = 12
_PAPER, _INK = (255, 255, 255), (40, 40, 40)
_INSET_SHARE, _INSET_MARGIN, _INSET_FRAME = 0.28, 8, 2


@dataclass(frozen=True, eq=False)
class Tile:
    """One picture of a sheet.

    Args:
        pixels: (H, W, 3) uint8, sRGB.
        caption: a few words below the picture; shortened with an ellipsis if they are wider than it.
        inset: (h, w, 3) uint8 for the lower right corner, or None; resized without blending its colours.
    """

    pixels: np.ndarray
    caption: str = ""
    inset: np.ndarray | None = None


def photo_pixels(photo: Photo, like: Photo | None = None) -> np.ndarray:
    """The pixels of a photo for a sheet: (H, W, 3) uint8 in sRGB.

    If `like` is given, the values of `photo` are taken to be in the colour space of `like`, not in its own.
    """
    if like is not None:
        photo = replace(photo, icc_profile=like.icc_profile)
    return change_depth(photo.converted_to(None).pixels, np.dtype(np.uint8))


def lowered(photo: Photo, height: int, like: Photo | None = None) -> np.ndarray:
    """`photo_pixels` of a photo at a sheet's height, or at its own if that is less."""
    size = working_size(photo.size, round(height * max(photo.size) / photo.height))
    small = as_photo(photo.tensor(size if size[0] < photo.height else None))
    return photo_pixels(small, like or photo)


def thumbnail(path: Path, height: int) -> np.ndarray:
    """Read a photo for a sheet, in sRGB, at the sheet's height or less, so that dozens fit into memory.

    Returns:
        (h, w, 3) uint8; h is `height`, or less if the photo is smaller or more than three times as wide.

    Raises:
        PhotostyleError: the photo cannot be read.
    """
    pixels = photo_pixels(read_photo(path))
    scale = min(1.0, height / pixels.shape[0], 3 * height / pixels.shape[1])
    rows, columns = working_size(pixels.shape[:2], max(1, round(scale * max(pixels.shape[:2]))))
    return np.asarray(Image.fromarray(pixels).resize((columns, rows), Image.Resampling.LANCZOS))


def make_sheet(rows: Sequence[Sequence[Tile]], *, height: int | None = None) -> np.ndarray:
    """Draw rows of pictures, all of one height, with captions below them.

    Args:
        rows: at least one tile in all. Rows may differ in length, and are aligned at the left.
        height: the height of every picture in pixels; by default that of the first.

    Returns:
        The sheet, (H, W, 3) uint8.

    Raises:
        PhotostyleError: there is no tile, an array has another shape or dtype, or the height is below 1.
    """
    tiles = [tile for row in rows for tile in row]
    if not tiles:
        raise PhotostyleError("`rows` must have at least one tile, got none")
    for tile in tiles:
        _check(tile.pixels, "pixels")
        if tile.inset is not None:
            _check(tile.inset, "inset")
    height = tiles[0].pixels.shape[0] if height is None else height
    if height < 1:
        raise PhotostyleError(f"`height` must be at least 1, got {height}")
    strips = [_row(row, height) for row in rows if row]
    width = max(strip.width for strip in strips)
    sheet = Image.new("RGB", (width, sum(strip.height for strip in strips) + _GAP), _PAPER)
    top = 0
    for strip in strips:
        sheet.paste(strip, (0, top))
        top += strip.height
    return np.asarray(sheet)


def _check(array: np.ndarray, name: str) -> None:
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3 or 0 in array.shape:
        raise PhotostyleError(f"`{name}` must be (H, W, 3) uint8, got {array.shape} {array.dtype}")


def _row(row: Sequence[Tile], height: int) -> Image.Image:
    pictures = [_picture(tile, height) for tile in row]
    font = ImageFont.load_default(size=max(10, min(28, round(height / 22))))
    line = round(1.6 * font.getbbox("Ag")[3]) if any(tile.caption for tile in row) else 0
    width = sum(picture.width + _GAP for picture in pictures) + _GAP
    strip = Image.new("RGB", (width, _GAP + height + line), _PAPER)
    draw = ImageDraw.Draw(strip)
    left = _GAP
    for tile, picture in zip(row, pictures, strict=True):
        strip.paste(picture, (left, _GAP))
        text = _shortened(tile.caption, picture.width, draw, font)
        middle = left + picture.width / 2, _GAP + height + line / 2
        draw.text(middle, text, fill=_INK, font=font, anchor="mm")
        left += picture.width + _GAP
    return strip


def _picture(tile: Tile, height: int) -> Image.Image:
    picture = _scaled(tile.pixels, height, Image.Resampling.LANCZOS)
    if tile.inset is not None:
        inset = _scaled(tile.inset, max(1, round(_INSET_SHARE * height)), Image.Resampling.NEAREST)
        framed = Image.new("RGB", (inset.width + 2 * _INSET_FRAME, inset.height + 2 * _INSET_FRAME), _PAPER)
        framed.paste(inset, (_INSET_FRAME, _INSET_FRAME))
        margin = _INSET_MARGIN
        picture.paste(framed, (picture.width - framed.width - margin, height - framed.height - margin))
    return picture


def _scaled(pixels: np.ndarray, height: int, resampling: Image.Resampling) -> Image.Image:
    picture = Image.fromarray(pixels)
    if picture.height == height:
        return picture
    return picture.resize((max(1, round(picture.width * height / picture.height)), height), resampling)


def _shortened(
    text: str, width: int, draw: ImageDraw.ImageDraw, font: ImageFont.FreeTypeFont | ImageFont.ImageFont
) -> str:
    if draw.textlength(text, font=font) <= width:
        return text
    while text and draw.textlength(text + "...", font=font) > width:
        text = text[:-1]
    return text and text + "..."
