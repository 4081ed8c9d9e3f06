"""Pairs of a folder, and the results that belong to them."""

from __future__ import annotations

from pathlib import Path

import pytest

from photostyle_native import PhotostyleError
from photostyle_native.evaluation.pairs import find_pairs, find_result, natural_order


def test_pairs_of_a_folder(folder: Path) -> None:
    pairs, broken = find_pairs(folder)
    assert [pair.name for pair in pairs] == ["2", "10"]
    assert broken == {}
    assert pairs[0].reference == folder / "final_results/best2_t_1000.png"
    assert pairs[1].reference is None
    assert pairs[1].style_mask == folder / "segmentation/tar10.png"
    with pytest.raises(PhotostyleError, match="no such folder"):
        find_pairs(folder / "nowhere")


def test_the_last_result_of_a_pair_and_none_of_another(tmp_path: Path) -> None:
    for name in ("best1_t_900.png", "best1_t_1000.png", "best12_t_2000.png", "1.txt", "xbest1.png"):
        (tmp_path / name).write_bytes(b"")
    assert find_result(tmp_path, "1") == tmp_path / "best1_t_1000.png"
    assert find_result(tmp_path, "2") is None
    assert find_result(tmp_path / "nowhere", "1") is None
    assert sorted(["10", "9", "a2", "a10", "9b"], key=natural_order) == ["9", "9b", "10", "a2", "a10"]
