"""Finished results on disk, which a second run finds unless something that they were made from has changed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from evaluation.pair_folders import labels, picture, save
from image_files import noise
from pipeline.results import result

from photostyle_native import PhotostyleError
from photostyle_native.evaluation.pairs import Pair, find_pairs
from photostyle_native.evaluation.records import Finished, Records, file_hash
from photostyle_native.images.photo import read_photo

SETTINGS = {"size": 48, "labels": ("a", "b")}


@pytest.fixture
def pair(folder: Path) -> Pair:
    return find_pairs(folder)[0][0]


@pytest.fixture
def records(tmp_path: Path, pair: Pair) -> Records:
    """Records in a folder that holds the result of `pair`."""
    (tmp_path / "results").mkdir()
    made = Records(tmp_path / "results", SETTINGS)
    assert made.find(pair) is None
    history = [{"stage": stage, "iteration": k} for stage in ("one", "two") for k in range(4)]
    made.store(pair, made.made_from(pair), result(history=history))
    return made


def test_what_was_stored_is_found_again(records: Records, pair: Pair) -> None:
    found = Records(records.folder, SETTINGS).find(pair)
    assert found == Finished(records.folder / "2.png", seconds=1.75, iterations=6)  # each stage begins with its start
    assert read_photo(found.path).size == (60, 80)
    record = json.loads((records.folder / "2.json").read_text())
    assert record["made_from"]["inputs"]["content"] == file_hash(pair.content)
    assert (record["labels"], record["backend"]) == (["all"], "native-cpu (x86-64-v3)")


@pytest.mark.parametrize(
    "change",
    [
        lambda records, pair: save(pair.content, picture(51, 67, 77)),
        lambda records, pair: save(pair.style_mask, labels(60, 44)[::-1]),
        lambda records, pair: pair.style.unlink(),
        lambda records, pair: save(records.folder / "2.png", noise()),
        lambda records, pair: (records.folder / "2.png").unlink(),
        lambda records, pair: (records.folder / "2.json").write_text('{"made_from": '),
        lambda records, pair: (records.folder / "2.json").write_text("[1]"),
    ],
    ids=["content", "mask", "no style", "result", "no result", "cut record", "foreign record"],
)
def test_a_result_does_not_count_if_a_file_changed(
    records: Records, pair: Pair, change: Callable[[Records, Pair], object]
) -> None:
    change(records, pair)
    assert records.find(pair) is None


def test_a_result_does_not_count_for_other_settings_and_the_reference_does_not_matter(
    records: Records, pair: Pair
) -> None:
    assert Records(records.folder, {**SETTINGS, "size": 49}).find(pair) is None
    assert pair.reference is not None
    save(pair.reference, np.zeros((5, 5, 3), np.uint8))
    assert records.find(pair) is not None


def test_a_folder_that_cannot_take_a_result_is_noticed_before(tmp_path: Path, pair: Pair) -> None:
    with pytest.raises(PhotostyleError, match=r"2\.png: there is no directory"):
        Records(tmp_path / "nowhere", SETTINGS).check(pair)
    with pytest.raises(PhotostyleError, match=r"gone: cannot be read \(No such file or directory\)"):
        file_hash(tmp_path / "gone")
