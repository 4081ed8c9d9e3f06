"""Results as tables, plots and a page."""

from __future__ import annotations

import copy
import re
from typing import Any

import pytest
from optional_packages import need
from rich.console import Console

from photostyle_native.benchmark.report.html import render
from photostyle_native.benchmark.report.plots import all_plots, shares_of
from photostyle_native.benchmark.report.terminal import show
from photostyle_native.benchmark.report.units import duration, rate


def test_reports_name_everything(result: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    need("matplotlib")
    show(result, Console(width=100))
    printed = capsys.readouterr().out
    plots = all_plots(result)
    page = render(result, plots)
    for text in ("Sleeping: 10 px, cpu", "peer", "absent peer", "not installed: nothing", "bad: 3 px", "x 1.00"):
        assert text in printed
        assert text in page
    assert page.count("data:image/png;base64,") == len(plots) == 3
    assert all(png.startswith(b"\x89PNG") for _, png in plots.values())
    assert not re.search(r"(?:src|href)=.?(?!.?data:)", page)  # self-contained


def test_cpu_against_gpu_is_plotted_where_both_ran(result: dict[str, Any]) -> None:
    need("matplotlib")
    both = copy.deepcopy(result)
    both["ceilings"]["cuda"] = both["ceilings"]["cpu"]
    both["cases"] += [{**case, "device": "cuda"} for case in both["cases"]]
    assert {"cpu-gpu.png", "speedup-cuda.png"} <= all_plots(both).keys()


def test_shares_add_up() -> None:
    ways = {"ours": {"median": 10.0}, "VGG-19": {"median": 6.0}, "optimiser": {"median": 3.0}}
    assert shares_of({"ways": ways}) == pytest.approx({"VGG-19": 0.6, "optimiser": 0.3, "everything else": 0.1})


@pytest.mark.parametrize(
    ("seconds", "text"), [(1.234, "1.23 s"), (0.0123, "12.3 ms"), (99.96e-6, "100 us"), (4.5e-7, "0.45 us")]
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_rates() -> None:
    assert rate(4.8e12, "B") == "4.80 TB/s"
    assert rate(36.3e9, "B") == "36.3 GB/s"
