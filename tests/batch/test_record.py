"""What counts as finished, and what does not any more."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from photostyle_native.batch.record import FAILED, KEPT, MADE, OPEN, Record
from photostyle_native.errors import PhotostyleError
from photostyle_native.files import file_hash
from photostyle_native.images.photo_list import Entry


@pytest.fixture
def entry(tmp_path: Path) -> Entry:
    for name in ("photo.png", "result.png", "style.png"):
        (tmp_path / name).write_text(name)
    return Entry(str(tmp_path / "photo.png"), str(tmp_path / "result.png"), "photo.png")


def record(tmp_path: Path, **settings: Any) -> Record:
    return Record(tmp_path, {"size": 64, **settings}, (str(tmp_path / "style.png"),))


def finish(tmp_path: Path, entry: Entry) -> None:
    record(tmp_path).made(entry, file_hash(Path(entry.photo)), {"seconds": 1.5, "notes": ["a note"]})


def test_a_finished_photo_is_kept(tmp_path: Path, entry: Entry) -> None:
    assert not record(tmp_path).finished(entry)
    finish(tmp_path, entry)
    again = record(tmp_path)
    assert again.finished(entry)
    assert (again.count(KEPT), again.count(MADE, FAILED, OPEN)) == (1, 0)
    again.write()
    assert record(tmp_path).finished(entry)  # what was kept is kept once more
    (photo,) = json.loads((tmp_path / "report.json").read_text())["photos"]
    assert (photo["status"], photo["seconds"], photo["notes"]) == (KEPT, 1.5, ["a note"])


@pytest.mark.parametrize("changed", ["photo.png", "result.png", "style.png"])
def test_not_if_a_file_has_changed(tmp_path: Path, entry: Entry, changed: str) -> None:
    finish(tmp_path, entry)
    (tmp_path / changed).write_text("other")
    assert not record(tmp_path).finished(entry)


def test_not_if_an_option_has_changed_or_the_result_has_gone(tmp_path: Path, entry: Entry) -> None:
    finish(tmp_path, entry)
    assert not record(tmp_path, size=65).finished(entry)
    Path(entry.output).unlink()
    assert not record(tmp_path).finished(entry)


def test_failures_are_tried_again(tmp_path: Path, entry: Entry) -> None:
    first = record(tmp_path)
    first.expect(entry)
    assert first.count(OPEN) == 1
    first.failed(entry, "it is broken")
    assert (first.count(OPEN), first.count(FAILED)) == (0, 1)
    assert not record(tmp_path).finished(entry)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"photos": 3}', '{"photos": [{"output": 1}]}'])
def test_other_files_of_this_name_are_no_report(tmp_path: Path, entry: Entry, text: str) -> None:
    (tmp_path / "report.json").write_text(text)
    assert not record(tmp_path).finished(entry)


def test_files_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(PhotostyleError, match="cannot be read"):
        record(tmp_path)
