"""What options take, and the words in which they refuse the rest."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import pytest

from photostyle_native.cli import values


@pytest.mark.parametrize(
    ("parse", "text", "value"),
    [
        (values.positive, "1", 1),
        (values.whole, "0", 0),
        (values.share, "0.25", 0.25),
        (values.region_count, "9", 9),
        (values.table_size, "256", 256),
        (values.sizes, "700,350,700", (350, 700)),
        (values.seed, str(2**63 - 1), 2**63 - 1),
        (values.size_or_native, "native", None),
        (values.size_or_native, "64", 64),
        (values.device, "cuda:1", "cuda:1"),
        (values.file_name, "a b", "a b"),
    ],
)
def test_what_is_taken(parse: Callable[[str], Any], text: str, value: Any) -> None:
    assert parse(text) == value


@pytest.mark.parametrize(
    ("parse", "text", "words"),
    [
        (values.positive, "0", "must be a whole number of at least 1, got '0'"),
        (values.whole, "1.5", "must be a whole number that is not negative, got '1.5'"),
        (values.share, "nan", "must be a number from 0 to 1, got 'nan'"),
        (values.region_count, "10", "must be a whole number from 1 to 9, got '10'"),
        (values.table_size, "1", "must be a whole number from 2 to 256, got '1'"),
        (values.sizes, "350,32", "must be whole numbers of at least 64, got '32'"),
        (values.seed, str(2**63), f"must be a whole number from 0 to 2^63 - 1, got '{2**63}'"),
        (values.size_or_native, "big", "must be native or a whole number of at least 1, got 'big'"),
        (values.device, "gpu", "must be auto, cpu, cuda or cuda:N, got 'gpu'"),
        (values.file_name, "", "must not be empty"),
    ],
)
def test_what_is_refused(parse: Callable[[str], Any], text: str, words: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError) as error:
        parse(text)
    assert str(error.value) == words
