"""Results of a benchmark as text."""

from __future__ import annotations

from typing import Any

import pytest
from rich.console import Console

from photostyle_native.benchmark.report.terminal import remarks_of, rows_of, show


def way(median: float, **more: Any) -> dict[str, Any]:
    return {"median": median, "spread": 0.1 * median, "samples_taken": 9, "times_ours": median / 2e-3, **more}


def test_a_row_for_each_way_and_missing_ways_last() -> None:
    ways = {
        "ours": way(2e-3, share_of_copy=0.5),
        "peer": way(5e-3, share_of_matrix=0.25),
        "slow": {**way(1.0), "samples_taken": 1},  # one sample has no spread
    }
    case = {"ways": ways, "missing": {"absent": "not installed: nothing"}}
    assert rows_of(case) == [
        ("ours", "2.00 ms", "10%", "x 1.00", "50%", ""),
        ("peer", "5.00 ms", "10%", "x 2.50", "", "25%"),
        ("slow", "1.00 s", "", "x 500", "", ""),
        ("absent", "", "", "", "", "(not installed: nothing)"),
    ]


def test_a_remark_names_the_ways_without_a_graph_if_others_have_one() -> None:
    graph, stream = way(1.0, timed_by="graph"), way(1.0, timed_by="stream")
    assert remarks_of({"ways": {"ours": graph, "peer": graph}}) == []
    assert remarks_of({"ways": {"ours": stream, "peer": stream}}) == []
    assert remarks_of({"ways": {"ours": graph, "peer": stream, "other": stream}}) == [
        "no CUDA graph, so that the time to launch counts: peer, other"
    ]


def test_the_terminal_shows_the_machine_and_what_went_wrong(
    result: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    result["ended"] = "the limit of 3 s"
    show(result, Console(width=100))
    printed = capsys.readouterr().out
    assert printed.startswith(f"photostyle_native {result['machine']['photostyle_native']} (")
    assert "copy 10.0 GB/s (read + written), float32 matrix product 100 GFLOP/s" in printed
    assert "not timed: cpu bad: 3 px" in printed
    assert "not complete: the limit of 3 s" in printed
