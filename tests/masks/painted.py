"""Label images painted with letters."""

from __future__ import annotations

import numpy as np
import torch

from photostyle_native.masks.label_images import LabelImage, read_labels

COLORS = {
    "k": (0, 0, 0),
    "w": (255, 255, 255),
    "r": (255, 0, 0),
    "g": (0, 255, 0),
    "b": (0, 0, 255),
    "y": (255, 255, 0),
    "e": (128, 128, 128),
    "c": (0, 255, 255),
    "m": (255, 0, 255),
    "d": (128, 0, 0),  # dark red: in no palette of the authors
    "?": (64, 64, 64),  # anti-aliased: black or white, who knows
}


def paint(*rows: str, scale: int = 1) -> np.ndarray:
    """(H, W, 3) uint8 from rows of colour letters, every letter a square of `scale` pixels."""
    picture = np.array([[COLORS[letter] for letter in row] for row in rows], np.uint8)
    return picture.repeat(scale, 0).repeat(scale, 1)


def labels(*rows: str, scale: int = 1, name: str = "mask") -> LabelImage:
    return read_labels(paint(*rows, scale=scale), name)


def letters(stack: torch.Tensor, names: tuple[str, ...]) -> list[str]:
    """Masks -> rows of initials, "." where no mask is set; fails where two are."""
    assert set(stack.unique().tolist()) <= {0.0, 1.0}
    assert bool((stack.sum(0) <= 1).all())
    initials = "".join(name[0] for name in names) + "."
    index = torch.where(stack.sum(0) > 0, stack.argmax(0), len(names))
    return ["".join(initials[k] for k in row) for row in index.tolist()]


def photo(*levels: float) -> torch.Tensor:
    """(3, H, 4), grey rows."""
    return torch.tensor(levels)[None, :, None].expand(3, -1, 4)
