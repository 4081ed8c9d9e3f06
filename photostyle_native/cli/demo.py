"""`photostyle demo`: a transfer on two photos that come with the package, and a sheet that shows it.

`data/README.md` says where the photos come from.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from ..data import CONTENT, CONTENT_MASK, STYLE, STYLE_MASK
from ..files import make_folder
from ..images.photo import as_photo, read_photo
from ..images.sheet import Tile, make_sheet, photo_pixels
from ..images.write import check_writable, write_photo
from ..machine import resolve_device
from ..picture_files import open_picture
from ..pipeline.result import TransferResult
from ..pipeline.transfer import transfer
from .options import keyword_arguments
from .session import Session
from .streams import say
from .transfer import summary


def run(options: argparse.Namespace) -> int:
    """Run the command. Returns 0, or 130 if Ctrl-C ended the optimisation early.

    Raises:
        PhotostyleError: the folder cannot be written to, or an option cannot be used.
    """
    arguments = {
        **keyword_arguments(transfer, options),
        "content_mask": CONTENT_MASK,
        "style_mask": STYLE_MASK,
    }
    resolve_device(arguments["device"])
    folder = Path(options.output)
    result_path, sheet_path = str(folder / "result.jpg"), str(folder / "sheet.jpg")
    make_folder(folder)
    check_writable(result_path)
    check_writable(sheet_path)
    with Session() as session:
        result = session.solve(CONTENT, STYLE, arguments)
        result.save(result_path)
        write_photo(sheet_path, demo_sheet(result), quality=92)
    say(summary(result, result_path, result.notes), f"{sheet_path}: content, style and result side by side")
    return session.interrupts.exit_code(result.interrupted)


def demo_sheet(result: TransferResult) -> np.ndarray:
    """Draw content, style and result side by side, with the masks inset: (H, W, 3) uint8."""
    content, style = (photo_pixels(read_photo(path)) for path in (CONTENT, STYLE))
    output = photo_pixels(as_photo(result.image), like=result.content)
    tiles = [
        Tile(content, "content", _mask_pixels(CONTENT_MASK)),
        Tile(style, "style", _mask_pixels(STYLE_MASK)),
        Tile(output, "result"),
    ]
    return make_sheet([tiles])


def _mask_pixels(path: Path) -> np.ndarray:
    with open_picture(path) as image:
        return np.asarray(image.convert("RGB"))
