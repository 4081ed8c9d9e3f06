"""The result of a transfer: the file, the look and the report that are made from it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from image_files import adobe_like, exif_bytes
from pipeline.results import ALPHA, PIXELS, result

from photostyle_native import PhotostyleError
from photostyle_native.images.photo import read_photo


def test_a_file_keeps_depth_profile_exif_and_alpha_of_the_content(tmp_path: Path) -> None:
    made = result()
    made.save(tmp_path / "out.png")
    again = read_photo(tmp_path / "out.png")
    np.testing.assert_allclose(again.pixels, PIXELS / 2, atol=1)
    assert (again.bit_depth, again.icc_profile, again.exif) == (16, adobe_like(), exif_bytes(1))
    np.testing.assert_array_equal(again.alpha, ALPHA)
    made.save(tmp_path / "small.png", bit_depth=8)
    assert read_photo(tmp_path / "small.png").bit_depth == 8
    with pytest.raises(PhotostyleError, match="the extension must be one of"):
        made.save(tmp_path / "out.gif")


def test_the_report_has_all_fields_but_the_pictures() -> None:
    made = result(notes=("a note",))
    report = json.loads(json.dumps(made.report()))
    assert report.keys() == (vars(made).keys() - {"image", "working", "content", "ingredients"}) | {
        "output_size",
        "working_size",
    }
    assert (report["output_size"], report["working_size"]) == ([60, 80], [30, 40])
    assert (report["notes"], report["timings"]) == (["a note"], {"read": 0.25, "optimise": 1.5})


def test_the_look_changes_colours_as_the_transfer_did() -> None:
    look = result().look()
    assert look.icc_profile == adobe_like()
    photo = torch.rand(3, 10, 10) * 0.5 + 0.2
    torch.testing.assert_close(look.apply(photo), 0.5 * photo, rtol=0, atol=0.05)
