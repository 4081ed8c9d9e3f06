"""The recipes run on small pictures, and both ways of each give the same answer."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest
from optional_packages import need

FOLDER = Path(__file__).resolve().parent.parent / "examples"
RECIPES = sorted(path.stem for path in FOLDER.glob("[!_]*.py"))


def test_there_are_recipes() -> None:
    assert len(RECIPES) >= 5


@pytest.mark.parametrize("name", RECIPES)
def test_both_ways_agree(name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    if re.search(r"^import pymatting", (FOLDER / f"{name}.py").read_text(), re.MULTILINE):
        need("pymatting")
    monkeypatch.syspath_prepend(FOLDER)
    recipe = importlib.import_module(name)
    recipe.main(["--quick", "--width", "96"])
    assert "largest difference" in capsys.readouterr().out
    assert re.search(r"^ *- .*\n( *[-+] .*\n)* *\+ ", recipe.__doc__, re.MULTILINE)  # the lines that change


def test_a_recipe_measures_both_ways_and_fails_when_they_differ(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    done = subprocess.run(
        [sys.executable, str(FOLDER / "guided_upsampling.py"), "--width", "64"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"before +[\d.]+ s +\d+ MB.*\nafter +[\d.]+ s +\d+ MB", done.stdout)
    monkeypatch.syspath_prepend(FOLDER)
    recipe = importlib.import_module("guided_upsampling")
    monkeypatch.setattr(recipe, "after", lambda original, enlarged: enlarged)
    with pytest.raises(SystemExit, match="differ by more than"):
        recipe.main(["--quick", "--width", "64"])


def test_the_table_has_a_row_for_a_recipe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(FOLDER)
    table = importlib.import_module("_table")
    cells = table.row(FOLDER / "guided_upsampling.py", ["--width", "64"]).strip("| ").split(" | ")
    assert cells[0].startswith("[guided_upsampling](../examples/guided_upsampling.py): guided filter of an edit")
    assert cells[1] == (
        '`result = ops.guided_filter(enlarged, original, radius=radius, eps=eps, layout="channels_last")`'
    )
    assert all(re.fullmatch(r"[\d.]+ s, \d+ MB", cell) for cell in cells[2:4])
    assert re.fullmatch(r"[\d.]+ x", cells[4])
    assert float(cells[5]) < 1e-4
