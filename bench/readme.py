"""Write the README's performance table from recorded results; with --check, only say whether it agrees with them.

    python bench/readme.py [--check]

The table stands between two marks in README.md. It is made from bench/results/*/results.json, the files that
`photostyle bench -o` writes, with one section for each machine. It lists every peer, also those that are faster than
this package.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from photostyle_native.benchmark.case import is_ours
from photostyle_native.benchmark.report.terminal import device_line
from photostyle_native.benchmark.report.units import digits, duration

ROOT = Path(__file__).parents[1]
BEGIN, END = "<!-- from bench/results: python bench/readme.py -->", "<!-- end -->"
WIDTH = 700  # pixels: the size of the results that the authors of the method published


def section() -> str:
    recorded = sorted((ROOT / "bench" / "results").glob("*/results.json"))
    if not recorded:
        sys.exit("there is no recorded result in bench/results")
    results = [(json.loads(path.read_text()), path.parent.name) for path in recorded]
    for result, folder in results:
        if result["ended"] or result["settings"]["quick"]:
            sys.exit(
                f"bench/results/{folder}: only a complete run may stand in the README, this one is {_kind(result)}"
            )
    return "\n\n".join(_machine(result, folder) for result, folder in results)


def _kind(result: dict[str, Any]) -> str:
    return "quick" if result["settings"]["quick"] else f"not complete ({result['ended']})"


def _machine(result: dict[str, Any], folder: str) -> str:
    machine = result["machine"]
    lines = [f"{device_line(result, device)}." for device in result["ceilings"]]
    versions = f"torch {machine['versions']['torch']}, commit {machine['commit']}, {machine['date'][:10]}"
    about = f"{' '.join(lines)} {versions}; [all numbers](bench/results/{folder}/results.json)."
    rows = [_row(case) for case in result["cases"] if _wanted(case, result) and case["family"] != "parts"]
    return "\n".join([about, "", "| job | ours | time of others, as a multiple of ours |", "|---|---|---|", *rows])


def _wanted(case: dict[str, Any], result: dict[str, Any]) -> bool:
    """Whether a case has the one size that the table shows of its family and device.

    This is the largest size up to `WIDTH`, or the smallest if all are larger.
    """
    same = [c for c in result["cases"] if (c["family"], c["device"]) == (case["family"], case["device"])]
    widths = {c["parameters"]["width"] for c in same}
    below = [w for w in widths if w <= WIDTH]
    return bool(case["parameters"]["width"] == (max(below) if below else min(widths)))


def _row(case: dict[str, Any]) -> str:
    peers = [f"{name}: {digits(way['times_ours'])}" for name, way in case["ways"].items() if not is_ours(name)]
    where = "" if case["device"] == "cpu" else f", {case['device']}"
    title = f"{case['title']}, {case['label']}{where}"
    return f"| {title} | {duration(case['ways']['ours']['median'])} | {'; '.join(peers)} |"


def main() -> int:
    path = ROOT / "README.md"
    text = path.read_text(encoding="utf-8")
    head, rest = text.split(BEGIN)
    _, tail = rest.split(END)
    fresh = f"{head}{BEGIN}\n\n{section()}\n\n{END}{tail}"
    if "--check" in sys.argv[1:]:
        if fresh != text:
            print("README.md does not say what bench/results says: run python bench/readme.py")
            return 1
        print("README.md says what bench/results says")
        return 0
    path.write_text(fresh, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
