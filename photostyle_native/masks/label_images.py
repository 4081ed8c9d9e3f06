"""Label images: regions of a photo, painted or numbered, as they are read.

A label image says which region of a photo each pixel belongs to. Three kinds are told apart:

``color``  RGB; a label is a colour (which ones: see palettes.py).
``index``  integers; a label is a number.
``masks``  a stack of K masks; a label is a position in the stack.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError

from ..errors import PhotostyleError

UNLABELED = -1  # in an index map: the pixel carries no label

CLEAN_COLORS = 64  # up to so many distinct values: drawn, not photographed nor compressed with loss
_MAX_INDICES = 256


@dataclass(frozen=True, eq=False)
class LabelImage:
    """A label image as read, before any resize. Made by `read_labels`.

    kind    "color": `data` is (H, W, 3), uint8 or float32 in [0, 1];
            "index": `data` is (H, W) int16, positions in `names`, UNLABELED where a pixel has no label;
            "masks": `data` is (K, H, W) float32 in [0, 1], K = len(names).
    names   the labels; empty for "color", whose labels are settled by the pair (`share_labels`).
    name    what messages call this image.
    colors  (len(names), 3) uint8: the colour of each index, where the file had one; else None.
    """

    kind: Literal["color", "index", "masks"]
    data: np.ndarray
    names: tuple[str, ...] = ()
    name: str = "label image"
    colors: np.ndarray | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        height, width = self.data.shape[:2] if self.kind == "color" else self.data.shape[-2:]
        return int(height), int(width)


def nearest_pixels(labels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Labels (H, W) or (H, W, 3) at another size (height, width): each pixel is that of the nearest centre, because
    labels cannot be averaged."""
    rows, columns = ((np.arange(new) + 0.5) * old // new for new, old in zip(size, labels.shape[:2], strict=True))
    return labels[rows.astype(np.intp)[:, None], columns.astype(np.intp)]


def read_labels(source: Any, name: str | None = None) -> LabelImage:
    """Read a label image from a path, a PIL image, a NumPy array or a torch tensor.

    Images: RGB, CMYK and palette files are "color". A palette file whose colours cannot tell its labels
    apart (the same colour twice, or the plain grey ramp) and a grey image of at most 64 values are "index",
    named by number; other grey images are "color". Alpha is ignored, an EXIF rotation is applied.
    Arrays: (H, W, 3 or 4) uint8 or float in [0, 1] is "color"; (H, W) of whole numbers is "index", negative
    ones being unlabelled; (K, H, W), bool or in [0, 1], is "masks". `name` is used in messages; by default
    the file's name. Raises PhotostyleError if the source is none of these or cannot be read.
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
    with open_image(path, name) as image:
        return _from_pil(image, name)


@contextmanager
def open_image(path: str | Path, name: str, its_format: str = "its format") -> Iterator[Image.Image]:
    """An image file through Pillow, whose errors, while it is read too, become one sentence about `name`.

    `its_format` is what that sentence calls the format. Raises PhotostyleError.
    """
    try:
        with warnings.catch_warnings():
            # Between one and two times Pillow's limit an image is merely large; beyond, Pillow raises.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                yield image
    except PhotostyleError:
        raise
    except FileNotFoundError:
        raise PhotostyleError(f"{name} must be an image file, but {path} does not exist") from None
    except Image.DecompressionBombError:
        raise PhotostyleError(f"{name} must have fewer pixels than Pillow's safety limit allows") from None
    except UnidentifiedImageError:
        raise PhotostyleError(f"{name} must be an image file, but {its_format} is not recognised") from None
    except (
        OSError,
        SyntaxError,
        ValueError,
        EOFError,
    ) as error:  # what Pillow's decoders raise on broken files
        raise PhotostyleError(f"{name} must be a readable image file, got: {error}") from error


def _from_pil(image: Image.Image, name: str) -> LabelImage:
    if image.mode in ("F", "I") or image.mode.startswith("I;16"):
        return _from_array(np.asarray(ImageOps.exif_transpose(image)), name)
    image = ImageOps.exif_transpose(image)
    if image.mode == "PA":
        image = image.convert("RGBA")
    if image.mode == "P" and not _palette_has_meaning(image):
        return _indexed(np.asarray(image), name, colors=np.asarray(image.convert("RGB")))
    if image.mode in ("1", "L", "LA", "La"):
        grey = np.asarray(image.convert("L"))
        colors = np.repeat(grey[..., None], 3, axis=2)
        if len(np.unique(grey)) <= CLEAN_COLORS:
            return _indexed(grey, name, colors=colors)
        return LabelImage("color", colors, name=name)
    return LabelImage("color", np.asarray(image.convert("RGB")), name=name)


def _palette_has_meaning(image: Image.Image) -> bool:
    """Whether a palette image's colours tell its labels apart, as a viewer would show them.

    Colours are the better key, because editors number the same colours differently in each file.
    """
    used = np.unique(np.asarray(image))
    palette = np.zeros((256, 3), np.uint8)
    stored = np.asarray(image.getpalette("RGB"), np.uint8).reshape(-1, 3)
    palette[: len(stored)] = stored
    colors = palette[used]
    is_ramp = bool((colors == used[:, None]).all())  # what a tool writes that knows numbers only
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
        return _indexed(array if array.dtype.kind == "b" else array.astype(np.int64), name)
    if array.shape[2] in (3, 4) and array.dtype.kind != "b":
        if array.dtype != np.uint8:
            _check_unit_range(array, name, "(H, W, 3) must be uint8 or")
            array = array.astype(np.float32)
        return LabelImage("color", array[..., :3], name=name)
    _check_unit_range(array, name, "(K, H, W) must be")
    names = tuple(str(k) for k in range(len(array)))
    return LabelImage("masks", array.astype(np.float32), names, name)


def _check_unit_range(array: np.ndarray, name: str, requirement: str) -> None:
    low, high = array.min(), array.max()
    if low < 0 or high > 1:
        raise PhotostyleError(f"{name} of shape {requirement} in [0, 1], got values from {low} to {high}")


def _indexed(values: np.ndarray, name: str, colors: np.ndarray | None = None) -> LabelImage:
    """An index image of the numbers in `values`; `colors` (H, W, 3) are the same pixels as shown."""
    distinct, first, inverse = np.unique(values, return_index=True, return_inverse=True)
    if len(distinct) > _MAX_INDICES:
        raise PhotostyleError(
            f"{name} must be a label image, got {len(distinct)} different grey values: it looks like a photo"
        )
    offset = int((distinct < 0).sum())  # negative numbers mean "no label" in many data sets
    data = np.maximum(inverse.reshape(values.shape).astype(np.int16) - offset, UNLABELED).astype(np.int16)
    names = tuple(str(int(value)) for value in distinct[offset:])
    shown = None if colors is None else colors.reshape(-1, 3)[first[offset:]]
    return LabelImage("index", data, names, name, shown)
