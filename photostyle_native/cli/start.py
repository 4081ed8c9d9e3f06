"""The first module of the program `photostyle`, which imports the others: Ctrl-C meanwhile leaves no traceback."""

from __future__ import annotations

import os
import signal


def leave(number: int, _frame: object = None) -> None:
    """End the program at once, as a signal's handler: an exception within the import of a library may break that."""
    os.write(2, b"photostyle: interrupted\n")
    os._exit(128 + number)


def main() -> int:
    """Run the program with the arguments of the command line and return its exit code."""
    python_handles = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if python_handles:
        signal.signal(signal.SIGINT, leave)
    from .main import main as run

    if python_handles:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    return run()
