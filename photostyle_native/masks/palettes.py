"""Palettes: the labels that the label images of a pair share, and the label of every pixel.

The labels of colour images are either the nine colours of the authors of Deep Photo Style Transfer, with the authors'
tolerance, or the colours that occur in the images. The same palette is chosen for both images of a pair.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import torch

from ..errors import PhotostyleError
from .label_images import CLEAN_COLORS, UNLABELED, LabelImage

# The label colours of the authors' code, in its order (`color_codes` in neuralstyle_seg.lua), RGB in [0, 1].
AUTHORS_COLORS = MappingProxyType(
    {
        "blue": (0.0, 0.0, 1.0),
        "green": (0.0, 1.0, 0.0),
        "black": (0.0, 0.0, 0.0),
        "white": (1.0, 1.0, 1.0),
        "red": (1.0, 0.0, 0.0),
        "yellow": (1.0, 1.0, 0.0),
        "grey": (0.5, 0.5, 0.5),
        "cyan": (0.0, 1.0, 1.0),
        "magenta": (1.0, 0.0, 1.0),
    }
)

_MANY = 1 << 20  # pixels

# Shares of an image's pixels.
_AUTHORS_SHARE = 0.9  # if so many pixels have the authors' colours, the authors' palette is meant
_LABEL_SHARE = 0.6  # if fewer pixels have label colours, the image is not a label image
_SOLID_SHARE = 0.02  # an exact colour on so many pixels is a label, and not an anti-aliased boundary
_FREQUENT_SHARE = 0.005  # in an image with many colours, an exact colour on so many pixels is a label

# Euclidean distance in RGB of 0..255: colours that are as close are one label after lossy compression.
_COLOR_TOLERANCE = 14.0


@dataclass(frozen=True, eq=False)
class Palette:
    """The labels that the images of a pair share.

    Args:
        names: the K labels.
        colors: (K, 3) uint8, the colours of labels that are exact colours; None for the authors' palette and for
            labels that are numbers.
        tolerance: the largest Euclidean distance, in RGB of 0..255, of a pixel's colour from that of its label.
    """

    names: tuple[str, ...]
    colors: np.ndarray | None = None
    tolerance: float = 0.0


AUTHORS_PALETTE = Palette(tuple(AUTHORS_COLORS))


def share_labels(*images: LabelImage) -> tuple[Palette, tuple[LabelImage, ...]]:
    """Find the palette that label images share, and convert them to one kind.

    Colour images share the authors' palette if at least 90 % of the pixels of each have its colours and no other
    colour covers 2 % of one. Else they share the union of their own colours or, if at least 60 % of the pixels of
    each have the authors' colours and these cover no fewer pixels than their own colours, the authors' palette.
    Index images share the union of their numbers.

    Raises:
        PhotostyleError: the kinds cannot be compared, mask stacks differ in K, or a colour image looks like a photo.
    """
    if "color" in {image.kind for image in images}:
        images = tuple(_as_color(image) for image in images)
    if len({image.kind for image in images}) > 1:
        listed = " and ".join(f"{image.name} is of kind {image.kind}" for image in images)
        raise PhotostyleError(f"label images of a pair must be of one kind: {listed}")
    if images[0].kind == "color":
        return _color_palette(images), images
    if images[0].kind == "masks" and len({len(image.names) for image in images}) > 1:
        listed = ", ".join(f"{image.name} has {len(image.names)}" for image in images)
        raise PhotostyleError(f"mask stacks of a pair must have the same number of masks: {listed}")
    names = list(dict.fromkeys(name for image in images for name in image.names))
    if all(name.isdecimal() for name in names):
        names.sort(key=int)
    return Palette(tuple(names)), images


def _as_color(image: LabelImage) -> LabelImage:
    if image.kind != "index" or image.colors is None:
        return image
    hidden = image.data == UNLABELED
    return LabelImage("color", image.colors[image.data], name=image.name, hidden=hidden if hidden.any() else None)


def _color_palette(images: tuple[LabelImage, ...]) -> Palette:
    counts = [_distinct_colors(image.data if image.hidden is None else image.data[~image.hidden]) for image in images]
    if all(_is_authors(colors, shares) for colors, shares in counts):
        return AUTHORS_PALETTE
    clean = [image.exact and len(colors) <= CLEAN_COLORS for image, (colors, _) in zip(images, counts, strict=True)]
    tolerance = 0.0 if all(clean) else _COLOR_TOLERANCE
    labels = [_label_colors(*count, is_clean) for count, is_clean in zip(counts, clean, strict=True)]
    own = _thin_out(np.concatenate(labels), tolerance)
    authors_shares = [_authors_share(*count) for count in counts]
    own_shares = [float(shares[nearest_color(colors, own, tolerance) >= 0].sum()) for colors, shares in counts]
    # An image with at most 64 colours always passes, because all of them are labels.
    for image, best in zip(images, map(max, authors_shares, own_shares), strict=True):
        if best < _LABEL_SHARE:
            raise PhotostyleError(
                f"{image.name} must be a label image, but only {100 * best:.0f} % of its pixels"
                " have one of a few plain colours: it looks like a photo"
            )
    if min(authors_shares) >= _LABEL_SHARE and sum(authors_shares) >= sum(own_shares):
        return AUTHORS_PALETTE
    return Palette(tuple(_color_name(color) for color in own), own, tolerance)


def _distinct_colors(data: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The distinct colours of pixels (..., 3), (M, 3) uint8, and their shares, the most frequent first."""
    all_codes = _codes(data)
    if all_codes.size < _MANY:
        codes, counts = np.unique(all_codes, return_counts=True)
    else:  # counting takes a table of all colours, and no sorting of pixels
        table = np.bincount(all_codes.ravel(), minlength=1 << 24)
        codes = np.flatnonzero(table)
        counts = table[codes]
    order = np.argsort(-counts, kind="stable")
    return _decode(codes[order]), counts[order] / counts.sum()


