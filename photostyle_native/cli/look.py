"""`photostyle look` makes a look of an edited photo; `photostyle lut` writes a look as a table for other programs."""

from __future__ import annotations

import argparse
import os

from ..color.alignment import check_aligned
from ..color.look import Look
from ..color.look_file import check_look_name
from ..errors import PhotostyleError
from ..files import check_file, same_file, write_atomically
from ..images.photo import read_photo
from ..images.resize import working_size
from ..images.write import write_photo
from ..masks.pairs import check_aspect
from .options import keyword_arguments
from .streams import say

_FITTED = 400  # longest side in pixels at which a look is fitted: it has no finer detail


def make(options: argparse.Namespace) -> int:
    """Run `photostyle look`: find the look that turns a photo into its edited version. Returns 0.

    Raises:
        PhotostyleError: a file cannot be used, or the photos do not lie on each other; nothing has been written then.
    """
    for role, path in (("BEFORE", options.before), ("AFTER", options.after)):
        if same_file(path, options.output):
            raise PhotostyleError(f"{options.output}: the look would overwrite {role}")
    check_look_name(options.output)
    check_file(options.output, "look")
    before = read_photo(options.before)
    after = read_photo(options.after).converted_to(before.icc_profile)
    check_aspect(after.name, after.size, before.size)
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
    check_file(options.output, "table")
    look = Look.load(options.look)
    if extension == ".png":
        arguments = keyword_arguments(look.hald, options)
        write_photo(options.output, look.hald(**arguments), bit_depth=16)
    else:
        name = os.path.splitext(os.path.basename(options.look))[0]
        arguments = {**keyword_arguments(look.cube, options), "title": name}
        write_atomically(options.output, look.cube(**arguments).encode("ascii"))
    say(f"{options.output}: {arguments['size']} colours per axis, the part of the look that does not depend on place")
    if look.icc_profile is not None:
        say("note: it is for photos in the colour space of the photo that the look was made from")
    return 0
