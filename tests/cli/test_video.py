"""`photostyle video`: what goes in and out, frame by frame, and going on after a stop."""

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
import torch
from optional_packages import need
from video.clips import FRAMES, frames_of, write_clip

import photostyle_native
from photostyle_native import Look, data
from photostyle_native.color.table import Table
from photostyle_native.images.photo import as_photo
from photostyle_native.images.sheet import photo_pixels
from photostyle_native.video.source import probe

need("av")
Run = Callable[..., tuple[int, str, str]]
ROOT = Path(photostyle_native.__file__).parents[1]
LOOK = ("--preset", "mk", "--device", "cpu")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def pixels(path: Path | str) -> np.ndarray:
    return np.stack([frame for _, frame in frames_of(path)]).astype(float)


def test_a_look_for_each_shot_and_no_flicker(run: Run, folder: Path) -> None:
    write_clip(folder / "in.mp4", audio=True)
    code, out, err = run("video", "in.mp4", data.STYLE, "-o", "out.mp4", "--crf", "4", *LOOK)
    assert code == 0, err
    assert "out.mp4: 160 x 96, 2 shots, h264" in out
    before, after = pixels("in.mp4"), pixels("out.mp4")
    assert before.shape == after.shape
    report = json.loads(Path("out.photostyle/report.json").read_text())
    assert len(report["shots"]) == 2
    assert report["frames"] == 2 * FRAMES
    for number, shot in enumerate(report["shots"], 1):
        look = Look.load(f"out.photostyle/shot-{number:03}.npz")
        assert Table.read_cube(f"out.photostyle/shot-{number:03}.cube").colors.shape == (3, 65, 65, 65)
        (solved,) = shot["looks"]
        assert shot["start"] <= solved["key"] < shot["end"]
        assert shot["clear"] == [shot["start"], shot["end"]]
        assert shot["metrics"]["transform_drift"] < 1
        assert 0 < shot["metrics"]["edit_warping_error"] < 5
        part = slice((number - 1) * FRAMES, number * FRAMES)
        wanted = [look.apply(as_photo(frame.astype(np.uint8)).tensor(), everywhere=True) for frame in before[part]]
        colours = np.stack([photo_pixels(as_photo(picture)) for picture in wanted]).astype(float)
        assert np.abs(colours - after[part]).mean() < 4  # of 255; what two lossy codecs and half the chroma cost
        # The brightness of each frame is the look's, so nothing flickers beside what the film does itself.
        level = after[part].mean((1, 2, 3)) - colours.mean((1, 2, 3))
        assert np.ptp(level) < 1.5
    assert not list(Path("out.photostyle").glob("*.film"))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("ten.mkv", {"codec": "libx265", "pix_fmt": "yuv420p10le"}),
        ("variable.mp4", {"variable": True, "audio": True}),
        ("turned.mp4", {"rotation": 90, "matrix": 5}),
        ("odd.mkv", {"codec": "ffv1", "size": (161, 97)}),
        ("lossless.mkv", {"codec": "ffv1", "pix_fmt": "yuv444p"}),
        ("wide.mov", {"codec": "prores_ks", "pix_fmt": "yuv422p10le"}),
    ],
)
def test_what_goes_in_comes_out(run: Run, folder: Path, name: str, options: dict[str, Any]) -> None:
    write_clip(folder / name, **options)
    output = f"out{Path(name).suffix}"
    codec = ("--codec", "ffv1") if name == "lossless.mkv" else ()
    code, out, err = run("video", name, "--look", "warm-evening", "-o", output, *codec)
    assert code == 0, err
    before, after = probe(name), probe(output)
    for what in ("width", "height", "bits", "matrix", "primaries", "transfer", "full_range", "rotation", "others"):
        assert getattr(before, what) == getattr(after, what), what
    assert before.seconds == pytest.approx(after.seconds, abs=0.05)
    times, wanted = ([time for time, _ in frames_of(path)] for path in (output, name))
    assert times == pytest.approx(wanted, abs=1e-3)
    if before.pix_fmt != after.pix_fmt:
        assert f"note: the pixels are {after.pix_fmt}, the film's {before.pix_fmt}" in out
    # Strength 0 gives the film back, but for the codec.
    assert run("video", name, "--look", "warm-evening", "-o", f"same-{output}", "--strength", "0")[0] == 0
    assert np.abs(pixels(name) - pixels(f"same-{output}")).mean() < 5


