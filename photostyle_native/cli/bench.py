"""`photostyle bench` times this package beside its peers; `photostyle bench compare` compares two such runs."""

from __future__ import annotations

import argparse
import importlib.util
import json
import logging
import statistics
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..errors import PhotostyleError
from ..files import check_file, make_folder, write_atomically

_RESULTS, _REPORT = "results.json", "report.html"
_SECONDS = {False: 0.4, True: 0.06}  # time for each way in each pass, without and with --quick


def run(options: argparse.Namespace) -> int:
    """Run the benchmark. Returns 0; 130 if Ctrl-C ended it early; 1 if a case failed, or if none was timed."""
    import torch
    from rich.console import Console

    from ..benchmark import plan as cases
    from ..benchmark.case import COMPILE
    from ..benchmark.report.terminal import show
    from ..benchmark.run import INTERRUPTED, NOT_REACHED
    from ..benchmark.run import run as run_cases

    devices = _devices(options.device)
    sizes: dict[str, tuple[int, ...]] = dict(cases.SIZES)
    if options.quick or options.sizes:
        sizes = dict.fromkeys(sizes, options.sizes or cases.QUICK_SIZES)
    only = options.only.split(",") if options.only else ()
    names = [family.name for family in cases.FAMILIES]
    if not {*only} <= {*names}:
        raise PhotostyleError(f"`only` must be of {', '.join(names)}, got {options.only}")
    folder = Path(options.output) if options.output else None
    if folder:
        make_folder(folder)  # checked now, before minutes are spent on the files
        for name in (_RESULTS, _REPORT):
            check_file(str(folder / name), "output")
    logging.getLogger("torch").setLevel(logging.ERROR)  # torch.compile logs that it looked for CUDA
    # TF32 is off, so that products of float32 have its full accuracy, for this package and for its peers.
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    COMPILE.set(not options.no_compile)
    try:
        with _progress() as progress:
            seconds = _SECONDS[options.quick]
            result = run_cases(devices, sizes, options.passes, seconds, options.quick, only, options.limit, progress)
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before
    result["command"] = "photostyle " + " ".join(sys.argv[1:])
    written = _write(result, folder) if folder else []  # before printing, which may fail
    console = Console(highlight=False)
    with console.capture() as shown:  # rich would end the program itself if it wrote to a closed pipe
        show(result, console)
    print(shown.get(), end="")
    if written:
        print("\n" + "\n".join(written))
    if result["ended"].startswith(INTERRUPTED):
        return 130
    failed = [why for why in result["failures"].values() if why != NOT_REACHED]
    return 1 if failed or not result["cases"] else 0


def compare(options: argparse.Namespace) -> int:
    """Compare two results.

    Returns 1 if code of this package became slower, 3 if noise hides too much to say so, else 0.
    """
    from ..benchmark.compare import HIDES_TOO_MUCH
    from ..benchmark.compare import compare as compare_results
    from ..benchmark.report.units import duration

    changes, notes = compare_results(*(_read(path) for path in (options.before, options.after)))
    flagged = [change for change in changes if change.verdict != "same"]
    for change in flagged:
        print(
            f"{change.verdict:7}{change.factor:6.2f} x  (noise up to {change.noise:.2f} x)  "
            f"{change.case}: {change.way}, {duration(change.before)} to {duration(change.after)}"
        )
    same = len(changes) - len(flagged)
    unseen = statistics.median(change.noise for change in changes)
    print(f"{same} of {len(changes)} timings differ by no more than noise; it hides {unseen:.2f} x in half of them")
    for note in notes:
        print(f"note: {note}")
    if any(c.verdict == "slower" and c.ours for c in flagged):
        return 1
    if unseen > HIDES_TOO_MUCH:
        print(
            f"noise hides more than {HIDES_TOO_MUCH:g} x, so this says nothing: repeat both runs on a quiet machine, "
            "with more --passes"
        )
        return 3
    return 0


def _devices(wanted: str) -> list[Any]:
    import torch

    from ..machine import resolve_device

    if wanted != "auto":
        return [resolve_device(wanted)]
    return [torch.device("cpu")] + ([torch.device("cuda")] if torch.cuda.is_available() else [])


def _write(result: dict[str, Any], folder: Path) -> list[str]:
    """Write all files. Returns lines for the user: the files' names, and why there are no plots."""
    from ..benchmark.report.html import render

    said = [str(folder / _REPORT), str(folder / _RESULTS)]
    write_atomically(said[1], (json.dumps(result, indent=1) + "\n").encode())
    plots: dict[str, tuple[str, bytes]] = {}
    if importlib.util.find_spec("matplotlib"):
        from ..benchmark.report.plots import all_plots

        plots = all_plots(result)
        for name, (_, png) in plots.items():
            write_atomically(str(folder / name), png)
            said.append(str(folder / name))
    else:
        said.append('no plots: matplotlib is not installed (pip install "photostyle-native[bench]")')
    write_atomically(said[0], render(result, plots).encode())
    return said


def _read(path: str) -> dict[str, Any]:
    from ..benchmark.run import SCHEMA

    try:
        result = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise PhotostyleError(f"{path} cannot be read: {error.strerror}") from None
    except ValueError:
        raise PhotostyleError(f"{path} is not JSON") from None
    if not isinstance(result, dict) or result.get("schema") != SCHEMA or not {"machine", "cases"} <= result.keys():
        raise PhotostyleError(f"{path} is not a result of `photostyle bench` (schema {SCHEMA})")
    return result


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    """Show on stderr how far the run is: a bar on a terminal, an occasional line elsewhere."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        shown = -1

        def tell(what: str, done: int, of: int) -> None:
            nonlocal shown
            if 10 * done // of > shown:
                shown = 10 * done // of
                print(f"{done}/{of} {what}", file=sys.stderr, flush=True)

        yield tell
        return
    columns = (BarColumn(), TextColumn("{task.completed}/{task.total} {task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda what, done, of: bar.update(task, description=what, completed=done, total=of)
