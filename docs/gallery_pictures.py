"""The gallery's pictures: the data of an example and its result, side by side.

An example is run at a small width by its own `main`. Its function `compare` is replaced by one that keeps the data
and runs only this package's version of the job. A new example therefore gets its pictures without an edit here.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

WIDTH, GAP = 320, 8
EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


@dataclass(frozen=True)
class Picture:
    """The file of a picture, and a sentence that says what the picture shows."""

    name: str
    caption: str


def make(example: str, folder: Path) -> Picture:
    """Run an example, and write its data and its result as one picture to a folder."""
    sys.path.insert(0, str(EXAMPLES))
    try:
        module: Any = importlib.import_module(example)
    finally:
        sys.path.remove(str(EXAMPLES))
    seen: dict[str, np.ndarray] = {}

    def compare(before: Any, after: Any, data: tuple[np.ndarray, ...], *_: Any) -> None:
        seen.update(zip(inspect.signature(after).parameters, data, strict=True))
        seen["result"] = after(*data)

    module.compare = compare
    module.main(["--width", str(WIDTH)])
    height, width = next(iter(seen.values())).shape[:2]
    if next(iter(seen.values())).shape[0] == 3:  # (3, H, W)
        height, width = next(iter(seen.values())).shape[1:]
    panels = [np.pad(_panel(array, height, width), ((1, 1), (1, 1), (0, 0))) for array in seen.values()]
    space = np.ones((height + 2, GAP, 3))  # the frame shows where a white picture ends
    sheet = np.concatenate([part for panel in panels for part in (panel, space)][:-1], axis=1)
    name = f"{example}.png"
    Image.fromarray((sheet * 255).round().astype(np.uint8)).save(folder / name)
    return Picture(name, f"From left to right: {', '.join(name.replace('_', ' ') for name in seen)}.")


def _panel(array: np.ndarray, height: int, width: int) -> np.ndarray:
    """Turn an array into colours (H, W, 3) in [0, 1]. A gradient is scaled, with zero as grey."""
    array = np.asarray(array, dtype=np.float64)
    if array.shape[:2] != (height, width):
        array = np.moveaxis(array.reshape(-1, height, width), 0, -1)
    if array.ndim == 3 and array.shape[2] not in (1, 3):  # masks
        array = array.argmax(-1) / (array.shape[2] - 1)
    if array.min() < -0.1 or array.max() < 0.1:
        array = 0.5 + array / (2 * np.quantile(np.abs(array), 0.99))
    return np.broadcast_to(array.reshape(height, width, -1), (height, width, 3)).clip(0, 1)
