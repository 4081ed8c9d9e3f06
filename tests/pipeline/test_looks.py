"""Looks by name and by file, and that those of the package are made as the script says."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest
import torch
from pictures import smooth_picture

from photostyle_native import Look, PhotostyleError
from photostyle_native.color.mixing import to_lab
from photostyle_native.color.table import Table
from photostyle_native.images.write import write_photo
from photostyle_native.pipeline.looks import find_look, look_names

SCRIPT = Path(__file__).resolve().parents[2] / "bench" / "make_looks.py"


def test_ten_looks_come_with_the_package() -> None:
    assert len(look_names()) == 10
    photo = smooth_picture(40, 50)
    results = {}
    for name in look_names():
        look = find_look(name)
        assert isinstance(look, Look)
        assert look.fits(photo)
        results[name] = look.apply(photo)
        change = (results[name] - photo).abs().mean()
        assert 0.01 < float(change) < 0.4, name
    pictures = list(results.values())
    for k, one in enumerate(pictures):
        for other in pictures[k + 1 :]:
            assert float((one - other).abs().mean()) > 0.01
    lab = to_lab(results["black-and-white"].flatten(1))
    assert float(lab[1:].abs().mean()) < 3
    assert float(to_lab(results["blue-hour"].flatten(1))[2].mean()) < float(to_lab(photo.flatten(1))[2].mean()) - 5


def test_they_are_what_the_script_makes(monkeypatch: pytest.MonkeyPatch) -> None:
    if not SCRIPT.exists():
        pytest.skip("the tests run without the checkout around them")
    spec = importlib.util.spec_from_file_location("make_looks", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "make_looks", script)  # where dataclasses look for the module's names
    spec.loader.exec_module(script)
    assert tuple(sorted(script.RECIPES)) == look_names()
    for name in ("blue-hour", "cold-shade"):
        made, shipped = script.make(script.RECIPES[name]), find_look(name)
        torch.testing.assert_close(made.tone, shipped.tone, atol=1e-3, rtol=0)


def test_by_file(look: Look, tmp_path: Path) -> None:
    look.save(tmp_path / "look.npz")
    (tmp_path / "table.cube").write_text(look.cube())
    write_photo(tmp_path / "hald.png", look.hald(), bit_depth=16)
    photo = smooth_picture(40, 50)
    wanted = look.apply(photo, everywhere=True)
    for name, kind in (("look.npz", Look), ("table.cube", Table), ("hald.png", Table)):
        found = find_look(str(tmp_path / name))
        assert isinstance(found, kind)
        torch.testing.assert_close(found.apply(photo, everywhere=True), wanted, atol=8e-3, rtol=0)


@pytest.mark.parametrize(
    ("look", "problem"),
    [
        ("sepia", "sepia: a look is a file .* or one of airy, "),
        ("look.jpg", "look.jpg: a look is a file"),
        ("missing.npz", "missing.npz: no such file"),
        ("missing.cube", "missing.cube: no such file"),
        ("missing.png", "missing.png: no such file"),
        ("../data/looks/airy", "a look is a file"),
    ],
)
def test_what_is_no_look(look: str, problem: str) -> None:
    with pytest.raises(PhotostyleError, match=problem):
        find_look(look)
