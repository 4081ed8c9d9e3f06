"""Numbers as text for readers."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """Format seconds with three digits and a unit: ``1.23 ms``."""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{digits(seconds / size)} {unit}"
    return f"{digits(seconds * 1e6)} us"


def rate(per_second: float, unit: str) -> str:
    """Format a rate with three digits and a prefix: ``12.3 GB/s``."""
    for prefix, size in (("T", 1e12), ("G", 1e9)):
        if per_second >= size:
            return f"{digits(per_second / size)} {prefix}{unit}/s"
    return f"{digits(per_second / 1e6)} M{unit}/s"


def ratio(value: float) -> str:
    """Format a ratio: ``x 3.21``."""
    return f"x {digits(value)}"


def digits(value: float) -> str:
    """Format a number with three digits, or with all digits before the decimal point."""
    decimals = 0 if value >= 99.95 else 1 if value >= 9.995 else 2
    return f"{value:.{decimals}f}"
