"""Plots of a benchmark."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from optional_packages import need

from photostyle_native.benchmark.report.plots import all_plots, shares_of


def test_cpu_against_gpu_is_plotted_where_both_ran(result: dict[str, Any]) -> None:
    need("matplotlib")
    both = copy.deepcopy(result)
    both["ceilings"]["cuda"] = both["ceilings"]["cpu"]
    both["cases"] += [{**case, "device": "cuda"} for case in both["cases"]]
    assert {"cpu-gpu.png", "speedup-cuda.png"} <= all_plots(both).keys()


def test_shares_add_up() -> None:
    ways = {"ours": {"median": 10.0}, "VGG-19": {"median": 6.0}, "optimiser": {"median": 3.0}}
    assert shares_of({"ways": ways}) == pytest.approx({"VGG-19": 0.6, "optimiser": 0.3, "everything else": 0.1})


def test_parts_that_add_up_to_more_than_the_whole_leave_nothing_else() -> None:
    ways = {"ours": {"median": 10.0}, "VGG-19": {"median": 8.0}, "optimiser": {"median": 3.0}}
    assert shares_of({"ways": ways}) == pytest.approx({"VGG-19": 0.8, "optimiser": 0.3, "everything else": 0.0})
