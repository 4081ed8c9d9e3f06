"""The results of a benchmark as text on a terminal."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

from ..doubt import busy, doubt, doubts, summary
from .units import duration, rate, ratio

COLUMNS = ("", "median", "spread", "to ours", "copy", "matrix")


def rows_of(case: dict[str, Any]) -> list[tuple[str, ...]]:
    """The table of a case, with cells for `COLUMNS`: a row per way, and missing ways last with the reason."""
    rows = []
    for name, way in case["ways"].items():
        shares = tuple(f"{way[key]:.0%}" if key in way else "" for key in ("share_of_copy", "share_of_matrix"))
        spread = f"{way['spread'] / way['median']:.0%}" if way["samples_taken"] > 1 else ""
        mark = " ?" if doubt(way) else ""
        rows.append((name + mark, duration(way["median"]), spread, ratio(way["times_ours"]), *shares))
    return rows + [(name, "", "", "", "", f"({why})") for name, why in case["missing"].items()]


def ceilings_of(limits: dict[str, float]) -> str:
    copy = rate(limits["copy_bytes_per_s"], "B")
    return f"copy {copy} (read + written), float32 matrix product {rate(limits['float32_operations_per_s'], 'FLOP')}"


def device_line(result: dict[str, Any], device: str) -> str:
    facts = result["machine"]["devices"][device]
    threads = f", {result['machine']['threads']} threads" if device == "cpu" else ""
    return f"{device}: {facts['name']}{threads}, {facts['backend']}; {ceilings_of(result['ceilings'][device])}"


def remarks_of(case: dict[str, Any]) -> list[str]:
    """Remarks on a case: doubtful times, and ways on a GPU that include the time to launch, if not all do."""
    found = [f"? doubtful: {name}, {why}" for name, why in doubts(case).items()]
    launched = [name for name, way in case["ways"].items() if way["timed_by"] == "stream"]
    if 0 < len(launched) < len(case["ways"]):
        found.append(f"no CUDA graph, so that the time to launch counts: {', '.join(launched)}")
    return found


def summary_of(result: dict[str, Any]) -> list[str]:
    """A line for each job: the fastest peer's time as a multiple of ours; doubtful times do not count."""
    rows = summary(result)
    devices = len(result["ceilings"]) > 1
    return [f"{what}{f', {device}' if devices else ''}: {peer} {ratio(value)}" for what, device, peer, value in rows]


def warnings_of(result: dict[str, Any]) -> list[str]:
    """Sentences on the whole run that a reader must know before its numbers."""
    count = sum(len(doubts(case)) for case in result["cases"])
    doubtful = [f"{count} times are doubtful, and are not in the summary: see the rows with ?"] if count else []
    return [sentence for sentence in (busy(result["machine"]), *doubtful) if sentence]


def show(result: dict[str, Any], console: Console) -> None:
    """Print everything that was measured, what was not, and why."""
    machine = result["machine"]
    console.print(
        f"photostyle_native {machine['photostyle_native']} ({machine['commit']}), "
        f"torch {machine['versions']['torch']}, {machine['date']}",
        highlight=False,
    )
    for device in result["ceilings"]:
        console.print(device_line(result, device), highlight=False, soft_wrap=True)
    for sentence in warnings_of(result):
        console.print(sentence, style="red", highlight=False, soft_wrap=True)
    if lines := summary_of(result):
        console.print("\nFastest peer's time over ours, at the largest size:", style="bold", highlight=False)
        for line in lines:
            console.print(f"  {line}", highlight=False, soft_wrap=True, markup=False)
    for case in result["cases"]:
        table = Table(box=None, pad_edge=False)
        for k, column in enumerate(COLUMNS):
            table.add_column(column, justify="right" if k else "left", no_wrap=True)
        for name, *cells in rows_of(case):
            if cells[0]:
                table.add_row(name, *cells, style="bold" if name.split()[0] == "ours" else "")
        console.print(f"\n{case['title']}: {case['label']}, {case['device']}", style="bold", highlight=False)
        console.print(table, highlight=False)
        for line in (*remarks_of(case), *(f"{name}: {why}" for name, why in case["missing"].items())):
            console.print(line, style="dim", highlight=False, soft_wrap=True, markup=False)
    for name, why in result["failures"].items():
        console.print(f"\nnot timed: {name}: {why}", style="red", highlight=False, soft_wrap=True, markup=False)
    if result["ended"]:
        console.print(f"\nnot complete: {result['ended']}", style="red", highlight=False, soft_wrap=True)
