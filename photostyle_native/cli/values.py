"""The values that options of the command line take: functions that parse the text of one, for argparse.

Each raises argparse.ArgumentTypeError, whose message says what the value must be. Nothing here imports torch.
"""

from __future__ import annotations

import argparse
import math
import re

from ..machine import DEVICES
from ..pipeline.presets import PRESETS
from ..segmentation.automatic import MAX_REGIONS

DEVICE_CHOICES = ", ".join(DEVICES[:-1]) + f" or {DEVICES[-1]}"


def device(text: str) -> str:
    if not re.fullmatch(r"auto|cpu|cuda(:\d{1,3})?", text):
        raise argparse.ArgumentTypeError(f"must be {DEVICE_CHOICES}, got {text!r}")
    return text


def file_name(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError("must not be empty")
    return text


def _number(text: str, least: int, most: int | None, what: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = None
    if number is None or number < least or (most is not None and number > most):
        raise argparse.ArgumentTypeError(f"must be {what}, got {text!r}")
    return number


def positive(text: str) -> int:
    return _number(text, 1, None, "a whole number of at least 1")


def whole(text: str) -> int:
    return _number(text, 0, None, "a whole number that is not negative")


def region_count(text: str) -> int:
    return _number(text, 1, MAX_REGIONS, f"a whole number from 1 to {MAX_REGIONS}")


def table_size(text: str) -> int:
    return _number(text, 2, 256, "a whole number from 2 to 256")


def sizes(text: str) -> tuple[int, ...]:
    """Parse widths of at least 64: of smaller pictures VGG-19's deep layers keep almost no pixels."""
    return tuple(sorted({_number(part, 64, None, "whole numbers of at least 64") for part in text.split(",")}))


def port(text: str) -> int:
    return _number(text, 1, 65535, "a whole number from 1 to 65535")


def share(text: str) -> float:
    """Parse a number from 0 to 1."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError(f"must be a number from 0 to 1, got {text!r}")
    return number


def presets(text: str) -> tuple[str, ...]:
    """Parse names of presets."""
    names = tuple(text.split(","))
    unknown = [name for name in names if name not in PRESETS]
    if unknown:
        raise argparse.ArgumentTypeError(f"must be some of {', '.join(PRESETS)}, got {unknown[0]!r}")
    return names


def amount(text: str) -> float:
    """Parse a number that is not negative."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number < math.inf:
        raise argparse.ArgumentTypeError(f"must be a number that is not negative, got {text!r}")
    return number


def positive_amount(text: str) -> float:
    """Parse a number above 0."""
    number = amount(text)
    if number == 0:
        raise argparse.ArgumentTypeError(f"must be a number above 0, got {text!r}")
    return number


def weights(text: str) -> tuple[float, ...]:
    """Parse numbers that are not negative, and not all zero."""
    try:
        numbers = tuple(float(part) for part in text.split(","))
    except ValueError:
        numbers = ()
    if not all(0 <= number < math.inf for number in numbers) or not any(numbers):
        raise argparse.ArgumentTypeError(f"must be numbers that are not negative, such as 3,1, got {text!r}")
    return numbers


def seed(text: str) -> int:
    return _number(text, 0, 2**63 - 1, "a whole number from 0 to 2^63 - 1")


def size_or_native(text: str) -> int | None:
    return None if text == "native" else _number(text, 1, None, "native or a whole number of at least 1")
