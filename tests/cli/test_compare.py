"""`photostyle compare`: a sheet of styles, looks and presets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from cli.program import gradient, pixels_of, size_of
from PIL import Image

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Image.fromarray(gradient(400, 600, (90, 140, 230))).save("day.png")
    for name, color in (("dusk.png", (230, 120, 50)), ("night.png", (30, 40, 120))):
        Image.fromarray(gradient(200, 200, color)).save(name)
    return tmp_path


def test_a_sheet_of_styles_and_looks(run: Run, photos: Path) -> None:
    styles = ("dusk.png", "airy", "night.png")
    code, out, err = run("compare", "day.png", *styles, "--presets", "mk,reinhard", "-o", "sheet.png")
    assert code == 0
    assert "day.png under dusk.png, airy, night.png" in out
    assert "photostyle: night.png, reinhard" in err
    width, height = size_of("sheet.png")
    assert width > 400 + 2 * 600  # a style and two presets
    assert height > 3 * 400  # the content with the look, and two styles
    sheet = pixels_of("sheet.png").astype(float)
    assert run("apply", "airy", "day.png", "-o", "airy.png")[0] == 0
    tile = sheet[12:412, 624:1224]
    assert np.abs(tile - pixels_of("airy.png")).mean() < 1
    assert run("transfer", "day.png", "dusk.png", "--preset", "mk", "-o", "mk.png")[0] == 0
    left, top = 2 * 12 + 400, height // 3 + 12  # beside the style, in the second of three rows
    near = sheet[top - 8 : top + 420, left : left + 640]
    mean = pixels_of("mk.png").reshape(-1, 3).mean(0)
    assert np.abs(near[30:380, 30:570].reshape(-1, 3).mean(0) - mean).max() < 3


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ("day.png dusk.png -o dusk.png", "the sheet would overwrite STYLE"),
        ("day.png dusk.png -o day.png", "the sheet would overwrite CONTENT"),
        ("day.png dusk.png -o sheet.bmp", "the extension must be one of"),
        ("day.png dusk.png --presets mk,fast -o s.png", "--presets: must be some of default, draft"),
        ("day.png missing.png -o s.png", "missing.png: no such file"),
        ("day.png missing.cube -o s.png", "missing.cube: no such file"),
    ],
)
def test_bad_options_are_one_line(run: Run, photos: Path, options: str, problem: str) -> None:
    code, out, err = run("compare", *options.split())
    assert (code, out) == (2, "")
    assert problem in err
    assert err.count("\n") == 1
    assert not Path("s.png").exists()