def _codes(data: np.ndarray) -> np.ndarray:
    levels = data if data.dtype == np.uint8 else np.round(data * 255)
    red, green, blue = (levels[..., c].astype(np.int32) for c in range(3))
    return red << 16 | green << 8 | blue


def _decode(codes: np.ndarray) -> np.ndarray:
    return np.stack([codes >> 16, codes >> 8 & 255, codes & 255], axis=1).astype(np.uint8)


def _authors_share(colors: np.ndarray, shares: np.ndarray) -> float:
    return float(shares[authors_index(colors) >= 0].sum())


def _is_authors(colors: np.ndarray, shares: np.ndarray) -> bool:
    # The share alone does not suffice: an image may be mostly black with one dark red object, which is a label too.
    foreign = (authors_index(colors) < 0) & (shares >= _SOLID_SHARE)
    return _authors_share(colors, shares) >= _AUTHORS_SHARE and not foreign.any()


def _label_colors(colors: np.ndarray, shares: np.ndarray, clean: bool) -> np.ndarray:
    """The colours that are labels: all colours of a clean image, only the frequent ones of another image.

    Of those, what is rare and lies between two others is their boundary, such as a row of blocks of a JPEG file.
    """
    if clean:
        return colors
    colors, shares = colors[shares >= _FREQUENT_SHARE], shares[shares >= _FREQUENT_SHARE]
    solid = colors[shares >= _SOLID_SHARE].astype(np.float32)
    kept = [s >= _SOLID_SHARE or not _is_between(c, solid) for c, s in zip(colors, shares, strict=True)]
    return colors[np.asarray(kept, bool)]


def _is_between(color: np.ndarray, others: np.ndarray) -> bool:
    """Whether a colour is close to the straight line from one of `others`, (M, 3), to another."""
    first, second = np.triu_indices(len(others), 1)
    start, step = others[first], others[second] - others[first]
    along = ((color - start) * step).sum(1) / (step * step).sum(1)
    nearest = start + along.clip(0, 1)[:, None] * step
    return bool((np.linalg.norm(color - nearest, axis=1) <= _COLOR_TOLERANCE).any())


