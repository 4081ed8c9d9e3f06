"""Looks by their name or their file: those of this package, those that were saved, and tables of other programs.

Nothing here imports torch, because the command line's help lists the names.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ..data import LOOKS
from ..errors import PhotostyleError

if TYPE_CHECKING:
    from ..color.look import Look
    from ..color.table import Table

_HALD_PICTURES = (".png", ".tif", ".tiff")


def look_names() -> tuple[str, ...]:
    """The names of the looks that come with the package."""
    return tuple(sorted(path.stem for path in LOOKS.glob("*.npz")))


def find_look(look: str) -> Look | Table:
    """Read a look: a file (.npz), a table (.cube, or .png and .tif for a HaldCLUT), or one of `look_names`.

    Raises:
        PhotostyleError: there is no such file or name, or the file holds something else.
    """
    from ..color.look import Look
    from ..color.table import Table
    from ..images.photo import read_photo

    extension = os.path.splitext(look)[1].lower()
    if extension == ".npz":
        return Look.load(look)
    if extension == ".cube":
        return Table.read_cube(look)
    if extension in _HALD_PICTURES:
        return Table.from_hald(read_photo(look).tensor(), look)
    if look in look_names():
        return Look.load(LOOKS / f"{look}.npz")
    raise PhotostyleError(
        f"{look}: a look is a file (.npz, .cube, or a HaldCLUT as .png), or one of {', '.join(look_names())}"
    )
