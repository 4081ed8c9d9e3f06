"""Run all recipes, and print their times, memory and differences as a Markdown table.

python examples/_table.py
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
MEASURED = re.compile(r"^(before|after) +([\d.]+) s +(\d+) MB", re.MULTILINE)


def row(recipe: Path, arguments: list[str]) -> str:
    """Run a recipe and make its row: title, changed lines, time and memory before and after, largest difference."""
    done = subprocess.run([sys.executable, str(recipe), *arguments], stdout=subprocess.PIPE, text=True, check=True)
    title = done.stdout.partition("\n")[0]
    took = {name: (float(seconds), int(megabytes)) for name, seconds, megabytes in MEASURED.findall(done.stdout)}
    difference = re.search(r"largest difference (\S+)", done.stdout)
    text = ast.get_docstring(ast.parse(recipe.read_text(encoding="utf-8"))) or ""
    added = re.findall(r"^\+ (.*)", text, re.MULTILINE)
    (slow, before), (quick, after) = took["before"], took["after"]
    cells = [
        f"[{recipe.stem}](../examples/{recipe.name}): {title}",
        "<br>".join(f"`{line}`" for line in added),
        f"{slow:.2f} s, {before} MB",
        f"{quick:.2f} s, {after} MB",
        f"{slow / max(quick, 1e-3):.1f} x",  # recipes print milliseconds, so `quick` may be 0
        difference[1] if difference else "?",
    ]
    return f"| {' | '.join(cells)} |"


def main(arguments: list[str]) -> None:
    """Print the table; `arguments` go to every recipe (``--width 96``)."""
    print("| recipe | what the loop becomes | before | after | time | largest difference |")
    print("|---|---|---|---|---|---|")
    for recipe in sorted(FOLDER.glob("[!_]*.py")):
        print(row(recipe, arguments), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
