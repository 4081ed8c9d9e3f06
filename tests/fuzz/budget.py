"""How long the fuzz tests run: a fixed number of examples, or the minutes of PHOTOSTYLE_FUZZ.

Without PHOTOSTYLE_FUZZ the examples are the same in every run, so that CI does not fail by chance. With it, every
test goes on with new ones until its minutes have passed.
"""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, given, settings

_MINUTES = float(os.environ.get("PHOTOSTYLE_FUZZ", "0"))
_AT_ONCE = 500


def fuzzed(examples: int, **strategies: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Make a test of a function of random arguments; `examples` is how many there are without PHOTOSTYLE_FUZZ."""

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        chosen = settings(
            max_examples=_AT_ONCE if _MINUTES else examples,
            deadline=None,
            derandomize=not _MINUTES,
            database=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        )
        test = chosen(given(**strategies)(function))

        @functools.wraps(function)
        def run() -> None:
            end = time.monotonic() + 60 * _MINUTES
            test()
            while time.monotonic() < end:
                test()

        del run.__wrapped__  # type: ignore[attr-defined]  # pytest would look for fixtures of its arguments
        return run

    return decorate
