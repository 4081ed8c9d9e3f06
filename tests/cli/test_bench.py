"""`photostyle bench` and `bench compare`."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from benchmark.sleepers import CPU, scaled
from optional_packages import need

from photostyle_native.benchmark import run
from photostyle_native.cli.main import main


def test_compare_command(result: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    slow = scaled(result, lambda way: 2.0 if way == "ours" else 1.0)
    for name, content in (("a", result), ("b", slow), ("other", {"schema": 99})):
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    a, b, other = (str(tmp_path / f"{name}.json") for name in ("a", "b", "other"))
    assert main(["bench", "compare", a, a]) == 0
    assert "6 of 6 timings differ by no more than noise" in capsys.readouterr().out
    assert main(["bench", "compare", a, b]) == 1
    assert "slower   2.00 x" in capsys.readouterr().out
    assert main(["bench", "compare", b, a]) == 0
    assert "faster   0.50 x" in capsys.readouterr().out
    noisy = copy.deepcopy(result)
    for case in noisy["cases"]:
        for way in case["ways"].values():  # the passes of one run disagree by a factor of three
            way["samples"] = [[s * 3**k for s in one] for k, one in enumerate(way["samples"])]
    (tmp_path / "noisy.json").write_text(json.dumps(noisy))
    assert main(["bench", "compare", a, str(tmp_path / "noisy.json")]) == 3
    assert "noise hides more than 1.5 x, so this says nothing: repeat both runs" in capsys.readouterr().out
    assert main(["bench", "compare", a, other]) == 2
    assert "is not a result of `photostyle bench`" in capsys.readouterr().err


def test_bench_command(sleepers: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    need("matplotlib")
    folder = tmp_path / "new" / "folder"
    assert main(["bench", "--quick", "--device", "cpu", "-o", str(folder)]) == 1  # one case is wrong
    assert "not timed: cpu bad: 3 px" in capsys.readouterr().out.replace("\n", " ")
    names = {path.name for path in folder.iterdir()}
    assert {"results.json", "report.html", "speedup-cpu.png", "pixels-sleep-cpu.png"} <= names
    assert main(["bench", "compare", *[str(folder / "results.json")] * 2]) == 0


def test_only_the_wanted_jobs_run(sleepers: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = run.run([CPU], {"cpu": (10,)}, seconds=0.001, only=["parts"])
    assert [case["family"] for case in result["cases"]] == ["parts"]
    assert main(["bench", "--only", "matting,nonsense", "-o", str(tmp_path / "new")]) == 2
    assert "--only must be of matting, variation, masked_gram, " in capsys.readouterr().err
    assert not (tmp_path / "new").exists()
