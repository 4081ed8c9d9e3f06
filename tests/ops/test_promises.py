"""What docs/api.md promises of every op alike: threads, determinism, pictures without pixels, nothing written to."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from ops.samples import OBJECTS, PUBLIC, Row
from pictures import smooth_picture

import photostyle_native as ps

ROWS = pytest.mark.parametrize("row", [*PUBLIC, *OBJECTS], ids=lambda row: row.name)


@pytest.fixture
def _threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("_threads")
@ROWS
def test_the_same_bits_with_any_number_of_threads(row: Row) -> None:
    sample = row.sample(67, 90)
    results = []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        results.append(sample.with_gradients())
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))


@ROWS
def test_calls_from_several_threads_at_once(row: Row) -> None:
    sample = row.sample(37, 50)
    kept = [value.clone() for value in sample.tensors]
    expected = sample()
    with ThreadPoolExecutor(4) as pool:
        assert all(torch.equal(future, expected) for future in pool.map(lambda _: sample(), range(12)))
    assert all(torch.equal(a, b) for a, b in zip(sample.tensors, kept, strict=True))  # and nothing was written to


@ROWS
@pytest.mark.parametrize("size", [(0, 5), (4, 0)], ids=str)
def test_pictures_without_pixels(row: Row, size: tuple[int, int]) -> None:
    result = row.sample(*size)()
    assert result.numel() == 0 or not row.is_picture


def test_a_transfer_gives_the_same_picture_again() -> None:
    content, style = smooth_picture(40, 48), smooth_picture(32, 40).flip(0, 2)
    first, second = (ps.transfer(content, style, size=48, iterations=2, auto_mask="none") for _ in range(2))
    assert torch.equal(first.image, second.image)
    assert first.energies == second.energies


@ROWS
def test_autocast_changes_nothing(row: Row) -> None:
    sample = row.sample(13, 17)
    expected = sample.with_gradients()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        result = sample.with_gradients()
    assert all(torch.equal(a, b) for a, b in zip(result, expected, strict=True))
