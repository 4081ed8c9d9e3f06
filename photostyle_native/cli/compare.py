"""`photostyle compare`: one sheet of a photo under several styles, looks and presets."""

from __future__ import annotations

import argparse
import os
from typing import Any

from ..errors import PhotostyleError
from ..files import same_file
from ..images.photo import Photo, as_photo, read_photo
from ..images.sheet import Tile, lowered, make_sheet
from ..images.write import check_writable, write_photo
from ..machine import resolve_device
from ..pipeline.look_transfer import recolored
from ..pipeline.looks import find_look, look_names
from ..pipeline.presets import mask_source
from ..pipeline.transfer import transfer
from ..segmentation.automatic import check_automatic
from .options import keyword_arguments
from .session import Session
from .streams import printable, say

_HEIGHT = 400  # of the pictures on the sheet, in pixels
_LOOK_FILES = (".npz", ".cube")


def run(options: argparse.Namespace) -> int:
    """Run the command. Returns 0, or by the signal that ended it: 130 for Ctrl-C; nothing has been written then.

    Raises:
        PhotostyleError: an option or a file cannot be used; nothing has been written.
    """
    arguments = keyword_arguments(transfer, options)
    resolve_device(arguments["device"])
    for preset in options.presets:
        check_automatic(mask_source(arguments["auto_mask"], preset), options.regions, options.segment_model)
    for role, paths in (("CONTENT", [options.content]), ("STYLE", options.styles)):
        if any(same_file(path, options.output) for path in paths):
            raise PhotostyleError(f"{options.output}: the sheet would overwrite {role}")
    check_writable(options.output)
    content = read_photo(options.content)
    rows = [[Tile(lowered(content, _HEIGHT), os.path.basename(options.content))]]
    looks = [style for style in options.styles if _is_look(style)]
    rows[0] += [_by_look(content, look, arguments["device"]) for look in looks]
    for style in options.styles:
        if style not in looks:
            photo = read_photo(style)
            row = [Tile(lowered(photo, _HEIGHT), os.path.basename(style))]
            for preset in options.presets:
                tile, code = _by_style(content, photo, {**arguments, "preset": preset})
                row.append(tile)
                if code:
                    return code
            rows.append(row)
    write_photo(options.output, make_sheet(rows, height=_HEIGHT), quality=92)
    names = ", ".join(os.path.basename(style) for style in options.styles)
    say(f"{options.output}: {os.path.basename(options.content)} under {names}")
    return 0


def _is_look(style: str) -> bool:
    """Whether an argument is a look and no photo. A .png is a photo here."""
    return style in look_names() or os.path.splitext(style)[1].lower() in _LOOK_FILES


def _by_look(content: Photo, look: str, device: str) -> Tile:
    pixels, _ = recolored(find_look(look), content, device=device)
    return Tile(lowered(as_photo(pixels), _HEIGHT, content), os.path.basename(look))


def _by_style(content: Photo, style: Photo, arguments: dict[str, Any]) -> tuple[Tile, int]:
    """The result of a transfer, and the exit code if a signal ended it."""
    title = f"{printable(os.path.basename(style.name))}, {arguments['preset']}"
    with Session(title=title) as session:
        result = session.solve(content, style, arguments)
    seconds = sum(result.timings.values())
    caption = f"{arguments['preset']}, {seconds:.0f} s" if seconds >= 1 else f"{arguments['preset']}, {seconds:.1f} s"
    return Tile(lowered(as_photo(result.image), _HEIGHT, content), caption), session.interrupts.exit_code(
        result.interrupted
    )
