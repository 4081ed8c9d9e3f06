"""`photostyle batch` as people run it: a folder, a broken photo, a second run, a kill in the middle."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli.program import FAST, gradient, pixels_of, size_of
from PIL import Image

import photostyle_native
from photostyle_native import Look
from photostyle_native.batch import work
from photostyle_native.data import LOOKS

Run = Callable[..., tuple[int, str, str]]
ROOT = Path(photostyle_native.__file__).parents[1]


@pytest.fixture
def album(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Five photos in two folders, one of them broken, and two styles."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in" / "day").mkdir(parents=True)
    for k, name in enumerate(("1.png", "2.jpg", "day/3.png", "day/4.png")):
        Image.fromarray(gradient(48, 64, (60 + 40 * k, 140, 200 - 40 * k))).save(tmp_path / "in" / name)
    (tmp_path / "in" / "day" / "broken.png").write_text("no photo")
    for name, color in (("style.png", (230, 120, 50)), ("other.png", (60, 60, 200))):
        Image.fromarray(gradient(50, 40, color)).save(tmp_path / name)
    return tmp_path


def report(folder: str = "out") -> dict[str, Any]:
    text = json.loads((Path(folder) / "report.json").read_text())
    return {Path(photo["output"]).name: photo for photo in text["photos"]} | {"": text}


def statuses(folder: str = "out") -> dict[str, str]:
    return {name: photo["status"] for name, photo in report(folder).items() if name}


STYLED = ("--style", "style.png", "-o", "out", "--auto-mask", "none", *FAST)


def test_a_folder(run: Run, album: Path) -> None:
    code, out, err = run("batch", "in", *STYLED)
    assert code == 1
    assert "4 made, 0 kept, 1 failed, 0 left" in out
    assert "in/day/broken.png: not a PNG" in err
    assert "photostyle: 3 of 5: day/3.png" in err
    assert "Traceback" not in err
    found = statuses()
    assert found.pop("broken.png") == "failed"
    assert set(found.values()) == {"made"}
    assert pixels_of("out/day/3.png").shape == (48, 64, 3)
    assert Path("out/2.jpg").read_bytes().startswith(b"\xff\xd8")
    assert size_of("out/sheet.jpg")[0] > 6 * 64
    photo = report()["3.png"]
    assert photo["seconds"] > 0
    assert photo["size"] == [48, 64]
    # Each is what `transfer` makes.
    options = ("-o", "one.png", "--auto-mask", "none", *FAST)
    assert run("transfer", "in/day/3.png", "style.png", *options)[0] == 0
    assert np.array_equal(pixels_of("one.png"), pixels_of("out/day/3.png"))


def test_a_second_run_makes_only_what_is_missing_or_has_changed(run: Run, album: Path) -> None:
    run("batch", "in", *STYLED)
    stamps = {path: path.stat().st_mtime_ns for path in Path("out").rglob("*.png")}
    Path("out/1.png").unlink()
    Image.fromarray(gradient(48, 64, (200, 200, 10))).save("in/day/4.png")
    Image.fromarray(gradient(48, 64, (20, 200, 10))).save("in/day/broken.png")
    code, out, _ = run("batch", "in", *STYLED)
    assert code == 0
    assert "3 made, 2 kept, 0 failed" in out
    kept = Path("out/day/3.png")
    assert kept.stat().st_mtime_ns == stamps[kept]
    assert statuses() == {"1.png": "made", "2.jpg": "kept", "3.png": "kept", "4.png": "made", "broken.png": "made"}
    assert "5 made, 0 kept" in run("batch", "in", *STYLED, "--strength", "0.5")[1]
    Image.fromarray(gradient(50, 40, (10, 120, 50))).save("style.png")
    assert "5 made, 0 kept" in run("batch", "in", *STYLED, "--strength", "0.5")[1]


def test_one_look_for_all(run: Run, album: Path) -> None:
    code, out, err = run("batch", "in", *STYLED, "--one-look", "--key", "in/day/3.png")
    assert code == 1
    assert "the look was made on in/day/3.png" in out
    assert report()[""]["key_photo"] == "in/day/3.png"
    look, photo = Look.load("out/look.npz"), photostyle_native.read_photo(Path("in/1.png"))
    wanted = look.apply(photo.tensor(), everywhere=True)
    made = photostyle_native.read_photo(Path("out/1.png")).tensor()
    assert float((wanted - made).abs().max()) < 1 / 255
    code, out, err = run("batch", "in", *STYLED, "--one-look", "--key", "in/day/3.png")
    assert "0 made, 4 kept" in out
    code, out, err = run("batch", "in/day/3.png", "in/day/4.png", "in/2.jpg", *STYLED, "--one-look")
    assert "the look was made on in/day/3.png" in out  # its colours are between those of the others
    assert "the look for all is made on in/day/3.png" in err


def test_a_look_and_several_styles(run: Run, album: Path) -> None:
    assert run("batch", "in/1.png", "in/2.jpg", "--look", "blue-hour", "-o", "blue")[0] == 0
    assert run("apply", "blue-hour", "in/1.png", "-o", "one.png")[0] == 0
    assert np.array_equal(pixels_of("one.png"), pixels_of("blue/1.png"))
    mixed = ("--style", "style.png", "--style", "other.png", "--style-weights", "1,3", "--preset", "mk")
    assert run("batch", "in/1.png", *mixed, "-o", "mixed")[0] == 0
    assert run("transfer", "in/1.png", "style.png", "other.png", *mixed[4:], "-o", "one.png")[0] == 0
    assert np.array_equal(pixels_of("one.png"), pixels_of("mixed/1.png"))


def test_other_machines_get_absolute_paths(album: Path) -> None:
    """All files that a task names, and no names of looks or weights."""
    Look.load(LOOKS / "airy.npz").save("mine.npz")
    assert work.Task(look="mine.npz").anywhere().look == str(album / "mine.npz")
    assert work.Task(look="airy").anywhere().look == "airy"
    for weights in ("bundled", "style.png"):
        task = work.Task(styles=("style.png", "other.png"), solving={"weights": weights, "size": 64}).anywhere()
        assert task.styles == (str(album / "style.png"), str(album / "other.png"))
        wanted = weights if weights == "bundled" else str(album / "style.png")
        assert task.solving == {"weights": wanted, "size": 64}


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ("in -o out", "one of the arguments --style --look is required"),
        ("in --style style.png --look airy -o out", "not allowed with argument"),
        ("in --look airy -o out --size 64", "--size is for --style, and --look solves nothing"),
        ("in --look airy -o out --one-look", "--one-look is for --style"),
        ("in --look nothing -o out", "nothing: a look is a file"),
        ("in --style style.png -o out --key in/1.png", "--key is for --one-look"),
        ("in --style style.png -o out --one-look --key style.png", "--key style.png: this is none of the photos"),
        ("in --style missing.png -o out", "missing.png: cannot be read"),
        ("in --style style.png -o in/1.png", "in/1.png: the folder cannot be made"),
        ("missing/*.jpg --style style.png -o out", "missing/*.jpg: there is no photo"),
        ("in --style style.png -o out --style-weights 1,2", "--style-weights must have a number for each of 1"),
        ("in --style style.png -o out --preset mk --iterations 3", "--iterations is for presets that optimise"),
        ("in --style style.png -o out --ray-cpus -1", "--ray-cpus: must be a number that is not negative"),
    ],
)
def test_bad_options_are_one_line(run: Run, album: Path, options: str, problem: str) -> None:
    code, out, err = run("batch", *options.split())
    assert (code, out) == (2, "")
    assert problem in err
    assert err.count("\n") == 1
    assert not list(album.rglob("out/*.png"))


def test_ctrl_c_in_the_middle_keeps_what_is_finished(run: Run, album: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make, calls = work.make_photo, []

    def interrupted(*arguments: Any) -> dict[str, Any]:
        calls.append(arguments[1])
        if len(calls) == 3:
            signal.raise_signal(signal.SIGTERM)
        return make(*arguments)

    monkeypatch.setattr("photostyle_native.cli.batch.make_photo", interrupted)
    code, out, err = run("batch", "in", *STYLED)
    assert code == 143
    assert "2 made, 0 kept, 0 failed, 3 left" in out
    assert "the same command goes on" in err
    assert list(statuses().values()) == ["made", "made", "open", "open", "open"]
    code, out, _ = run("batch", "in", *STYLED)
    assert "2 made, 2 kept, 1 failed" in out


def test_killed_and_run_again(album: Path) -> None:
    """SIGKILL while photos are made: the results are whole, and none that was finished is made again."""
    command = [sys.executable, "-m", "photostyle_native", "batch", "in", *STYLED[:-1], "40"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    first = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not Path("out/report.json").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    first.kill()
    first.communicate()
    for path in Path("out").rglob("*.png"):
        pixels_of(path)
    again = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=240)
    assert again.returncode == 1  # for the broken photo
    assert statuses()["1.png"] == "kept"
    assert {status for name, status in statuses().items() if name != "broken.png"} <= {"made", "kept"}
    assert not list(Path("out").rglob("*.tmp"))
