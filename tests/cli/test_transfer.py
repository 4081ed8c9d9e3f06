"""The program as a user runs it: good input, bad input, Ctrl-C. Most runs are in this process, for speed."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from cli.program import BLUE, FAST, GREEN, HEIGHT, MASKS, PAIR, RED, WIDTH, halves, pixels_of, size_of
from PIL import Image

import photostyle_native

# Command line, and what the one line on stderr must contain.
BAD_INPUT = [
    # photos
    ("transfer missing.png dusk.jpg -o out.png", "missing.png: no such file"),
    ("transfer day.png missing.jpg -o out.png", "missing.jpg: no such file"),
    ("transfer text.png dusk.jpg -o out.png", "text.png: not a PNG, JPEG, TIFF, WebP, AVIF, GIF or BMP image"),
    ("transfer day.png empty.jpg -o out.png", "empty.jpg: the file is empty"),
    ("transfer truncated.png dusk.jpg -o out.png", "truncated.png: the file is truncated"),
    ("transfer day.png truncated.jpg -o out.png", "truncated.jpg: the image is truncated"),
    ("transfer bomb.png dusk.jpg -o out.png", "bomb.png"),
    ("transfer folder dusk.jpg -o out.png", "folder: an image file is required, this is a directory"),
    ("transfer tiny.png dusk.jpg -o out.png", "tiny.png would be worked on at 20x20 pixels"),
    ("transfer 'two\nlines.png' dusk.jpg -o out.png", r"two\nlines.png: no such file"),
    ("transfer '' dusk.jpg -o out.png", "CONTENT: must not be empty"),
    # several styles
    (
        "transfer day.png dusk.jpg dusk.jpg -o out.png --style-weights 1",
        "--style-weights must have a number for each",
    ),
    ("transfer day.png dusk.jpg dusk.jpg -o out.png --style-weights 1,x", "must be numbers that are not negative"),
    ("transfer day.png dusk.jpg dusk.jpg -o out.png --style-weights 0,0", "must be numbers that are not negative"),
    (
        "transfer day.png dusk.jpg dusk.jpg -o out.png --content-mask day_mask.png --style-mask dusk_mask.png",
        "--style-mask must have a mask for each of 2 style photos, got 1",
    ),
    (f"{PAIR} --preview day.png", "day.png: the preview would overwrite CONTENT"),
    (f"{PAIR} --preview p.bmp", "p.bmp: the extension must be one of"),
    # masks
    (f"{PAIR} --content-mask missing.png --style-mask dusk_mask.png", "missing.png: no such file"),
    (
        f"{PAIR} --content-mask text.png --style-mask dusk_mask.png",
        "text.png: not a PNG, JPEG, TIFF, WebP, AVIF, GIF or BMP image",
    ),
    (f"{PAIR} --content-mask truncated.png --style-mask dusk_mask.png", "truncated.png: the image is truncated"),
    (
        f"{PAIR} --content-mask bomb.png --style-mask dusk_mask.png",
        "bomb.png: the image must have at most 400000000 pixels",
    ),
    (f"{PAIR} --content-mask square_mask.png --style-mask dusk_mask.png", "square_mask.png is 64x64, its photo is"),
    (f"{PAIR} --content-mask day_mask.png --style-mask square_mask.png", "square_mask.png is 64x64, its photo is"),
    (f"{PAIR} --content-mask day_mask.png --style-mask other_labels.png", "have no label in common"),
    (
        f"{PAIR} --content-mask photo_as_mask.png --style-mask dusk_mask.png",
        "photo_as_mask.png must be a label image",
    ),
    (f"{PAIR} --content-mask day_mask.png", "--content-mask and --style-mask belong together"),
    (f"{PAIR} --style-mask dusk_mask.png", "--content-mask and --style-mask belong together"),
    # output
    ("transfer day.png dusk.jpg -o missing/out.png", "missing/out.png: there is no directory missing"),
    ("transfer day.png dusk.jpg -o folder", "folder: the extension must be one of"),
    ("transfer day.png dusk.jpg -o out.bmp", "out.bmp: the extension must be one of"),
    ("transfer day.png dusk.jpg -o out", "out: the extension must be one of"),
    ("transfer day.png dusk.jpg -o /proc/out.png", "/proc/out.png: cannot be written"),
    ("transfer day.png dusk.jpg -o out.jpg --bit-depth 16", "out.jpg: --bit-depth 16 requires PNG or TIFF"),
    ("transfer day.png dusk.jpg -o day.png", "day.png: the output would overwrite CONTENT"),
    ("transfer day.png dusk.jpg -o folder/../dusk.jpg", "dusk.jpg: the output would overwrite STYLE"),
    ("transfer day.png dusk.jpg -o link.png", "link.png: the output would overwrite CONTENT"),
    (f"transfer day.png dusk.jpg -o day_mask.png {MASKS}", "day_mask.png: the output would overwrite --content-mask"),
    (f"transfer day.png dusk.jpg -o dusk_mask.png {MASKS}", "dusk_mask.png: the output would overwrite --style-mask"),
    (
        "transfer out-0010.png dusk.jpg -o out.png --save-every 5",
        "out-0010.png: --save-every could overwrite CONTENT",
    ),
    (f"{PAIR} --report folder", "folder: the report must be a file"),
    (f"{PAIR} --report missing/r.json", "missing/r.json: there is no directory missing"),
    (f"{PAIR} --report out.png", "out.png: the report would overwrite the output"),
    (f"{PAIR} --report dusk.jpg", "dusk.jpg: the report would overwrite STYLE"),
    # options
    (f"{PAIR} --size 0", "--size: must be a whole number of at least 1, got '0'"),
    (f"{PAIR} --size abc", "--size: must be a whole number of at least 1, got 'abc'"),
    (f"{PAIR} --size 31", "use a larger --size or a larger photo"),
    (f"{PAIR} --iterations -1", "--iterations: must be a whole number that is not negative, got '-1'"),
    (f"{PAIR} --iterations 2.5", "--iterations: must be a whole number that is not negative, got '2.5'"),
    (f"{PAIR} --save-every 0", "--save-every: must be a whole number of at least 1, got '0'"),
    (f"{PAIR} --seed {2**64}", "--seed: must be a whole number from 0 to 2^63 - 1"),
    (f"{PAIR} --preset fancy", "--preset: invalid choice: 'fancy'"),
    (f"{PAIR} --device gpu", "--device: must be auto, cpu, cuda or cuda:N, got 'gpu'"),
    (f"{PAIR} --bit-depth 12", "--bit-depth: invalid choice: 12"),
    (f"{PAIR} --weights vgg16", "--weights must be bundled, torchvision or a .pth"),
    (f"{PAIR} --weights missing.pth", "missing.pth does not exist"),
    (f"{PAIR} --weights text.pth", "text.pth is not a readable file of tensors"),
    (f"{PAIR} --weights wrong.safetensors", "wrong.safetensors is not VGG-19"),
    (f"{PAIR} --siz 64", "unrecognized arguments: --siz 64"),
    ("transfer day.png dusk.jpg", "required: -o/--output"),
    ("transfer day.png -o out.png", "required: STYLE"),
    ("", "required: COMMAND"),
    ("paint day.png", "invalid choice: 'paint'"),
    # the other commands
    ("evaluate day.png dusk.jpg missing.png", "missing.png: no such file"),
    ("evaluate missing.png dusk.jpg day.png", "missing.png: no such file"),
    ("evaluate day.png dusk.jpg square.png", "square.png is 64x64, its content 64x48: the aspect ratios differ"),
    ("evaluate day.png dusk.jpg tiny.png", "tiny.png would be worked on at 20x20"),
    ("evaluate day.png dusk.jpg day.png --size nativ", "--size: must be native or a whole number"),
    ("evaluate day.png dusk.jpg day.png --content-mask day_mask.png", "belong together"),
    ("demo -o day.png", "day.png: the folder cannot be made"),
    ("demo -o folder --size 32", "china.jpg would be worked on at 32x21"),
    ("demo --iterations x", "--iterations: must be a whole number"),
    ("doctor --verbose", "unrecognized arguments: --verbose"),
]


@pytest.mark.parametrize(("command", "fragment"), BAD_INPUT, ids=lambda text: text[:60])
def test_bad_input_is_one_line_and_exit_code_2(
    run: Callable[..., tuple[int, str, str]], photos: Path, command: str, fragment: str
) -> None:
    code, out, err = run(*shlex.split(command))
    assert code == 2
    assert out == ""
    assert err.startswith("photostyle: error: ")
    assert fragment in err
    assert err.count("\n") == 1
    assert err.endswith("\n")


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
def test_cuda_without_cuda_is_refused(run: Callable[..., tuple[int, str, str]], photos: Path) -> None:
    code, out, err = run(*PAIR.split(), "--device", "cuda")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "--device is cuda, but torch finds no CUDA device" in err


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is write-protected for root")
def test_write_protected_folder_is_refused(
    run: Callable[..., tuple[int, str, str]], photos: Path, tmp_path: Path
) -> None:
    tmp_path.chmod(0o500)
    code, out, err = run("transfer", "day.png", "dusk.jpg", "-o", tmp_path / "out.png")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "out.png: cannot be written (Permission denied)" in err


def test_transfer_writes_the_photo_at_its_own_size(
    run: Callable[..., tuple[int, str, str]], photos: Path, tmp_path: Path
) -> None:
    out_path, report_path = tmp_path / "out.png", tmp_path / "report.json"
    options = ("--size", "48", "--iterations", "3", "--report", report_path, *MASKS.split())
    code, out, err = run("transfer", "day.png", "dusk.jpg", "-o", out_path, *options)
    assert code == 0
    assert sorted(os.listdir(tmp_path)) == ["out.png", "report.json"]
    with Image.open(out_path) as image:
        assert (image.size, image.mode) == ((WIDTH, HEIGHT), "RGB")
        result = np.asarray(image).astype(float)
    blueness = [a[..., 2].mean() - a[..., 0].mean() for a in (pixels_of("day.png").astype(float), result)]
    assert blueness[0] > 80, "the content is blue"
    assert blueness[1] < 0, "the result is orange, as the style is"
    assert f"{out_path}: 64 x 48 pixels, solved at 48 x 36" in out
    assert "in 3 iterations (optimise)" in out
    assert photostyle_native.ops.backend("cpu") in out or torch.cuda.is_available()
    assert "optimise 0/3" in err
    assert "optimise 3/3" in err

    report = json.loads(report_path.read_text())
    assert report["output_size"] == [HEIGHT, WIDTH]
    assert report["working_size"] == [36, 48]
    assert report["labels"] == ["blue", "red"]
    assert [entry["iteration"] for entry in report["history"]] == [0, 1, 2, 3]
    assert report["energies"]["total"] == min(entry["total"] for entry in report["history"])
    assert report["options"]["content_mask"] == "day_mask.png"
    assert report["options"]["iterations"] == 3
    assert "run" not in report["options"]
    assert report["version"] == photostyle_native.__version__
    assert report["torch"] == torch.__version__
    assert report["threads"] == torch.get_num_threads()


def test_save_every_writes_snapshots_at_working_size(
    run: Callable[..., tuple[int, str, str]], photos: Path, tmp_path: Path
) -> None:
    options = ("--size", "48", "--iterations", "4", "--save-every", "2")
    code, _, _ = run("transfer", "day.png", "dusk.jpg", "-o", tmp_path / "out.jpg", *options)
    assert code == 0
    assert sorted(os.listdir(tmp_path)) == ["out-0002.jpg", "out-0004.jpg", "out.jpg"]
    sizes = {name: size_of(tmp_path / name) for name in os.listdir(tmp_path)}
    assert sizes == {"out-0002.jpg": (48, 36), "out-0004.jpg": (48, 36), "out.jpg": (64, 48)}


def test_paper_preset_runs_both_stages_and_counts_snapshots_through(
    run: Callable[..., tuple[int, str, str]], photos: Path, tmp_path: Path
) -> None:
    report_path = tmp_path / "r.json"
    options = ("--size", "48", "--iterations", "2", "--preset", "paper", "--seed", "7", "--save-every", "2")
    code, out, _ = run("transfer", "day.png", "dusk.jpg", "-o", tmp_path / "o.png", "--report", report_path, *options)
    assert code == 0
    assert "(photorealise)" in out
    assert {"o-0002.png", "o-0004.png"} < set(os.listdir(tmp_path))
    history = json.loads(report_path.read_text())["history"]
    assert [(e["stage"], e["iteration"]) for e in history] == [
        (stage, k) for stage in ("stylise", "photorealise") for k in range(3)
    ]
    assert all(entry["photo"] == 0 for entry in history[:3])


def test_the_colour_preset_and_realism(
    run: Callable[..., tuple[int, str, str]], photos: Path, tmp_path: Path
) -> None:
    report = tmp_path / "r.json"
    both = ("transfer", "day.png", "dusk.jpg", "--size", "48", *MASKS.split())
    code, out, err = run(*both, "-o", tmp_path / "colour.png", "--preset", "colour", "--report", report)
    assert (code, err) == (0, "")
    assert "colours moved, nothing optimised" in out
    assert "VGG" not in out
    assert json.loads(report.read_text())["realism"] == 1
    code, out, _ = run(*both, "-o", tmp_path / "one.png", "--realism", "1", "--report", report)
    assert code == 0
    assert "nothing optimised" in out
    assert json.loads(report.read_text())["preset"] == "default"
    assert np.array_equal(pixels_of(tmp_path / "one.png"), pixels_of(tmp_path / "colour.png"))
    assert run(*both, "-o", tmp_path / "less.png", "--realism", "0.2", "--iterations", "10")[0] == 0
    assert not np.array_equal(pixels_of(tmp_path / "less.png"), pixels_of(tmp_path / "colour.png"))
    code, _, err = run(*both, "-o", tmp_path / "no.png", "--realism", "1.2")
    assert (code, err) == (2, "photostyle: error: argument --realism: must be a number from 0 to 1, got '1.2'\n")
    code, _, err = run(*both, "-o", tmp_path / "no.png", "--preset", "colour", "--iterations", "3")
    assert (code, err) == (2, "photostyle: error: --iterations is for presets that optimise, and colour does not\n")


def test_several_styles_and_a_preview(run: Callable[..., tuple[int, str, str]], photos: Path, tmp_path: Path) -> None:
    content, style, other = photos / "day.png", photos / "dusk.jpg", tmp_path / "red.png"
    Image.new("RGB", (64, 48), RED).save(other)
    options = ("--auto-mask", "none", "--preset", "mk", "--quiet")
    for name, styles in {
        "one": (style,),
        "other": (other,),
        "mixed": (style, other, "--style-weights", "1,1"),
        "first": (style, other, "--style-weights", "1,0"),
    }.items():
        assert run("transfer", content, *styles, "-o", tmp_path / f"{name}.png", *options) == (0, "", "")
    one, other_one, mixed, first = (
        pixels_of(tmp_path / f"{name}.png").astype(float) for name in ("one", "other", "mixed", "first")
    )
    assert np.array_equal(one, first)
    assert np.abs(mixed - (one + other_one) / 2).max() <= 2  # all three are dithered
    preview = tmp_path / "preview.jpg"
    code, out, _ = run("transfer", content, style, other, "-o", tmp_path / "out.png", "--preview", preview, *FAST)
    assert code == 0
    assert size_of(preview) == (64, 48)
    assert "note: red.png: The style photo shows no more than one even colour" in out


def test_quiet_prints_nothing(run: Callable[..., tuple[int, str, str]], photos: Path, tmp_path: Path) -> None:
    assert run("transfer", "day.png", "dusk.jpg", "-o", tmp_path / "o.webp", "--quiet", *FAST) == (0, "", "")
    assert size_of(tmp_path / "o.webp") == (WIDTH, HEIGHT)


def test_bit_depth_16(run: Callable[..., tuple[int, str, str]], photos: Path, tmp_path: Path) -> None:
    code, _, _ = run("transfer", "day.png", "dusk.jpg", "-o", tmp_path / "o.png", "--bit-depth", "16", *FAST)
    assert code == 0
    assert (tmp_path / "o.png").read_bytes()[24] == 16  # IHDR's bit depth


def test_notes_tell_what_was_changed(run: Callable[..., tuple[int, str, str]], photos: Path, tmp_path: Path) -> None:
    alpha = np.dstack([pixels_of("day.png"), np.full((HEIGHT, WIDTH), 128, np.uint8)])
    Image.fromarray(alpha).save(tmp_path / "alpha.png")
    mask = halves(HEIGHT, WIDTH, BLUE, RED)
    mask[:10] = GREEN  # a label that the style has not
    Image.fromarray(mask).save(tmp_path / "mask.png")
    masks = ("--content-mask", tmp_path / "mask.png", "--style-mask", "dusk_mask.png")
    report_path = tmp_path / "r.json"
    files = ("transfer", tmp_path / "alpha.png", "dusk.jpg", "-o", tmp_path / "o.jpg", "--report", report_path)
    code, out, _ = run(*files, *masks, *FAST)
    assert code == 0
    notes = [line for line in out.splitlines() if line.startswith("note: ")]
    assert len(notes) == 2
    assert "`green` (21 %) is not in dusk_mask.png and follows" in notes[0]
    assert "o.jpg: JPEG cannot hold the photo's transparency" in notes[1]
    assert ["note: " + note for note in json.loads(report_path.read_text())["notes"]] == notes
