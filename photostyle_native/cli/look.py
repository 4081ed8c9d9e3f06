"""`photostyle look` makes a look of an edited photo; `photostyle lut` writes a look as a table for other programs."""

from __future__ import annotations

import argparse
import math
import os

from ..color.alignment import check_aligned
from ..color.look import Look
from ..color.mixing import Mix
from ..errors import PhotostyleError
from ..files import check_file, same_file, write_atomically
from ..images.photo import read_photo
from ..images.resize import working_size
from ..images.write import write_photo
from ..masks.pairs import aspects_differ
from .options import keyword_arguments
from .streams import say

_SIZES = {".cube": 33, ".png": 64}  # colours per axis, if nobody says how many
_MOST_LEVEL = 12  # of a HaldCLUT
_FITTED = 400  # longest side in pixels at which a look is fitted: it has no finer detail


def make(options: argparse.Namespace) -> int:
    """Run `photostyle look`: find the look that turns a photo into its edited version. Returns 0.

    Raises:
        PhotostyleError: a file cannot be used, or the photos do not lie on each other; nothing has been written then.
    """
    for role, path in (("BEFORE", options.before), ("AFTER", options.after)):
        if same_file(path, options.output):
            raise PhotostyleError(f"{options.output}: the look would overwrite {role}")
    if os.path.splitext(options.output)[1].lower() != ".npz":
        raise PhotostyleError(f"{options.output}: a look is written as .npz")
    check_file(options.output, "look")
    before = read_photo(options.before)
    after = read_photo(options.after).converted_to(before.icc_profile)
    if aspects_differ(before.size, after.size):
        raise PhotostyleError(
            f"{after.name} is {after.width}x{after.height}, {before.name} {before.width}x{before.height}: "
            "the aspect ratios differ"
        )
    size = working_size(before.size, min(_FITTED, max(after.size)))
    pair = before.tensor(size), after.tensor(size)
    check_aligned(*(image.mean(0) for image in pair))
    look = Look.fit(*pair, icc_profile=before.icc_profile)
    look.save(options.output)
    kept, in_table = (100 * max(look.explained(*pair, everywhere=e), 0) for e in (False, True))
    say(
        f"{options.output}: keeps {kept:.0f} % of the change, and {in_table:.0f} % as a table for editors (`lut`)",
        *(f"note: {photo.name}: {note}" for photo in (before, after) for note in photo.notes),
    )
    return 0


def lut(options: argparse.Namespace) -> int:
    """Run `photostyle lut`: write a look as a .cube table or a HaldCLUT. Returns 0.

    Raises:
        PhotostyleError: an option or a file cannot be used; nothing has been written then.
    """
    extension = os.path.splitext(options.output)[1].lower()
    if extension not in (".cube", ".png"):
        raise PhotostyleError(f"{options.output}: a table is written as .cube, or as .png (HaldCLUT)")
    size = options.size or _SIZES[extension]
    level = math.isqrt(size)
    if extension == ".png" and not (level**2 == size and 2 <= level <= _MOST_LEVEL):
        raise PhotostyleError(f"`size` of a HaldCLUT must be a square from 4 to {_MOST_LEVEL**2}, got {size}")
    check_file(options.output, "table")
    look = Look.load(options.look)
    if extension == ".png":
        write_photo(options.output, look.hald(level, **keyword_arguments(Mix, options)), bit_depth=16)
    else:
        name = os.path.splitext(os.path.basename(options.look))[0]
        cube = look.cube(size, name, **keyword_arguments(Mix, options))
        write_atomically(options.output, cube.encode("ascii"))
    say(f"{options.output}: {size} colours per axis, the part of the look that does not depend on place")
    if look.icc_profile is not None:
        say("note: it is for photos in the colour space of the photo that the look was made from")
    return 0
