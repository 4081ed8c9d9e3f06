"""Which photos are found, and what they become."""

from __future__ import annotations

from pathlib import Path

import pytest

from photostyle_native.errors import PhotostyleError
from photostyle_native.images.photo_list import list_photos


@pytest.fixture
def album(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in (
        "in/b10.jpg",
        "in/b9.JPG",
        "in/day/a.png",
        "in/day/notes.txt",
        "in/raw.HEIC",
        "one.webp",
        "in/.x.jpg",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return tmp_path


def names(given: list[str], folder: str = "out") -> dict[str, str]:
    return {entry.photo: entry.output for entry in list_photos(given, folder)}


def test_folders_keep_their_structure_and_order(album: Path) -> None:
    found = names(["in", "one.webp"])
    assert found == {
        "in/.x.jpg": "out/.x.jpg",
        "in/b9.JPG": "out/b9.JPG",
        "in/b10.jpg": "out/b10.jpg",
        "in/day/a.png": "out/day/a.png",
        "in/raw.HEIC": "out/raw.jpg",
        "one.webp": "out/one.webp",
    }
    assert list(found)[-1] == "one.webp"
    assert list(found).index("in/b9.JPG") < list(found).index("in/b10.jpg")
    assert [entry.name for entry in list_photos(["in/day"], "out")] == ["a.png"]


def test_patterns_are_put_side_by_side(album: Path) -> None:
    assert names(["in/**/*.png", "*.webp"]) == {"in/day/a.png": "out/a.png", "one.webp": "out/one.webp"}
    (album / "in" / "odd[1].png").write_bytes(b"x")
    assert names(["in/odd[1].png"]) == {"in/odd[1].png": "out/odd[1].png"}  # a file of this name, no pattern


def test_a_photo_given_twice_is_made_once(album: Path) -> None:
    assert len(list_photos(["in/b10.jpg", "in/*.jpg", "in/b10.jpg"], "out")) == 1


def test_results_in_the_folder_are_no_photos(album: Path) -> None:
    (album / "in" / "out").mkdir()
    (album / "in" / "out" / "b9.jpg").write_bytes(b"x")
    assert "in/out/b9.jpg" not in names(["in"], "in/out")


@pytest.mark.parametrize(
    ("given", "folder", "problem"),
    [
        (["in/*.tif"], "out", r"in/\*\.tif: there is no photo"),
        (["in/day"], "in/day", "in/day: there is no photo"),
        (["in/day/a.png"], "in/day", "in/day/a.png: the output would overwrite PHOTO"),
        (["in", "in/day/../b9.JPG", "other/b9.JPG"], "out", "would both be written to this file"),
    ],
)
def test_what_cannot_be_meant(album: Path, given: list[str], folder: str, problem: str) -> None:
    with pytest.raises(PhotostyleError, match=problem):
        list_photos(given, folder)


def test_a_folder_without_photos(album: Path) -> None:
    (album / "empty").mkdir()
    with pytest.raises(PhotostyleError, match="empty: there is no photo"):
        list_photos(["empty"], "out")
