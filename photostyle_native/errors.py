"""The exception that means that an input cannot be used, and why."""

from __future__ import annotations

from collections.abc import Iterable


class PhotostyleError(ValueError):
    """The error for input that cannot be used: a file, an option or an array.

    The message is one sentence that names the argument or file, what is required, and what was given. The command
    line prints it and exits with code 2.
    """


def choice_error(name: str, value: object, choices: Iterable[str]) -> PhotostyleError:
    """Make the error for an argument whose value is not one of the allowed `choices` (at least one)."""
    *others, last = choices
    return PhotostyleError(f"`{name}` must be {', '.join(others)} or {last}, got {value!r}")
