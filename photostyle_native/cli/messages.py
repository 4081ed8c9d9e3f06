"""Error messages for the user of the command line."""

from __future__ import annotations

import re
import sys

from .streams import printable

_PARAMETERS = (
    "size",
    "device",
    "weights",
    "iterations",
    "preset",
    "realism",
    "seed",
    "precision",
    "bit_depth",
    "content_mask",
    "style_mask",
    "style_weights",
    "keep_skin",
    "auto_mask",
    "regions",
    "segment_model",
    "only",
    "content_scribbles",
    "style_scribbles",
)


def print_error(message: str) -> None:
    """Print an error as one line to stderr. Python parameters, in backticks in `message`, are printed as options."""
    named = re.sub(rf"`({'|'.join(_PARAMETERS)})`", lambda match: "--" + match[1].replace("_", "-"), message)
    # File names may hold line breaks or terminal escapes; the message stays one harmless line.
    print(f"photostyle: error: {printable(named)}", file=sys.stderr)