def test_a_dissolve_has_both_looks(run: Run, folder: Path) -> None:
    write_clip(folder / "in.mkv", codec="ffv1", pix_fmt="yuv444p", matrix=5, frames=40, dissolve=16)
    code, _, err = run("video", "in.mkv", data.STYLE, "-o", "out.mkv", "--codec", "ffv1", *LOOK)
    assert code == 0
    assert "2 shots, 1 dissolves, 64 frames" in err
    report = json.loads(Path("out.photostyle/report.json").read_text())
    start, end = report["shots"][0]["clear"][1], report["shots"][1]["clear"][0]
    assert start == pytest.approx(23 / 25, abs=0.09)
    assert end == pytest.approx(40 / 25, abs=0.09)
    tables = [Table.read_cube(f"out.photostyle/shot-{number:03}.cube") for number in (1, 2)]
    for (moment, before), (_, after) in zip(frames_of("in.mkv"), frames_of("out.mkv"), strict=True):
        share = float(np.clip((moment - start) / (end - start), 0, 1))
        image = as_photo(before).tensor()
        wanted = [photo_pixels(as_photo(table.apply(image))).astype(float) for table in tables]
        assert np.abs((1 - share) * wanted[0] + share * wanted[1] - after).mean() < 2
    decisions = Path("out.photostyle/shots.edl").read_text()
    assert f"D    {round(25 * (end - start)):03}" in decisions


def test_looks_of_key_frames_are_blended(run: Run, folder: Path) -> None:
    write_clip(folder / "in.mkv", codec="ffv1", pix_fmt="yuv444p", matrix=5, frames=40)
    options = ("--no-shots", "--keyframes-every", "1.5", "--codec", "ffv1", *LOOK)
    code, _, err = run("video", "in.mkv", data.STYLE, "-o", "out.mkv", *options)
    assert code == 0, err
    assert "the look 2 of 2" in err
    (shot,) = json.loads(Path("out.photostyle/report.json").read_text())["shots"]
    assert [look["key"] for look in shot["looks"]] == pytest.approx([0.8, 2.4], abs=0.05)
    after, looks = frames_of("out.mkv"), [Look.load(f"out.photostyle/shot-001-0{k}.npz") for k in (1, 2)]
    for number, share in ((0, 0), (20, 0), (40, 0.5), (60, 1), (79, 1)):
        image = as_photo(frames_of("in.mkv")[number][1]).tensor()
        one, other = (photo_pixels(as_photo(look.apply(image, everywhere=True))).astype(float) for look in looks)
        assert np.abs((1 - share) * one + share * other - after[number][1]).mean() < 2.5


