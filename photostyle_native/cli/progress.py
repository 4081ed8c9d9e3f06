"""The display of a running transfer, and of the warnings meanwhile.

Everything goes to stderr: a live line on a terminal, an occasional plain line elsewhere.
"""

from __future__ import annotations

import os
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

from ..ops import FallbackWarning
from ..optimization.solver import Iteration, seconds_left

_SECONDS_BETWEEN_LINES = 10.0  # if stderr is not a terminal
_SECONDS_BEFORE_LINE = 2.0  # until what takes long is named there


class Display:
    """Shows the progress of one transfer on stderr. It is a context manager, and is called with each `Iteration`."""

    def __init__(self, *, quiet: bool = False, title: str = "", console: Console | None = None) -> None:
        console = console or Console(stderr=True)
        self._quiet = quiet
        self._title = f"{title}: " if title else ""
        self._live: Progress | None = None
        self._interrupted = False
        self._phase = ""
        self._later = threading.Timer(0, print)  # not started
        self._last_line = -float("inf")
        if not quiet and console.is_terminal and not console.is_dumb_terminal:
            self._live = Progress(
                SpinnerColumn(),
                TextColumn("{task.description}"),
                BarColumn(bar_width=24),
                TextColumn("{task.fields[state]}"),
                console=console,
                transient=True,
            )
            self._task = self._live.add_task(f"{self._title}reading photos", total=None, state="")
        elif title and not quiet:
            _print_phase(title)

    def __enter__(self) -> Display:
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._later.cancel()
        if self._live:
            self._live.stop()

    def phase(self, words: str) -> None:
        """Show what begins now."""
        if words == self._phase or self._interrupted:
            return
        self._phase = words
        if self._live:
            self._live.update(self._task, description=self._title + words, state="")
        elif not self._quiet:
            self._later.cancel()
            self._later = threading.Timer(_SECONDS_BEFORE_LINE, _print_phase, [words])
            self._later.daemon = True
            self._later.start()

    def __call__(self, iteration: Iteration) -> None:
        """Show how far the optimisation is."""
        self._later.cancel()
        done = iteration.last
        state = f"{iteration.iteration}/{iteration.iterations}  energy {iteration.terms['total']:.3e}"
        state += "" if done else f"  {_clock(seconds_left(iteration))} left"
        if self._live:
            self._live.update(
                self._task,
                description=self._title + (f"{iteration.stage}: finishing" if done else iteration.stage),
                total=max(1, iteration.iterations),
                completed=iteration.iterations or 1 if done else iteration.iteration,
                state=state,
            )
        elif not self._quiet and (done or time.monotonic() - self._last_line > _SECONDS_BETWEEN_LINES):
            self._last_line = time.monotonic()
            print(f"photostyle: {iteration.stage} {state}", file=sys.stderr)

    def stopping(self) -> None:
        """Say that Ctrl-C has ended the optimisation."""
        self._interrupted = True
        if self._live:
            self._live.update(self._task, description="interrupted: finishing the best so far", state="")
        elif not self._quiet:
            _print_within("photostyle: interrupted, finishing the best so far")

    def waiting(self) -> None:
        """Say that the result is being made, in answer to a signal."""
        if self._live:
            self._live.update(self._task, description="the result is being written", state="")
        elif not self._quiet:
            _print_within("photostyle: the result is being written")


def _print_within(line: str) -> None:
    """Print from a signal's handler, which may have come in the middle of another print."""
    try:
        print(line, file=sys.stderr)
    except RuntimeError:  # of a buffer that is being written
        os.write(2, f"{line}\n".encode())


def _print_phase(words: str) -> None:
    print(f"photostyle: {words}", file=sys.stderr, flush=True)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}" if minutes >= 60 else f"{minutes}:{rest:02}"


@contextmanager
def plain_warnings() -> Iterator[None]:
    """Show each warning as one line, and show `FallbackWarning` whatever the filters say."""

    def show(message: Warning | str, *_: object, **__: object) -> None:
        print(f"photostyle: warning: {' '.join(str(message).split())}", file=sys.stderr)

    with warnings.catch_warnings():
        warnings.simplefilter("always", FallbackWarning)
        warnings.showwarning = show
        yield
