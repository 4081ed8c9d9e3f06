"""`photostyle look` makes a look of an edited photo, `mix` one of others; `lut` writes it as a table for editors."""

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
from ..pipeline.looks import find_look
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
    kept, in_table = (_percent(look.explained(*pair, everywhere=everywhere)) for everywhere in (False, True))
    say(
        f"{options.output}: keeps {kept} of the change, and {in_table} as a table for editors (`lut`)",
        *(f"note: {photo.name}: {note}" for photo in (before, after) for note in photo.notes),
    )
    return 0


def mix(options: argparse.Namespace) -> int:
    """Run `photostyle mix`: write the look whose change is the mean of those of others. Returns 0.

    Raises:
        PhotostyleError: an option or a file cannot be used; nothing has been written then.
    """
    for path in options.looks:
        if same_file(path, options.output):
            raise PhotostyleError(f"{options.output}: the look would overwrite LOOK")
    check_look_name(options.output)
    check_file(options.output, "look")
    looks = [named_look(path) for path in options.looks]
    mixed = Look.mixed(looks, **keyword_arguments(Look.mixed, options))
    mixed.save(options.output)
    say(f"{options.output}: a mixture of {' and '.join(os.path.basename(path) for path in options.looks)}")
    if mixed.structure is None and any(look.structure is not None for look in looks):
        say("note: the looks are of different scenes, so it treats all places alike")
    return 0


def named_look(look: str) -> Look:
    """Read a look that is no table. Raises PhotostyleError as `find_look` does, and for a table."""
    found = find_look(look)
    if not isinstance(found, Look):
        raise PhotostyleError(f"{look}: this is a table already; a look of this program (.npz) is needed")
    return found


def _percent(share: float) -> str:
    return f"{100 * max(share, 0):.0f} %"


def lut(options: argparse.Namespace) -> int:
    """Run `photostyle lut`: write a look as a .cube table or a HaldCLUT. Returns 0.

    Raises:
        PhotostyleError: an option or a file cannot be used; nothing has been written then.
    """
    extension = os.path.splitext(options.output)[1].lower()
    if extension not in (".cube", ".png"):
        raise PhotostyleError(f"{options.output}: a table is written as .cube, or as .png (HaldCLUT)")
    check_file(options.output, "table")
    look = named_look(options.look)
    if extension == ".png":
        arguments = keyword_arguments(look.hald, options)
        write_photo(options.output, look.hald(**arguments), bit_depth=16)
    else:
        name = os.path.splitext(os.path.basename(options.look))[0]
        arguments = {**keyword_arguments(look.cube, options), "title": name}
        write_atomically(options.output, look.cube(**arguments).encode("ascii"))
    kept = "" if look.tone_share is None else f"; it keeps {_percent(look.tone_share)} of the change"
    part = "the part of the look that does not depend on place"
    say(f"{options.output}: {arguments['size']} colours per axis, {part}{kept}")
    if look.icc_profile is not None:
        say("note: it is for photos in the colour space of the photo that the look was made from")
    return 0
