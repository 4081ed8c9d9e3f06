"""`photostyle demo`, and the photos and masks that it ships."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from photostyle_native import data
from photostyle_native.cli.main import main
from photostyle_native.masks.label_images import read_labels
from photostyle_native.masks.pairs import prepare_pair

BLUE, RED, GREEN, CYAN, GREY = (0, 0, 255), (255, 0, 0), (0, 255, 0), (0, 255, 255), (128, 128, 128)


def pixels_of(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def test_demo_writes_a_result_and_a_sheet(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["demo", "-o", "new/folder", "--size", "64", "--iterations", "2"]) == 0
    out = capsys.readouterr().out
    assert "new/folder/result.jpg: 640 x 427 pixels, solved at 64 x 43" in out
    assert "new/folder/sheet.jpg" in out
    assert sorted(os.listdir("new/folder")) == ["result.jpg", "sheet.jpg"]
    content, result = pixels_of(data.CONTENT).astype(float), pixels_of(Path("new/folder/result.jpg")).astype(float)
    sky = slice(20, 150), slice(350, 600)
    assert content[sky].mean() > 200, "day"
    assert result[sky].mean() < 110, "dusk"
    sheet = pixels_of(Path("new/folder/sheet.jpg")).astype(float)
    assert sheet.shape[0] > 427
    assert sheet.shape[1] == 3 * 640 + 4 * 12
    third = sheet[12 : 12 + 427, 3 * 12 + 2 * 640 : 3 * 12 + 3 * 640]
    assert np.abs(third - result).mean() < 3, "the third picture is the result"


def test_shipped_files_are_small_and_attributed() -> None:
    folder = data.CONTENT.parent
    attribution = (folder / "README.md").read_text()
    names = sorted(p.name for p in folder.iterdir() if p.suffix in (".jpg", ".png"))
    assert names == ["china.jpg", "china_mask.png", "rocket.jpg", "rocket_mask.png"]
    assert all(f"`{name}`" in attribution for name in names)
    assert "danielbuechele" in attribution
    assert "CC BY 2.0" in attribution
    assert "SpaceX" in attribution
    assert sum(p.stat().st_size for p in folder.iterdir()) < 400_000


@pytest.mark.parametrize(
    ("photo", "mask", "points"),
    [
        (
            data.CONTENT,
            data.CONTENT_MASK,
            {
                (500, 60): BLUE,  # sky
                (205, 40): RED,  # finial
                (210, 290): RED,  # colonnade
                (600, 340): GREEN,  # tree on the right
                (30, 220): GREEN,  # branch on the left
                (420, 260): CYAN,  # lake
            },
        ),
        (
            data.STYLE,
            data.STYLE_MASK,
            {
                (250, 100): BLUE,  # sky
                (322, 250): RED,  # rocket
                (320, 415): RED,  # launch pad
                (110, 415): CYAN,  # clouds, and a lamp
                (520, 395): GREEN,  # clouds
                (70, 3): GREEN,  # steel
                (80, 60): GREY,  # sky beside a mast
            },
        ),
    ],
)
def test_masks_have_the_photos_size_and_the_right_labels(
    photo: Path, mask: Path, points: dict[tuple[int, int], tuple[int, int, int]]
) -> None:
    labels = pixels_of(mask)
    assert labels.shape == pixels_of(photo).shape
    assert {tuple(map(int, c)) for c in np.unique(labels.reshape(-1, 3), axis=0)} == set(points.values())
    for (x, y), color in points.items():
        assert tuple(labels[y, x]) == color, (x, y)


def test_masks_correspond() -> None:
    pair = prepare_pair(read_labels(data.CONTENT_MASK), read_labels(data.STYLE_MASK), (267, 400), (267, 400))
    assert pair.labels == ("blue", "green", "red", "cyan")
    assert [note for note in pair.notes if "is not used" not in note] == []
