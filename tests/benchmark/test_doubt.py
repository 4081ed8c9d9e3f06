"""Times that cannot be trusted are marked, and are neither in the summary nor in a plot."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from optional_packages import need
from rich.console import Console

from photostyle_native.benchmark.doubt import busy, doubt, doubts, sound, summary
from photostyle_native.benchmark.report import plots
from photostyle_native.benchmark.report.html import render
from photostyle_native.benchmark.report.terminal import show, summary_of, warnings_of


def way(**more: Any) -> dict[str, Any]:
    return {"median": 1.0, "spread": 0.1, "samples_taken": 9, "times_ours": 2.0, **more}


def test_what_is_doubtful() -> None:
    assert doubt(way()) == ""
    assert doubt(way(share_of_copy=0.99, share_of_matrix=1.0)) == ""
    assert doubt(way(share_of_copy=7.17)) == "717% of the copy bandwidth"
    assert doubt(way(share_of_matrix=1.2, spread=0.62)) == "120% of the matrix product, spread 62%"
    assert doubt(way(spread=0.9, samples_taken=1)) == ""  # one sample has no spread
    case = {"ways": {"ours": way(), "peer": way(spread=0.6)}}
    assert doubts(case) == {"peer": "spread 60%"}
    assert list(sound(case)) == ["ours"]


@pytest.mark.parametrize(
    ("load", "affinity", "said"),
    [
        ([11.0, 9.0, 5.0], 2, "load 11.0 on 2 processors"),
        ([0.9, 0, 0], 2, ""),
        (None, None, ""),
        ([3.0, 0, 0], 16, ""),
    ],
)
def test_a_busy_machine_is_said(load: Any, affinity: Any, said: str) -> None:
    assert said in busy({"load": load, "affinity": affinity})
    assert bool(busy({"load": load, "affinity": affinity})) == bool(said)


@pytest.fixture
def calm(result: dict[str, Any]) -> dict[str, Any]:
    """A result of which no time is doubtful, whatever the sleepers' clock did."""
    for case in result["cases"]:
        for timed in case["ways"].values():
            timed["spread"] = 0.1 * timed["median"]
    return result


def test_the_summary_has_the_fastest_peer_at_the_largest_size(calm: dict[str, Any]) -> None:
    (row,) = summary(calm)
    assert row[:3] == ("Sleeping: 20 px", "cpu", "peer")
    assert row[3] == calm["cases"][1]["ways"]["peer"]["times_ours"]
    assert summary_of(calm)[0].startswith("Sleeping: 20 px: peer x ")


def test_doubtful_times_are_marked_and_kept_out(
    calm: dict[str, Any], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    disturbed = copy.deepcopy(calm)
    disturbed["machine"]["load"], disturbed["machine"]["affinity"] = [11.2, 8.0, 3.0], 2
    for case in disturbed["cases"]:
        case["ways"]["peer"]["share_of_copy"] = 3.98
    assert summary(disturbed) == []
    assert len(warnings_of(disturbed)) == 2
    show(disturbed, Console(width=100))
    printed = capsys.readouterr().out
    page = render(disturbed, {})
    for text in (
        "peer ?",
        "? doubtful: peer, 398% of the copy bandwidth",
        "load 11.2 on 2 processors",
        "3 times are",
    ):
        assert text in printed
        assert text in page
    need("matplotlib")
    drawn: list[Any] = []
    monkeypatch.setattr(plots, "_bars", lambda bars, *_: drawn.extend(bars) or b"")
    plots.all_plots(disturbed)
    assert drawn == []
    plots.all_plots(calm)
    assert [name for name, _ in drawn] == ["Sleeping, 20 px: peer"]


def test_plots_have_error_bars_from_quartiles() -> None:
    samples = [[1.0, 2.0, 3.0], [4.0, 5.0]]
    assert plots._quartiles({"median": 3.0, "samples": samples}) == (2.0, 3.0, 4.0)
    assert plots._quartiles({"median": 3.0, "samples": [[3.0]]}) == (3.0, 3.0, 3.0)
