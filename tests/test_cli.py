"""The program as a user runs it: good input, bad input, Ctrl-C. Most runs are in this process, for speed."""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import signal
import struct
import subprocess
import sys
import warnings
import zlib
from collections.abc import Callable, Iterator
from functools import wraps
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from rich.console import Console
from safetensors.torch import save_file

import photostyle_native
from photostyle_native import transfer
from photostyle_native.cli import transfer as cli_transfer
from photostyle_native.cli.main import main
from photostyle_native.cli.progress import Display, seconds_left
from photostyle_native.ops import FallbackWarning
from photostyle_native.optimization.solver import Iteration

HEIGHT, WIDTH = 48, 64
FAST = ("--size", "64", "--iterations", "1")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run the program in this process; its exit code and what it wrote to stdout and stderr."""

    def call(*argv: Any) -> tuple[int, str, str]:
        code = main([str(argument) for argument in argv])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def gradient(height: int, width: int, color: tuple[int, int, int]) -> np.ndarray:
    """A photo of one hue with shading and grain."""
    shade = np.linspace(0.4, 1, width)[None, :, None] * np.linspace(1, 0.7, height)[:, None, None]
    grain = np.random.default_rng(sum(color)).integers(-8, 9, (height, width, 3))
    return (shade * np.array(color) + grain).clip(0, 255).astype(np.uint8)


def halves(height: int, width: int, top: tuple[int, int, int], bottom: tuple[int, int, int]) -> np.ndarray:
    image = np.empty((height, width, 3), np.uint8)
    image[: height // 2], image[height // 2 :] = top, bottom
    return image


BLUE, RED, GREEN, WHITE = (0, 0, 255), (255, 0, 0), (0, 255, 0), (255, 255, 255)


def pixels_of(path: Path | str) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def size_of(path: Path | str) -> tuple[int, int]:
    height, width = pixels_of(path).shape[:2]
    return width, height


def bomb() -> bytes:
    """A PNG of 30000 x 30000 pixels, by its header."""
    header = struct.pack(">IIBBBBB", 30000, 30000, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(100))), (b"IEND", b""))
    parts = (struct.pack(">I", len(p)) + k + p + struct.pack(">I", zlib.crc32(k + p)) for k, p in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def fill(folder: Path) -> None:
    """Good and bad files of every kind."""

    def save(name: str, array: np.ndarray) -> None:
        Image.fromarray(array).save(folder / name)

    save("day.png", gradient(HEIGHT, WIDTH, (90, 140, 230)))
    save("dusk.jpg", gradient(50, 40, (230, 120, 50)))
    save("day_mask.png", halves(HEIGHT, WIDTH, BLUE, RED))
    save("dusk_mask.png", halves(50, 40, BLUE, RED))
    save("other_labels.png", halves(50, 40, GREEN, WHITE))
    save("square_mask.png", halves(64, 64, BLUE, RED))
    save("photo_as_mask.png", np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8))
    save("tiny.png", gradient(20, 20, (90, 140, 230)))
    save("square.png", gradient(64, 64, (90, 140, 230)))
    save("out-0010.png", gradient(HEIGHT, WIDTH, (90, 140, 230)))
    (folder / "truncated.png").write_bytes((folder / "day.png").read_bytes()[:-500])
    (folder / "truncated.jpg").write_bytes((folder / "dusk.jpg").read_bytes()[:400])
    (folder / "text.png").write_text("this is not an image")
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "bomb.png").write_bytes(bomb())
    (folder / "text.pth").write_text("these are not tensors")
    save_file({"features.0.weight": torch.zeros(4, 3, 3, 3)}, folder / "wrong.safetensors")
    (folder / "folder").mkdir()
    (folder / "link.png").symlink_to(folder / "day.png")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    fill(folder)
    return folder


@pytest.fixture
def photos(shared: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of files as working directory. Whatever a test adds to it, fails the test."""
    before = contents(shared)
    monkeypatch.chdir(shared)
    yield shared
    assert contents(shared) == before


