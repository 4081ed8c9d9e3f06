"""The one exception type that means: the input is at fault, and here is how."""

from __future__ import annotations

from collections.abc import Iterable


class PhotostyleError(ValueError):
    """Raised for input that cannot be used: a file, an option, an array.

    The message is a single sentence that names the argument or file, what is required and what came.
    The command line prints it and exits with code 2; no other exception type is turned into a message there.
    """


def choice_error(name: str, value: object, choices: Iterable[str]) -> PhotostyleError:
    """The error for an argument that is none of the names that it may be."""
    *others, last = choices
    return PhotostyleError(f"`{name}` must be {', '.join(others)} or {last}, got {value!r}")
