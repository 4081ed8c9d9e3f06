"""`photostyle masks` as a user runs it, and what `transfer` makes of its files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from photostyle_native.cli.main import main
from photostyle_native.cli.masks import palette_png
from photostyle_native.masks.label_images import read_labels
from photostyle_native.masks.pairs import prepare_pair

MASKS = ["--content-mask", "day.png", "--style-mask", "dusk.png"]


def _photo(path: Path, size: tuple[int, int], horizon: int, sky: int, ground: int) -> None:
    height, width = size
    pixels = np.full((height, width, 3), sky, np.uint8)
    grain = np.random.default_rng(horizon).integers(0, 90, (height - horizon, width, 1))
    pixels[horizon:] = np.clip(ground + grain + np.array([20, 10, -20]), 0, 255)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    _photo(tmp_path / "day.png", (96, 128), 40, 230, 90)
    _photo(tmp_path / "dusk.png", (112, 112), 60, 70, 20)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_masks_writes_label_images_that_are_read_back(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["masks", "day.png", "dusk.png", "-o", "out", "--regions", "2"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "out/content.png, out/style.png: label images for --content-mask and --style-mask"
    assert printed[2].startswith("blue ")
    assert "confidence" in printed[3]
    for name, size in (("content", (128, 96)), ("style", (112, 112))):
        with Image.open(folder / "out" / f"{name}.png") as image:
            assert image.mode == "P"
            assert image.size == size
    pair = prepare_pair(read_labels("out/content.png"), read_labels("out/style.png"), (96, 128), (112, 112))
    assert pair.labels == ("blue", "green")
    assert pair.notes == ()
    sky = pair.content[:, 5, 5]
    assert torch.equal(sky, pair.style[:, 5, 5])  # the same label in both photos
    assert bool((pair.content[:, :32].mT == sky.view(2, 1, 1)).all())
    with Image.open(folder / "out" / "sheet.png") as sheet:
        assert sheet.width > 2 * 480
        assert sheet.height > 2 * 480
        colors = {tuple(c) for c in np.asarray(sheet.convert("RGB"))[-80:, :40].reshape(-1, 3).tolist()}
    assert {(0, 0, 255), (0, 255, 0)} <= colors  # the legend


def test_the_sheet_of_a_panorama_stays_small(folder: Path) -> None:
    """And that of a line of pixels is wide enough for its legend."""
    day = Image.open("day.png")
    day.resize((900, 20)).save("wide.png")
    day.resize((1, 96)).save("line.png")
    for photo, least, most in (("wide.png", 2 * 2000, 2 * 2500), ("line.png", 400, 2 * 700)):
        assert main(["masks", photo, "dusk.png", "-o", "out", "--regions", "2"]) == 0
        with Image.open("out/sheet.png") as sheet:
            assert least <= sheet.width <= most
    assert main(["masks", "line.png", "line.png", "-o", "out", "--regions", "2"]) == 0
    with Image.open("out/sheet.png") as sheet:
        assert 300 < sheet.width < 600


def test_masks_with_strokes(folder: Path) -> None:
    layer = Image.new("RGBA", (128, 96))
    layer.paste((255, 0, 0, 255), (20, 70, 60, 74))
    layer.save("strokes.png")
    arguments = ["masks", "day.png", "dusk.png", "-o", "out", "--regions", "2", "--content-scribbles", "strokes.png"]
    assert main(arguments) == 0
    with Image.open("out/content.png") as image:
        assert (np.asarray(image.convert("RGB"))[70:74, 20:60] == (255, 0, 0)).all()


def test_transfer_makes_masks_unless_told_otherwise(folder: Path) -> None:
    base = ["transfer", "day.png", "dusk.png", "-o", "o.png", "--iterations", "0", "--quiet", "--report", "r.json"]
    labels = {}
    for name, more in (("two", ["--regions", "2"]), ("none", ["--auto-mask", "none"])):
        assert main([*base, *more]) == 0
        labels[name] = json.loads(Path("r.json").read_text())
    assert labels["two"]["labels"] == ["blue", "green"]
    assert "Masks were made from the photos" in labels["two"]["notes"][0]
    assert labels["none"]["labels"] == ["all"]
    assert labels["none"]["notes"] == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["masks", "day.png", "dusk.png"], "required: -o/--output"),
        (["masks", "day.png", "dusk.png", "-o", "out", "--regions", "10"], "must be a whole number from 1 to 9"),
        (["masks", "day.png", "none.png", "-o", "out"], "none.png"),
        (
            ["transfer", "day.png", "dusk.png", "-o", "o.png", "--auto-mask", "none", "--regions", "2"],
            "--regions is for",
        ),
        (["masks", "day.png", "dusk.png", "-o", "day.png"], "the folder cannot be made"),
        (
            ["masks", "day.png", "dusk.png", "-o", "out", "--style-scribbles", "none.png"],
            "--style-scribbles (none.png): no such file",
        ),
        (
            ["transfer", "day.png", "dusk.png", "-o", "o.png", "--regions", "3", *MASKS],
            "--regions is for automatic masks",
        ),
    ],
)
def test_what_cannot_be_done_is_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not Path("out").exists()


def test_masks_does_not_overwrite_a_photo(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("day.png").rename("content.png")
    before = Path("content.png").read_bytes()
    assert main(["masks", "content.png", "dusk.png", "-o", "."]) == 2
    assert "the output would overwrite CONTENT" in capsys.readouterr().err
    assert Path("content.png").read_bytes() == before


def test_palette_png_has_the_labels_colours() -> None:
    import io

    with Image.open(io.BytesIO(palette_png(np.array([[0, 1], [2, 0]]), ("black", "grey", "red")))) as image:
        assert np.asarray(image.convert("RGB")).tolist() == [
            [[0, 0, 0], [128, 128, 128]],
            [[255, 0, 0], [0, 0, 0]],
        ]