def contents(folder: Path) -> dict[str, bytes | None]:
    return {str(p.relative_to(folder)): p.read_bytes() if p.is_file() else None for p in folder.rglob("*")}


PAIR = "transfer day.png dusk.jpg -o out.png"
MASKS = "--content-mask day_mask.png --style-mask dusk_mask.png"

# Command line, and what the one line on stderr must contain.
BAD_INPUT = [
    # photos
    ("transfer missing.png dusk.jpg -o out.png", "missing.png: no such file"),
    ("transfer day.png missing.jpg -o out.png", "missing.jpg: no such file"),
    ("transfer text.png dusk.jpg -o out.png", "text.png: not a PNG, JPEG, TIFF or WebP image"),
    ("transfer day.png empty.jpg -o out.png", "empty.jpg: the file is empty"),
    ("transfer truncated.png dusk.jpg -o out.png", "truncated.png: the file is truncated"),
    ("transfer day.png truncated.jpg -o out.png", "truncated.jpg: the image is truncated"),
    ("transfer bomb.png dusk.jpg -o out.png", "bomb.png"),
    ("transfer folder dusk.jpg -o out.png", "folder: an image file is required, this is a directory"),
    ("transfer tiny.png dusk.jpg -o out.png", "tiny.png would be worked on at 20x20 pixels"),
    ("transfer 'two\nlines.png' dusk.jpg -o out.png", r"two\nlines.png: no such file"),
    ("transfer '' dusk.jpg -o out.png", "CONTENT: must not be empty"),
    # masks
    (f"{PAIR} --content-mask missing.png --style-mask dusk_mask.png", "missing.png does not exist"),
    (f"{PAIR} --content-mask text.png --style-mask dusk_mask.png", "text.png must be an image file"),
    (f"{PAIR} --content-mask truncated.png --style-mask dusk_mask.png", "truncated.png must be a readable image"),
    (f"{PAIR} --content-mask bomb.png --style-mask dusk_mask.png", "bomb.png must have fewer pixels"),
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
    (f"{PAIR} --device gpu", "--device: invalid choice: 'gpu'"),
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


# ------------------------------------------------------------------------------------------------ transfer


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


@pytest.mark.parametrize("quiet", [(), ("--quiet",)])
def test_fallback_warnings_are_never_hidden(
    run: Callable[..., tuple[int, str, str]],
    photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    quiet: tuple[str, ...],
) -> None:
    real = cli_transfer.transfer

    @wraps(real)
    def with_fallback(*args: Any, **kwargs: Any) -> Any:
        warnings.warn("plain PyTorch\nruns here", FallbackWarning, stacklevel=2)
        return real(*args, **kwargs)

    monkeypatch.setattr(cli_transfer, "transfer", with_fallback)
    code, _, err = run("transfer", "day.png", "dusk.jpg", "-o", tmp_path / "o.png", *FAST, *quiet)
    assert code == 0
    assert "photostyle: warning: plain PyTorch runs here\n" in err


def test_out_of_memory_is_one_line_and_exit_code_1(
    run: Callable[..., tuple[int, str, str]], photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for culprit in (lambda *_, **__: torch.empty(2**55), lambda *_, **__: np.empty(2**55)):
        monkeypatch.setattr(cli_transfer, "transfer", wraps(transfer)(culprit))
        assert run(*PAIR.split()) == (
            1,
            "",
            "photostyle: error: out of memory: a smaller --size needs less\n",
        )


def test_bugs_show_their_traceback(
    run: Callable[..., tuple[int, str, str]], photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @wraps(transfer)
    def bug(*_: Any, **__: Any) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(cli_transfer, "transfer", bug)
    with pytest.raises(RuntimeError, match="a bug"):
        run(*PAIR.split())


def test_interrupt_before_the_optimisation_writes_nothing(
    run: Callable[..., tuple[int, str, str]], photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @wraps(transfer)
    def interrupted(*_: Any, **__: Any) -> None:
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(cli_transfer, "transfer", interrupted)
    before = signal.getsignal(signal.SIGINT)
    assert run(*PAIR.split()) == (130, "", "photostyle: interrupted\n")
    assert signal.getsignal(signal.SIGINT) is before


def test_missing_extension_points_to_the_doctor(
    run: Callable[..., tuple[int, str, str]], photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise ImportError("No module named 'photostyle_native.ops._core'")

    monkeypatch.setattr(cli_transfer, "run", broken)
    code, out, err = run(*PAIR.split())
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "photostyle doctor" in err


# ------------------------------------------------------------------------------------------------ evaluate


def test_evaluate_json(run: Callable[..., tuple[int, str, str]], photos: Path) -> None:
    code, out, err = run("evaluate", "day.png", "dusk.jpg", "day.png", "--json")
    assert (code, err) == (0, "")
    scores = json.loads(out)
    assert list(scores) == ["content", "style", "photo", "tv", "total", "weights", "size", "metrics"]
    assert (scores["metrics"]["ssim"], scores["metrics"]["edge_ssim"]) == (1, 1)
    assert scores["metrics"]["labels"]["all"]["share"] == 1
    assert sum(scores["metrics"]["labels"]["all"]["gram"].values()) == pytest.approx(scores["style"])
    assert scores["weights"] == {"content": 5.0, "style": 100.0, "photo": 1e4, "tv": 1e-3}
    assert scores["size"] == {"width": WIDTH, "height": HEIGHT}
    assert scores["content"] == 0, "the content has its own features"
    pixels = pixels_of("day.png").astype(np.float64)
    corner = pixels[:-1, :-1]
    differences = ((pixels[:-1, 1:] - corner) ** 2).sum() + ((pixels[1:, :-1] - corner) ** 2).sum()
    assert scores["tv"] == pytest.approx(1e-3 * 0.5 * differences, rel=1e-5)
    assert scores["total"] == pytest.approx(sum(scores[k] for k in ("content", "style", "photo", "tv")))


def test_evaluate_takes_size_and_masks(run: Callable[..., tuple[int, str, str]], photos: Path) -> None:
    small = json.loads(run("evaluate", "day.png", "dusk.jpg", "day.png", "--json", "--size", "48")[1])
    assert small["size"] == {"width": 48, "height": 36}
    native = json.loads(run("evaluate", "day.png", "dusk.jpg", "day.png", "--json", "--size", "native")[1])
    masked = json.loads(run("evaluate", "day.png", "dusk.jpg", "day.png", "--json", *MASKS.split())[1])
    assert masked["tv"] == native["tv"]
    assert masked["style"] != native["style"]
    files = {"content_mask": "day_mask.png", "style_mask": "dusk_mask.png"}
    assert masked["style"] == photostyle_native.evaluate("day.png", "dusk.jpg", "day.png", **files)["style"]


def test_evaluate_says_null_where_a_metric_has_no_meaning(
    run: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    Image.fromarray(np.full((40, 50, 3), 90, np.uint8)).save(tmp_path / "flat.png")
    noise = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    found = {}
    for content in ("flat", "noise"):
        code, out, err = run("evaluate", *(tmp_path / f"{name}.png" for name in (content, "flat", "flat")), "--json")
        assert (code, err, "NaN" in out) == (0, "", False)
        found[content] = json.loads(out)["metrics"]
    assert (found["flat"]["gradient_reversal"], found["flat"]["noise_gain"]) == (None, 1)
    assert (found["noise"]["gradient_reversal"], found["noise"]["noise_gain"]) == (0, None)
    code, out, _ = run("evaluate", *(tmp_path / f"{name}.png" for name in ("noise", "flat", "flat")))
    assert code == 0
    assert re.search(r"noise gain in flat places +│ +- │", out)


def test_evaluate_table(run: Callable[..., tuple[int, str, str]], photos: Path) -> None:
    code, out, err = run("evaluate", "day.png", "dusk.jpg", "day.png")
    assert (code, err) == (0, "")
    rows = [line.strip("│").split() for line in out.splitlines() if line.startswith("│")]
    assert [row[0] for row in rows[:5]] == ["content", "style", "photo", "tv", "total"]
    assert "10000" in rows[2]
    assert "100.0%" in rows[4]
    metrics = {" ".join(row[: row.index("│")]): row[row.index("│") + 1] for row in rows[5:]}
    assert metrics["SSIM of luma, to the content"] == "1.000"
    assert metrics["noise gain in flat places"] == "1.000"
    assert metrics["all"] == "100.0%"


# ------------------------------------------------------------------------------- help, progress, real processes


@pytest.mark.parametrize("command", ["", "transfer", "evaluate", "evaluate-set", "demo", "doctor"])
def test_help(capsys: pytest.CaptureFixture[str], command: str) -> None:
    with pytest.raises(SystemExit) as caught:
        main([*command.split(), "--help"])
    assert caught.value.code == 0
    assert f"usage: photostyle {command}".rstrip() in capsys.readouterr().out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"photostyle {photostyle_native.__version__}\n"


def iteration(number: int, count: int, seconds: float) -> Iteration:
    return Iteration("optimise", number, count, number == count, {"total": 1234567.0}, seconds, torch.zeros(3, 4, 4))


def test_time_left_goes_by_the_pace_so_far() -> None:
    assert seconds_left(iteration(4, 10, 10.0)) == 12.0  # five evaluations in 10 s, six to come
    assert seconds_left(iteration(10, 10, 10.0)) == 0.0


def test_terminal_shows_stage_iteration_energy_and_time_left() -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=120, color_system=None)
    with Display(console=console) as display:
        display(iteration(4, 100, 10.0))
        display._live.refresh()
        shown = screen.getvalue()
        display.stopping()
        display._live.refresh()
    assert "optimise" in shown
    assert "4/100  energy 1.235e+06  3:12 left" in shown
    assert "interrupted: finishing the best so far" in screen.getvalue()


def start(*argv: Any) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "photostyle_native", *map(str, argv)]
    environment = os.environ | {"PYTHONPATH": str(Path(photostyle_native.__file__).parents[1])}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def test_program_succeeds(photos: Path, tmp_path: Path) -> None:
    process = start("transfer", "day.png", "dusk.jpg", "-o", tmp_path / "out.tif", *FAST)
    out, err = process.communicate()
    assert process.returncode == 0, err
    assert "64 x 48 pixels" in out
    assert os.listdir(tmp_path) == ["out.tif"]


def test_reader_that_has_gone_is_no_error() -> None:
    with start("doctor") as process:  # prints after its imports, so much later than the pipe is closed here
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 128 + signal.SIGPIPE


def test_program_fails_with_one_line(photos: Path) -> None:
    process = start(*PAIR.split(), "--content-mask", "day_mask.png", "--style-mask", "other_labels.png")
    out, err = process.communicate()
    assert (process.returncode, out) == (2, "")
    assert err.startswith("photostyle: error: day_mask.png and other_labels.png have no label in common")
    assert err.count("\n") == 1


def test_interrupt_keeps_the_best_so_far(photos: Path, tmp_path: Path) -> None:
    report_path = tmp_path / "r.json"
    files = ("day.png", "dusk.jpg", "-o", tmp_path / "out.png", "--report", report_path)
    process = start("transfer", *files, "--size", "48", "--iterations", "1000000")
    assert process.stderr is not None
    assert "optimise 0/1000000" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate()
    assert process.returncode == 130, err
    assert err == "photostyle: interrupted, finishing the best so far\n"
    assert "interrupted: this is the best picture so far" in out
    assert size_of(tmp_path / "out.png") == (WIDTH, HEIGHT)
    assert json.loads(report_path.read_text())["interrupted"] is True


def test_wrong_options_do_not_wait_for_torch(tmp_path: Path) -> None:
    code = "import sys; from photostyle_native.cli.main import main; main(['transfer']);"
    code += "sys.exit('torch' in sys.modules)"
    environment = os.environ | {"PYTHONPATH": str(Path(photostyle_native.__file__).parents[1])}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path)
    assert done.returncode == 0
    assert done.stderr.startswith("photostyle: error: ")
