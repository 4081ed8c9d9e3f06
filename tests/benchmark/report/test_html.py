"""The page of a benchmark: the same numbers as on the terminal, the plots, and nothing from elsewhere."""

from __future__ import annotations

import re
from typing import Any

import pytest
from optional_packages import need
from rich.console import Console

from photostyle_native.benchmark.report.html import render
from photostyle_native.benchmark.report.plots import all_plots
from photostyle_native.benchmark.report.terminal import show


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


def test_the_page_needs_no_plots_and_escapes_what_machines_are_called(result: dict[str, Any]) -> None:
    result["machine"]["processor"] = "<Fast & new>"
    result["ended"] = "the limit of 3 s"
    page = render(result, {})
    assert "<h1>photostyle bench: &lt;Fast &amp; new&gt;</h1>" in page
    assert "<Fast" not in page
    assert "<img alt" not in page
    assert "Not complete: the limit of 3 s" in page
    assert page.count("<tr class=ours>") == len(result["cases"])