@pytest.mark.parametrize("rotation", [0, 90])
def test_a_camera_that_stands_still_has_looks_by_place(run: Run, folder: Path, rotation: int) -> None:
    write_clip(folder / "in.mp4", frames=8, speed=0, rotation=rotation)
    code, _, err = run("video", "in.mp4", data.STYLE, "-o", "out.mp4", "--local", "--crf", "1", *LOOK)
    assert code == 0, err
    look = Look.load("out.photostyle/shot-001.npz")
    before, after = (np.rot90(frames_of(name)[3][1], rotation // 90).copy() for name in ("in.mp4", "out.mp4"))
    image = as_photo(before).tensor()
    local, anywhere = (photo_pixels(as_photo(look.apply(image, everywhere=e))) for e in (False, True))
    errors = [np.abs(picture.astype(float) - after).mean() for picture in (local, anywhere)]
    assert errors[0] < 4
    assert errors[0] < errors[1]


def test_a_table_for_log_comes_first(run: Run, folder: Path) -> None:
    write_clip(folder / "in.mkv", codec="ffv1", pix_fmt="yuv444p", matrix=5, frames=4)
    assert run("lut", "warm-evening", "-o", "log.cube")[0] == 0
    options = ("--look", "blue-hour", "--log", "log.cube", "--codec", "ffv1")
    code, _, err = run("video", "in.mkv", "-o", "out.mkv", *options)
    assert code == 0, err
    first, then = Table.read_cube("log.cube"), Table.read_cube("out.photostyle/shot-001.cube")
    for (_, before), (_, after) in zip(frames_of("in.mkv"), frames_of("out.mkv"), strict=True):
        wanted = photo_pixels(as_photo(then.apply(first.apply(as_photo(before).tensor()))))
        assert np.abs(wanted.astype(float) - after).mean() < 2
    assert probe("out.mkv").transfer == 1


def test_every_frame_is_optimised(run: Run, folder: Path) -> None:
    write_clip(folder / "in.mkv", codec="ffv1", pix_fmt="yuv444p", matrix=5, frames=3, rotation=90)
    options = ("--method", "full", "--size", "64", "--iterations", "2", "--codec", "ffv1", "--device", "cpu")
    assert run("video", "in.mkv", data.STYLE, "-o", "out.mkv", *options)[0] == 0
    assert run("video", "in.mkv", data.STYLE, "-o", "same.mkv", *options, "--strength", "0")[0] == 0
    assert np.abs(pixels("same.mkv") - pixels("in.mkv")).mean() < 1  # upright there, and back
    look = Table.read_cube("out.photostyle/shot-001.cube")
    for before, after in zip(pixels("in.mkv"), pixels("out.mkv"), strict=True):
        alone = photo_pixels(as_photo(look.apply(torch.from_numpy(before / 255).float().permute(2, 0, 1))))
        assert np.abs(alone - after).mean() > 4  # the look's table would give this picture


def test_a_folder_of_any_name(run: Run, folder: Path) -> None:
    """The table's path goes to a filter of ffmpeg, whose grammar has signs of its own."""
    strange = folder / "a:b, 'c' [d];e\\f=%"
    strange.mkdir()
    write_clip(strange / "in.mp4", frames=4)
    assert run("video", strange / "in.mp4", "--look", "airy", "-o", strange / "out.mp4")[0] == 0
    assert len(frames_of(strange / "out.mp4")) == 8


def test_sound_is_copied(run: Run, folder: Path) -> None:
    av = need("av")
    write_clip(folder / "in.mp4", audio=True)
    assert run("video", "in.mp4", "--look", "airy", "-o", "out.mkv")[0] == 0

    def sound(path: str) -> list[bytes]:
        with av.open(path) as film:
            return [bytes(packet) for packet in film.demux(audio=0) if packet.size]

    assert sound("in.mp4") == sound("out.mkv")


def test_killed_and_run_again(run: Run, folder: Path) -> None:
    write_clip(folder / "in.mp4", frames=60)
    command = [sys.executable, "-m", "photostyle_native", "video", "in.mp4", str(data.STYLE), "-o", "out.mp4", *LOOK]
    first = subprocess.Popen(command, env=os.environ | {"PYTHONPATH": str(ROOT)}, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not Path("out.photostyle/shot-001.json").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert not Path("out.mp4").exists()
    code, _, err = run("video", "in.mp4", data.STYLE, "-o", "out.mp4", *LOOK)
    assert code == 0
    assert "shot 1 of 2: the look" not in err
    assert len(frames_of("out.mp4")) == 120


def test_a_dry_run_and_times_of_shots(run: Run, folder: Path) -> None:
    write_clip(folder / "in.mp4")
    (folder / "times").write_text("0 0.4\n0.8")
    options = ("--shots", "times", "--keyframe", "0.5", "--dry-run")
    code, out, err = run("video", "in.mp4", data.STYLE, "-o", "out.mp4", *options, *LOOK)
    assert code == 0
    assert "3 shots; nothing was encoded" in out.replace("of 3 shots", "3 shots")
    assert not Path("out.mp4").exists()
    assert json.loads(Path("out.photostyle/shot-002.json").read_text())["key"] == 0.5
    (folder / "times").write_text("0.4-0.8")
    code, out, err = run("video", "in.mp4", data.STYLE, "-o", "out.mp4", *options, *LOOK)
    assert "2 shots, 1 dissolves" in err
    assert Path("out.photostyle/sheet.jpg").stat().st_size > 5000
    code, out, err = run("video", "in.mp4", data.STYLE, "-o", "out.mp4", "--no-shots", *LOOK)
    assert "1 shots" in err


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ("in.mp4 -o out.mp4", "give REF, a photo with the light, or --look"),
        ("in.mp4 photo.png --look airy -o out.mp4", "give REF, a photo with the light, or --look"),
        ("in.mp4 --look airy -o out.avi", "a film is written as .mp4, .mov, .mkv"),
        ("in.mp4 --look airy -o in.mp4", "the output would overwrite IN"),
        ("in.mp4 --look airy --keyframe 1 -o out.mp4", "--keyframe is for REF"),
        ("in.mp4 --look airy --keyframes-every 1 -o out.mp4", "--keyframes-every is for REF"),
        ("in.mp4 x.png --keyframes-every 0 -o out.mp4", "must be a number above 0"),
        ("in.mp4 --look airy --log text.mp4 -o out.mp4", "text.mp4 is not a table"),
        ("in.mp4 --look airy --shots backwards -o out.mp4", "a dissolve is written as 12.0-13.5"),
        ("in.mp4 --look airy --shots overlapping -o out.mp4", "dissolves must not overlap"),
        ("in.mp4 --look airy --method full -o out.mp4", "--method full is for REF and the presets"),
        ("in.mp4 x.png --preset mk --method full -o out.mp4", "--method full is for REF and the presets"),
        ("missing.mp4 --look airy -o out.mp4", "missing.mp4: cannot be read as a film"),
        ("text.mp4 --look airy -o out.mp4", "text.mp4: cannot be read as a film"),
        ("sound.mp4 --look airy -o out.mp4", "sound.mp4: there is no video in this file"),
        ("in.mp4 --look airy --shots text.mp4 -o out.mp4", "a file of times in seconds is needed"),
        ("in.mp4 missing.png -o out.mp4", "missing.png: no such file"),
    ],
)
def test_bad_options_are_one_line(run: Run, folder: Path, options: str, problem: str) -> None:
    av = need("av")
    write_clip(folder / "in.mp4")
    Path("text.mp4").write_text("no film")
    Path("backwards").write_text("0.5-0.4")
    Path("overlapping").write_text("0.2-0.6 0.5-0.8")
    with av.open("sound.mp4", "w") as out:
        stream = out.add_stream("aac", rate=48000)
        frame = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), "fltp", "stereo")
        frame.sample_rate = 48000
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    code, _, err = run("video", *options.split())
    assert code == 2
    assert problem in err
    assert "Traceback" not in err
    assert not Path("out.mp4").exists()


def test_a_damaged_film_leaves_no_film(run: Run, folder: Path) -> None:
    write_clip(folder / "in.mkv", codec="ffv1")
    whole = Path("in.mkv").read_bytes()
    Path("in.mkv").write_bytes(whole[: len(whole) // 2])
    code, _, _ = run("video", "in.mkv", "--look", "airy", "-o", "out.mkv")
    assert code in (0, 2)  # what can be read of it is made, or it is refused
    if code == 0:
        assert 5 < len(frames_of("out.mkv")) < 2 * FRAMES
    else:
        assert not Path("out.mkv").exists()
    assert not list(folder.glob("**/*.tmp"))
