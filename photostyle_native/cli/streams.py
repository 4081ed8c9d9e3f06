"""Standard streams that may be closed, full, or lack characters, and text that is harmless on a terminal."""

from __future__ import annotations

import io
import os
import sys


def prepare() -> None:
    """Make the standard streams usable whatever they are. Call it before any file is opened.

    A stream that is closed becomes /dev/null: its number would otherwise be given to the next file that is opened,
    and messages of libraries would be written into that. Characters that an encoding lacks are escaped.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the smallest number that is free, which is this one
    number_of = {"stdout": 1, "stderr": 2}
    for name in number_of:
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, io.TextIOWrapper(io.FileIO(number_of[name], "w", closefd=False)))
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def printable(text: str) -> str:
    """A text in which no character moves the cursor or changes the terminal, as names of files may; one line."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def say(*lines: str) -> None:
    """Print lines to stdout, each harmless."""
    print("\n".join(printable(part) for line in lines for part in line.split("\n")))


def discard_output() -> None:
    """Discard what stdout still holds; otherwise the interpreter complains about it when it ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
