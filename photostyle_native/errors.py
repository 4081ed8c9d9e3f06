"""The exception that means that an input cannot be used, and why."""

from __future__ import annotations

import errno
import importlib
import re
from collections.abc import Iterable

_LACKS_MEMORY = re.compile(
    r"can(?:no|')t allocate memory|not enough memory|out of memory|failed to map segment|bad_alloc|memory error",
    re.IGNORECASE,
)


_LONGEST = 200  # characters of a library's message


class PhotostyleError(ValueError):
    """The error for input that cannot be used: a file, an option or an array.

    The message is one sentence that names the argument or file, what is required, and what was given. The command
    line prints it and exits with code 2.
    """


def choice_error(name: str, value: object, choices: Iterable[str]) -> PhotostyleError:
    """Make the error for an argument whose value is not one of the allowed `choices` (at least one)."""
    *others, last = choices
    return PhotostyleError(f"`{name}` must be {', '.join(others)} or {last}, got {value!r}")


def reason(error: BaseException) -> str:
    """What an exception of a library says, as a part of a line: without line breaks, and not the bytes of a file."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "..."


def lacks_memory(error: BaseException | None) -> bool:
    """Whether an exception, or one that led to it, means that there was not enough memory.

    Python, torch (CPU and CUDA), the loader of shared libraries and decoders have types and texts of their own.
    """
    while error is not None:
        if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
            return True
        if isinstance(error, OSError) and error.errno == errno.ENOMEM:
            return True
        if isinstance(error, (ImportError, OSError, RuntimeError)) and _LACKS_MEMORY.search(str(error)):
            return True
        error = error.__cause__
    return False


def check_extra(module: str, extra: str, what: str) -> None:
    """Raise PhotostyleError unless the package of an extra can be imported; `what` needs it, in messages."""
    try:
        importlib.import_module(module)
    except ImportError as error:
        raise PhotostyleError(f"{what} the extra {extra}: pip install 'photostyle-native[{extra}]'") from error
