"""What the machine says of itself."""

from __future__ import annotations

import platform

import pytest

from photostyle_native.cli import doctor

V2 = "cx16 lahf_lm popcnt sse4_1 sse4_2 ssse3"


V3 = V2 + " avx avx2 bmi1 bmi2 f16c fma abm movbe xsave"


V4 = V3 + " avx512f avx512bw avx512cd avx512dq avx512vl"


@pytest.mark.parametrize(
    ("flags", "level"),
    [
        ("fpu sse2", "x86-64"),
        (V2, "x86-64-v2"),
        (V2 + " avx avx2", "x86-64-v2"),
        (V3, "x86-64-v3"),
        (V3 + " avx512f", "x86-64-v3"),
        (V4 + " amx_tile", "x86-64-v4"),
        (V4.replace("ssse3", ""), "x86-64"),
    ],
)
def test_processor_level(flags: str, level: str) -> None:
    assert doctor.processor_level(f"model name\t: X\nflags\t\t: {flags}\nbugs\t\t: none\n") == level


def test_processor_of_another_kind_is_named_by_its_architecture() -> None:
    assert doctor.processor_level("Features\t: fp asimd\n") == platform.machine()