def _thin_out(colors: np.ndarray, tolerance: float) -> np.ndarray:
    """Drop each colour whose distance from an earlier one is at most `tolerance`."""
    kept: list[np.ndarray] = []
    for color in colors.astype(np.float32):
        if all(np.linalg.norm(color - other) > tolerance for other in kept):
            kept.append(color)
    return np.asarray(kept, np.uint8).reshape(-1, 3)


def _color_name(color: np.ndarray) -> str:
    for name, rgb in AUTHORS_COLORS.items():
        if tuple(int(v) for v in color) == tuple(round(255 * v + 0.01) for v in rgb):
            return name
    return "#{:02x}{:02x}{:02x}".format(*(int(v) for v in color))


# ----------------------------------------------------------------------------- pixels to label numbers


def authors_index(rgb: np.ndarray) -> np.ndarray:
    """The positions in AUTHORS_COLORS of colours, int16; UNLABELED where no colour matches.

    `rgb`, (..., 3), is uint8, or float in [0, 1]. A channel counts as 0 below 0.1, as 1 above 0.9, and as 0.5
    strictly between 0.4 and 0.6, as in the authors' function ExtractMask.
    """
    code = np.zeros(rgb.shape[:-1], np.uint8)
    for c in range(3):
        code = code * 4 + _authors_level(rgb[..., c])
    table = np.full(64, UNLABELED, np.int16)
    for k, color in enumerate(AUTHORS_COLORS.values()):
        low, middle, high = (int(level) for level in _authors_level(np.asarray(color)))
        table[low * 16 + middle * 4 + high] = k
    return table[code]


def _authors_level(values: np.ndarray) -> np.ndarray:
    """The level of a channel: 0, 1 or 2 if it counts as 0, 1/2 or 1, and 3 if it counts as none of them."""
    values = values.astype(np.float32) / 255 if values.dtype == np.uint8 else values
    level = np.full(values.shape, 3, np.uint8)
    level[values < 0.1] = 0
    level[(values > 0.4) & (values < 0.6)] = 1
    level[values > 0.9] = 2
    return level


def nearest_color(colors: np.ndarray, palette: np.ndarray, tolerance: float) -> np.ndarray:
    """The positions, int16, of the palette's colours nearest to `colors` (M, 3); UNLABELED beyond `tolerance`."""
    if len(palette) == 0:
        return np.full(len(colors), UNLABELED, np.int16)
    difference = torch.cdist(
        torch.from_numpy(colors.astype(np.float32)),
        torch.from_numpy(palette.astype(np.float32)),
        compute_mode="donot_use_mm_for_euclid_dist",  # equal colours must be at distance zero exactly
    )
    distance, position = difference.min(dim=1)
    position[distance > tolerance] = UNLABELED
    return position.numpy().astype(np.int16)


def label_index(image: LabelImage, palette: Palette, *, nearest: bool = False) -> np.ndarray:
    """The label of every pixel of a "color" or "index" image, as positions in `palette.names`, (H, W) int16.

    A pixel without a label's colour is UNLABELED. If `nearest` is true and the palette has exact colours, it takes
    the label with the nearest colour instead; for other palettes `nearest` has no effect.
    """
    if image.kind == "index":
        table = np.array([palette.names.index(name) for name in image.names] + [UNLABELED], np.int16)
        return table[image.data]  # UNLABELED is -1, so it reads the last entry, which is UNLABELED
    if palette.colors is None:
        index = authors_index(image.data)
    else:
        codes, inverse = np.unique(_codes(image.data), return_inverse=True)
        tolerance = np.inf if nearest else palette.tolerance
        index = nearest_color(_decode(codes), palette.colors, tolerance)[inverse.reshape(image.size)]
    if image.hidden is not None:
        index[image.hidden] = UNLABELED
    return index
