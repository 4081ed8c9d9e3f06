"""Numbers as text."""

from __future__ import annotations

import pytest

from photostyle_native.benchmark.report.units import digits, duration, rate, ratio


@pytest.mark.parametrize(
    ("seconds", "text"), [(1.234, "1.23 s"), (0.0123, "12.3 ms"), (99.96e-6, "100 us"), (4.5e-7, "0.45 us")]
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_rates() -> None:
    assert rate(4.8e12, "B") == "4.80 TB/s"
    assert rate(36.3e9, "B") == "36.3 GB/s"


def test_ratios_have_three_digits_and_no_fraction_from_a_hundred_on() -> None:
    assert ratio(3.2149) == "x 3.21"
    assert [digits(value) for value in (0.0042, 9.994, 9.996, 99.94, 99.96, 1234.5)] == [
        "0.00",
        "9.99",
        "10.0",
        "99.9",
        "100",
        "1234",
    ]
