"""Make the pictures of the README's walk with the program itself, as a reader would: python docs/walk_pictures.py

Photos are the demo's and scikit-image's; `photostyle_native/data/README.md` names their authors and licences.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import skimage.data
from PIL import Image

from photostyle_native import data, read_photo
from photostyle_native.cli.main import main
from photostyle_native.images.sheet import Tile, make_sheet
from photostyle_native.pipeline.looks import look_names

_FOLDER = Path(__file__).parent
_WIDTH = 1200  # pixels


def write(name: str, pixels: np.ndarray) -> None:
    picture = Image.fromarray(pixels)
    height = round(picture.height * _WIDTH / picture.width)
    picture.resize((_WIDTH, height), Image.Resampling.LANCZOS).save(_FOLDER / f"{name}.jpg", quality=88)


def shown(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


def run(*arguments: object) -> None:
    code = main([str(argument) for argument in arguments])
    if code:
        raise SystemExit(code)


def draw(folder: Path) -> None:
    run("masks", data.CONTENT, data.STYLE, "-o", folder / "masks")
    write("walk-masks", shown(folder / "masks" / "sheet.png"))

    tiles = []
    for name in look_names():
        run("apply", name, data.CONTENT, "-o", folder / f"{name}.png")
        tiles.append(Tile(shown(folder / f"{name}.png"), name))
    write("walk-looks", make_sheet([tiles[:5], tiles[5:]], height=300))

    for name in ("astronaut", "coffee"):
        Image.fromarray(getattr(skimage.data, name)()).save(folder / f"{name}.png")
    portrait, style = folder / "astronaut.png", folder / "coffee.png"
    row = [Tile(read_photo(path).pixels, path.stem) for path in (portrait, style)]
    for caption, options in {"--keep-skin 0": ("--keep-skin", "0"), "default": ()}.items():
        run("transfer", portrait, style, "-o", folder / "out.png", *options)
        row.append(Tile(shown(folder / "out.png"), caption))
    write("walk-skin", make_sheet([row], height=400))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        draw(Path(folder))
