"""`photostyle evaluate`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from cli.program import HEIGHT, MASKS, WIDTH, pixels_of
from PIL import Image

import photostyle_native
from photostyle_native import Weights
from photostyle_native.optimization.objective import ENERGIES, TERMS


def test_evaluate_json(run: Callable[..., tuple[int, str, str]], photos: Path) -> None:
    code, out, err = run("evaluate", "day.png", "dusk.jpg", "day.png", "--json")
    assert (code, err) == (0, "")
    scores = json.loads(out)
    assert list(scores) == [*ENERGIES, "weights", "size", "metrics"]
    assert (scores["metrics"]["ssim"], scores["metrics"]["edge_ssim"]) == (1, 1)
    assert scores["metrics"]["labels"]["all"]["share"] == 1
    assert sum(scores["metrics"]["labels"]["all"]["gram"].values()) == pytest.approx(scores["style"])
    assert scores["weights"] == vars(Weights())
    assert scores["size"] == {"width": WIDTH, "height": HEIGHT}
    assert scores["content"] == 0, "the content has its own features"
    pixels = pixels_of("day.png").astype(np.float64)
    corner = pixels[:-1, :-1]
    differences = ((pixels[:-1, 1:] - corner) ** 2).sum() + ((pixels[1:, :-1] - corner) ** 2).sum()
    assert scores["tv"] == pytest.approx(1e-3 * 0.5 * differences, rel=1e-5)
    assert scores["total"] == pytest.approx(sum(scores[name] for name in TERMS))


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
    assert [row[0] for row in rows[: len(ENERGIES)]] == list(ENERGIES)
    assert "10000" in rows[2]
    assert "100.0%" in rows[len(TERMS)]
    metrics = {" ".join(row[: row.index("│")]): row[row.index("│") + 1] for row in rows[len(ENERGIES) :]}
    assert metrics["SSIM of luma, to the content"] == "1.000"
    assert metrics["noise gain in flat places"] == "1.000"
    assert metrics["all"] == "100.0%"
