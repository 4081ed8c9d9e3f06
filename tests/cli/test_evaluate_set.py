"""`photostyle evaluate-set` on a made-up folder: what it writes, reuses, survives and refuses."""

from __future__ import annotations

import copy
import csv
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from evaluation.pair_folders import labels, picture, save
from pictures import smooth_picture
from PIL import Image

import photostyle_native
from photostyle_native import VGG19, TransferResult, transfer
from photostyle_native.cli import evaluate_set as cli_evaluate_set
from photostyle_native.cli.main import main
from photostyle_native.cli.session import Session
from photostyle_native.evaluation.scores import CONTENT, OURS, REFERENCE
from photostyle_native.optimization.objective import ENERGIES

FAST = ("--size", "48", "--iterations", "2", "--device", "cpu")


Run = Callable[..., "tuple[int, str, str]"]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, vgg: VGG19) -> Run:
    """Run `photostyle evaluate-set` in a folder of the test's own; its exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    load = cli_evaluate_set.load_vgg19
    monkeypatch.setattr(cli_evaluate_set, "load_vgg19", lambda w: vgg if w == "bundled" else load(w))

    def call(*argv: Any) -> tuple[int, str, str]:
        code = main(["evaluate-set", *(str(argument) for argument in argv)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_results_tables_and_sheet(run: Run, folder: Path, tmp_path: Path) -> None:
    for name in ("in10", "tar10"):
        (folder / f"segmentation/{name}.png").unlink()
    code, out, err = run(folder, "-o", "new/out", *FAST)
    assert code == 0
    assert "error" not in err
    written = tmp_path / "new" / "out"
    assert sorted(os.listdir(written)) == ["labels.csv", "metrics.csv", "results", "sheet.jpg"]
    assert sorted(os.listdir(written / "results")) == ["10.json", "10.png", "2.json", "2.png"]
    record = json.loads((written / "results" / "10.json").read_text())
    assert record["made_from"]["inputs"]["content_mask"] is None
    assert "photos" in record["notes"][0], "where the regions come from"
    with Image.open(written / "results" / "2.png") as image:
        assert image.size == (67, 51), "the content's own size"

    table = rows(written / "metrics.csv")
    who = [(row["pair"], row["who"]) for row in table]
    assert who == [("2", OURS), ("2", REFERENCE), ("2", CONTENT), ("10", OURS), ("10", CONTENT)]
    assert {(row["width"], row["height"]) for row in table} == {("48", "37")}
    ours, reference, content = table[:3]
    assert (ours["iterations"], reference["iterations"], content["seconds"]) == ("2", "", "")
    assert float(ours["seconds"]) > 0
    assert [float(content[name]) for name in ("content", "ssim", "edge_ssim", "gradient_reversal")] == [0, 1, 1, 0]
    assert float(ours["color_distance"]) < float(content["color_distance"])

    by_label = rows(written / "labels.csv")
    assert [(row["pair"], row["who"], row["label"]) for row in by_label[:2]] == [
        ("2", OURS, "blue"),
        ("2", OURS, "red"),
    ]
    gram = sum(float(value) for row in by_label[:2] for key, value in row.items() if key.startswith("gram_"))
    assert gram == pytest.approx(float(ours["style"]), rel=1e-5)

    with Image.open(written / "sheet.jpg") as sheet:
        assert sheet.height > 2 * 240
        width = round(67 * 240 / 51), round(44 * 240 / 60)
        assert sheet.width == 3 * width[0] + width[1] + 5 * 12, "content, style, ours, reference"
    for word in ("reference", "median", "48 pixels", "metrics.csv", "sheet.jpg"):
        assert word in out


def test_scores_are_those_of_evaluate(run: Run, folder: Path) -> None:
    run(folder, "-o", "out", *FAST)
    reference = rows(Path("out/metrics.csv"))[1]
    masks = {"content_mask": folder / "segmentation/in2.png", "style_mask": folder / "segmentation/tar2.png"}
    truth = photostyle_native.evaluate(
        folder / "input/in2.png",
        folder / "style/tar2.png",
        folder / "final_results/best2_t_1000.png",
        size=48,
        device="cpu",
        **masks,
    )
    for name in ENERGIES:
        assert float(reference[name]) == pytest.approx(truth[name], rel=1e-5)
    for name in ("ssim", "edge_ssim", "color_distance", "matting_energy", "noise_gain"):
        assert float(reference[name]) == pytest.approx(truth["metrics"][name], rel=1e-5)


def test_a_small_reference_sets_the_size_of_comparison(run: Run, folder: Path) -> None:
    save(folder / "final_results/best2_t_1000.png", picture(33, 43, 1))
    assert run(folder, "-o", "out", *FAST)[0] == 0
    assert [row["width"] for row in rows(Path("out/metrics.csv"))] == ["43", "43", "43", "48", "48"]


def test_finished_pairs_are_made_again_only_if_something_changed(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch, vgg: VGG19
) -> None:
    image = picture(51, 67, 0)
    result = transfer(image, image, size=48, iterations=0, auto_mask="none", weights=vgg, device="cpu")
    made: list[str] = []
    edited_meanwhile = ""

    def instead_of_solve(_self: Session, content: Path, *_: Any) -> TransferResult:
        made.append(content.name)
        if content.name == edited_meanwhile:
            save(content, picture(51, 67, 77))
        return result

    monkeypatch.setattr(Session, "solve", instead_of_solve)
    monkeypatch.setattr(cli_evaluate_set, "_scores", lambda *_: [])

    def remade(*options: str) -> list[str]:
        made.clear()
        assert run(folder, "-o", "out", "--device", "cpu", *options)[0] == 0
        return list(made)

    assert remade() == ["in2.png", "in10.png"]
    assert remade() == []
    save(folder / "segmentation/tar2.png", labels(60, 44)[::-1])
    assert remade() == ["in2.png"]
    save(folder / "final_results/best2_t_1000.png", picture(51, 67, 9))
    assert remade() == [], "the reference is not what a result is made from"
    Path("out/results/10.json").write_text('{"made_from": ')
    assert remade() == ["in10.png"]
    save(Path("out/results/2.png"), picture(51, 67, 3))
    assert remade() == ["in2.png"]
    for option in ("--size", "40"), ("--iterations", "3"), ("--preset", "paper"), ("--realism", "0.2"):
        assert remade(*option) == ["in2.png", "in10.png"]
        assert remade(*option) == []
    edited_meanwhile = "in10.png"
    assert remade() == ["in2.png", "in10.png"]
    assert remade() == ["in10.png"], "it was made from what the file held before"


def test_ctrl_c_leaves_what_is_finished(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    solve = Session.solve

    def interrupted(session: Session, content: Path, *arguments: Any) -> Any:
        if content.name == "in10.png":
            signal.raise_signal(signal.SIGINT)
        return solve(session, content, *arguments)

    monkeypatch.setattr(Session, "solve", interrupted)
    code, out, err = run(folder, "-o", "out", *FAST)
    assert code == 130
    assert "interrupted, 1 of 2 pairs are finished" in err
    assert "median" in out
    assert sorted(os.listdir("out/results")) == ["2.json", "2.png"]
    assert {row["pair"] for row in rows(Path("out/metrics.csv"))} == {"2"}
    monkeypatch.setattr(Session, "solve", solve)
    assert run(folder, "-o", "out", *FAST)[0] == 0
    assert {row["pair"] for row in rows(Path("out/metrics.csv"))} == {"2", "10"}


def test_ctrl_c_while_optimising_keeps_no_half_result(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    solve = Session.solve

    def stop(iteration: Any) -> None:
        if iteration.iteration == 1:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Session, "solve", lambda *arguments: solve(*arguments, stop))
    code, _, err = run(folder, "-o", "out", *FAST)
    assert code == 130
    assert "0 of 2 pairs are finished" in err
    assert os.listdir("out/results") == []


def test_a_broken_pair_is_named_and_the_rest_goes_on(run: Run, folder: Path) -> None:
    (folder / "input/in1.png").write_text("not an image")
    save(folder / "style/tar1.png", picture(60, 44, 3))
    save(folder / "input/in3.png", picture(51, 67, 3))
    save(folder / "style/tar4.png", picture(60, 44, 3))
    (folder / "segmentation/tar2.png").unlink()
    save(folder / "final_results/best10.png", picture(51, 40, 3))
    code, _, err = run(folder, "-o", "out", *FAST)
    assert code == 1
    lines = {line for line in err.splitlines() if "error" in line}
    assert len(lines) == 5
    for start, end in (
        ("pair 3: ", "style/tar3.* is missing"),
        ("pair 4: ", "input/in4.* is missing"),
        ("pair 2: ", "segmentation/tar2.* is missing, its other half is not"),
        ("pair 1: ", "in1.png: not a PNG, JPEG, TIFF, WebP, AVIF, GIF or BMP image"),
        ("pair 10: ", "best10.png is 40x51, its content 67x51: the aspect ratios differ"),
    ):
        assert any(line.startswith(f"photostyle: error: {start}") and line.endswith(end) for line in lines), start
    assert [(row["pair"], row["who"]) for row in rows(Path("out/metrics.csv"))] == [("10", OURS), ("10", CONTENT)]


def test_all_pairs_broken(run: Run, folder: Path) -> None:
    for path in (folder / "style").iterdir():
        path.write_bytes(b"")
    code, out, err = run(folder, "-o", "out", *FAST)
    assert (code, out) == (1, "")
    assert err.count("photostyle: error: pair ") == 2


def test_messages_name_options(run: Run, folder: Path) -> None:
    save(folder / "input/in2.png", picture(20, 26, 3))
    _, _, err = run(folder, "-o", "out", *FAST)
    assert "use a larger --size or a larger photo" in err


def test_existing_results(run: Run, folder: Path) -> None:
    save(Path("others/best2_smooth.png"), picture(51, 67, 1))
    code, _, err = run(folder, "-o", "out", "--results", "others", "--size", "48")
    assert code == 1
    assert "pair 10: others/10.* is missing" in err
    ours, reference, _ = rows(Path("out/metrics.csv"))
    assert (ours["file"], ours["seconds"], ours["iterations"]) == ("best2_smooth.png", "", "")
    same = set(ours) - {"who", "file"}
    assert {key: ours[key] for key in same} == {key: reference[key] for key in same}, "the same picture"
    assert os.listdir("out/results") == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nowhere",), "nowhere: no such folder"),
        (("empty",), "empty: there are no photos input/in1.png, style/tar1.png ..."),
        (("set", "--results", "nowhere"), "nowhere: no such folder"),
        (("set", "--results", "empty"), "empty: there is no result of any pair, such as 2.png"),
        (("set", "--results", "empty", "--iterations", "3"), "--results makes none: leave it out"),
        (("set", "-o", "file"), "file/results: the folder cannot be made"),
        (("set", "--size", "0"), "--size: must be a whole number of at least 1"),
        (("set", "--weights", "nothing.pth"), "nothing.pth does not exist"),
    ],
)
def test_bad_input_is_one_line(run: Run, folder: Path, arguments: tuple[str, ...], message: str) -> None:
    Path("empty").mkdir()
    Path("file").write_text("")
    code, out, err = run(*arguments)
    assert (code, out, err.count("\n")) == (2, "", 1), err
    assert message in err


def test_weights_of_one_name_and_other_values_are_other_settings(vgg: VGG19) -> None:
    other = copy.deepcopy(vgg)
    assert cli_evaluate_set._network_hash(other) == cli_evaluate_set._network_hash(vgg)
    other.mean += 1e-3
    assert cli_evaluate_set._network_hash(other) != cli_evaluate_set._network_hash(vgg)


def test_self_reference(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for k in range(2):
        half = smooth_picture(60, 40 + 10 * k)
        pixels = (torch.cat((half, half.flip(1)), 2) * 255).byte().permute(1, 2, 0).numpy()
        Image.fromarray(pixels).save(tmp_path / f"{k}.png")
    (tmp_path / "broken.png").write_text("no photo")
    out = tmp_path / "out"
    assert main(["evaluate-set", str(tmp_path), "--self-reference", "-o", str(out), "--size", "64"]) == 1
    shown = capsys.readouterr()
    assert "broken.png: not a PNG" in shown.err
    assert "2 photos, 10 grades, 64 pixels" in shown.out
    rows = list(csv.DictReader((out / "self_reference.csv").read_text().splitlines()))
    methods = {row["method"] for row in rows}
    assert {"nothing", "reinhard", "mk", "idt", "transport"} <= methods
    assert len(rows) == 2 * 2 * 10 * len(methods)
    score = {m: sum(float(r["psnr"]) for r in rows if r["method"] == m) for m in ("nothing", "mk")}
    assert score["mk"] > score["nothing"]
