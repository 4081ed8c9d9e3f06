"""Label images, which give each pixel of a photo a label, and their reading from files and arrays.

The pixels with one label form a region of the photo. There are three kinds of label images:

- ``color``: RGB; a label is a colour (`masks.palettes` decides which ones).
- ``index``: integers; a label is a number.
- ``masks``: a stack of K masks; a label is a position in the stack.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from PIL import Image, ImageOps

from ..errors import PhotostyleError
from ..picture_files import open_picture
from .void import VOID, is_void, is_void_color

UNLABELED = -1  # the value in an index map for a pixel without a label

CLEAN_COLORS = 64  # an image with at most so many distinct colours is drawn, and not a photo or lossily compressed
_MAX_INDICES = 256
_LOSSY = ("JPEG", "MPO", "WEBP", "AVIF")  # Pillow's names; the last two do not say whether they are lossless
_PLAIN_SHARE = 0.05  # of the pixels: what so many share is a label of a feathered mask
_MOST_STEPS = 16  # rarer values that a label image with numbers may have


@dataclass(frozen=True, eq=False)
class LabelImage:
    """A label image as `read_labels` makes it, at its original size.

    Args:
        kind: "color", "index" or "masks".
        data: for "color" (H, W, 3), uint8 or float32 in [0, 1]; for "index" (H, W) int16, positions in `names`, or
            UNLABELED; for "masks" (K, H, W) float32 in [0, 1], K = len(names).
        names: the labels; empty for "color", whose labels depend on both images of a pair (`share_labels`).
        name: the name of this image in messages.
        colors: (len(names), 3) uint8, the colours of the labels of an "index" image whose file has colours, or None.
        exact: False for a "color" image from a file whose compression changes colours.
        hidden: (H, W) bool, the pixels of a "color" image that have no label, because they are wholly transparent or
            void, or None.
    """

    kind: Literal["color", "index", "masks"]
    data: np.ndarray
    names: tuple[str, ...] = ()
    name: str = "label image"
    colors: np.ndarray | None = None
    hidden: np.ndarray | None = None
    exact: bool = True

    @property
    def size(self) -> tuple[int, int]:
        """The pair (height, width), in pixels."""
        height, width = self.data.shape[:2] if self.kind == "color" else self.data.shape[-2:]
        return int(height), int(width)


def nearest_pixels(labels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize labels (H, W) or (H, W, 3) to `size` (height, width).

    Each new pixel takes the old pixel whose centre is nearest, because labels cannot be averaged.
    """
    rows, columns = ((np.arange(new) + 0.5) * old // new for new, old in zip(size, labels.shape[:2], strict=True))
    return labels[rows.astype(np.intp)[:, None], columns.astype(np.intp)]


def read_labels(source: Any, name: str | None = None) -> LabelImage:
    """Read a label image from a path, a PIL image, a NumPy array or a torch tensor.

    RGB, CMYK and palette images are of the kind "color". A palette image whose colours do not distinguish its labels
    (a colour occurs twice, or the palette is a plain grey ramp) and a grey image of at most 64 values are of the kind
    "index", with numbers as names; other grey images of 8 bits are "color", and deeper ones are treated as arrays.
    In a grey image with blurred boundaries, steps between labels join the nearer label.
    The EXIF rotation is applied. Pixels of alpha 0 have no label, whatever colour is under them. Where all visible
    pixels have one colour and alpha varies, alpha is the mask: half opaque or more is the label "255", less is "0".
    The number 255 is no label where it marks what a data set leaves out (see `masks.void`).

    Args:
        source: a path, a PIL image, or an array or tensor: (H, W, 3 or 4), uint8 or float in [0, 1], is "color";
            (H, W) of whole numbers is "index", where negative numbers mean no label; (K, H, W), bool or in [0, 1],
            is "masks", and one mask, (1, H, W), stands for itself and the rest. A LabelImage is returned unchanged.
        name: the name of the image in messages; by default the file's name.

    Raises:
        PhotostyleError: the source is none of these, or cannot be read.
    """
    if isinstance(source, LabelImage):
        return source
    if isinstance(source, str | os.PathLike):
        return _from_file(Path(source), name or Path(source).name)
    name = name or "label image"
    if isinstance(source, Image.Image):
        return _from_pil(source, name)
    if isinstance(source, torch.Tensor):
        source = source.detach().cpu()
        source = (source.float() if source.is_floating_point() else source).numpy()
    if isinstance(source, np.ndarray):
        return _from_array(source, name)
    raise PhotostyleError(f"{name} must be a path, a PIL image or an array, got {type(source).__name__}")


def _from_file(path: Path, name: str) -> LabelImage:
    with open_picture(path, name) as image:
        return _from_pil(image, name)


def _from_pil(image: Image.Image, name: str) -> LabelImage:
    exact = image.format not in _LOSSY
    if image.mode in ("F", "I") or image.mode.startswith("I;16"):
        return _from_array(np.asarray(ImageOps.exif_transpose(image)), name)
    image = ImageOps.exif_transpose(image)
    if image.has_transparency_data:
        rgba = np.asarray(image.convert("RGBA"))
        if rgba[..., 3].min() < rgba[..., 3].max():
            return _with_alpha(rgba[..., :3], rgba[..., 3], name)
    if image.mode == "PA":
        image = image.convert("RGBA")
    if image.mode == "P" and not _palette_has_meaning(image):
        return _indexed(np.asarray(image), name, colors=np.asarray(image.convert("RGB")))
    if image.mode in ("1", "L", "LA", "La"):
        grey = np.asarray(image.convert("L"))
        plain = _plain_values(grey)
        if exact and len(plain):  # blurred boundaries: each step between two labels joins the nearer one
            grey = plain[np.abs(np.arange(256)[:, None] - plain).argmin(1)][grey]
        colors = np.repeat(grey[..., None], 3, axis=2)
        if exact and len(np.unique(grey)) <= CLEAN_COLORS:
            return _indexed(grey, name, colors=colors)
        return LabelImage("color", colors, name=name, exact=exact)
    colors = np.asarray(image.convert("RGB"))
    void = np.asarray(image) == VOID if image.mode == "P" else np.zeros(colors.shape[:2], bool)
    hidden = void if void.any() and not void.all() and is_void_color(colors[void][0]) else None
    return LabelImage("color", colors, name=name, exact=exact, hidden=hidden)


def _plain_values(grey: np.ndarray) -> np.ndarray:
    """The few values of a feathered mask that are labels, uint8; the many others are steps between them.

    There are none in an image of another kind: one with few values, or in which no few cover most of it.
    """
    shares = np.bincount(grey.ravel(), minlength=256) / grey.size
    plain = np.flatnonzero(shares >= _PLAIN_SHARE)
    steps = np.count_nonzero(shares) - len(plain)
    return plain.astype(np.uint8) if shares[plain].sum() >= 0.6 and steps > _MOST_STEPS else plain[:0]


def _palette_has_meaning(image: Image.Image) -> bool:
    """Whether the colours of a palette image distinguish its labels.

    If they do, labels are colours and not numbers, because editors may number the same colours differently in each
    file.
    """
    used = np.unique(np.asarray(image))
    palette = np.zeros((256, 3), np.uint8)
    stored = np.asarray(image.getpalette("RGB"), np.uint8).reshape(-1, 3)
    palette[: len(stored)] = stored
    colors = palette[used]
    is_ramp = bool((colors == used[:, None]).all())  # written by tools that know only numbers
    return not is_ramp and len(np.unique(colors, axis=0)) == len(colors)


def _from_array(array: np.ndarray, name: str) -> LabelImage:
    if array.size == 0 or array.ndim not in (2, 3):
        raise PhotostyleError(
            f"{name} must have shape (H, W), (H, W, 3) or (K, H, W), none of them zero, got {array.shape}"
        )
    if array.dtype.kind not in "buif":
        raise PhotostyleError(f"{name} must hold numbers, got {array.dtype}")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise PhotostyleError(f"{name} must hold finite numbers, got NaN or infinity")
    if array.ndim == 2:
        if array.dtype.kind == "f" and not (array == np.round(array)).all():
            raise PhotostyleError(
                f"{name} of shape (H, W) must hold whole numbers, got fractions; soft masks have shape (K, H, W)"
            )
        return _indexed(array if array.dtype in (np.bool_, np.uint8) else array.astype(np.int64), name)
    if array.shape[2] in (3, 4) and array.dtype.kind != "b":
        if array.dtype != np.uint8:
            _check_unit_range(array, name, "(H, W, 3) must be uint8 or")
            array = array.astype(np.float32)
        if array.shape[2] == 4 and array[..., 3].min() < array[..., 3].max():
            return _with_alpha(array[..., :3], array[..., 3], name)
        return LabelImage("color", array[..., :3], name=name)
    _check_unit_range(array, name, "(K, H, W) must be")
    masks = array.astype(np.float32)
    if len(masks) == 1:
        masks = np.concatenate([masks, 1 - masks])
    return LabelImage("masks", masks, tuple(str(k) for k in range(len(masks))), name)


def _with_alpha(colors: np.ndarray, alpha: np.ndarray, name: str) -> LabelImage:
    """The label image of colours (H, W, 3) under an alpha (H, W) that varies."""
    visible = alpha > 0
    shown = colors[visible]
    if (shown == shown[0]).all():
        opaque = alpha >= (128 if alpha.dtype == np.uint8 else 0.5)
        values = np.where(opaque, 255, 0).astype(np.uint8)
        return _indexed(values, name, colors=np.repeat(values[..., None], 3, axis=2))
    return LabelImage("color", colors, name=name, hidden=None if visible.all() else ~visible)


def _check_unit_range(array: np.ndarray, name: str, requirement: str) -> None:
    low, high = array.min(), array.max()
    if low < 0 or high > 1:
        raise PhotostyleError(f"{name} of shape {requirement} in [0, 1], got values from {low} to {high}")


def _indexed(values: np.ndarray, name: str, colors: np.ndarray | None = None) -> LabelImage:
    """Make an index image of the numbers in `values`; `colors`, (H, W, 3), has the pixels' displayed colours."""
    distinct, first, inverse = _distinct(values)
    if len(distinct) > _MAX_INDICES:
        raise PhotostyleError(
            f"{name} must be a label image, got {len(distinct)} different grey values: it looks like a photo"
        )
    offset = int((distinct < 0).sum())  # negative numbers mean "no label" in many data sets
    data = np.maximum(inverse.astype(np.int16) - np.int16(offset), np.int16(UNLABELED))
    end = len(distinct)
    if distinct[-1] == VOID and is_void(values == VOID, distinct[offset:-1]):
        end -= 1
        data[data == end - offset] = UNLABELED
    names = tuple(str(int(value)) for value in distinct[offset:end])
    shown = None if colors is None else colors.reshape(-1, 3)[first[offset:end]]
    return LabelImage("index", data, names, name, shown)


def _distinct(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The distinct numbers in ascending order, the first pixel of each, and each pixel's place among them, (H, W).

    As `numpy.unique`, without sorting the pixels where there are at most 256 numbers: large masks take no time.
    """
    if values.dtype != np.uint8:
        distinct, first, inverse = np.unique(values, return_index=True, return_inverse=True)
        return distinct, first, inverse.reshape(values.shape)
    flat = values.ravel()
    first = np.empty(256, np.int64)
    first[flat[::-1]] = np.arange(len(flat))[::-1]  # of equal indices the last counts
    distinct = np.flatnonzero(np.bincount(flat, minlength=256))
    position = np.zeros(256, np.int16)
    position[distinct] = np.arange(len(distinct))
    return distinct, first[distinct], position[values]
