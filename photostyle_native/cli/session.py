"""One transfer of the command line: its progress, its warnings, and what signals do until its files are written."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from ..images.photo import Photo
from ..machine import resolve_device
from ..optimization.solver import Iteration
from ..pipeline.result import TransferResult
from ..pipeline.transfer import transfer
from .interrupts import Interrupts
from .progress import Display, plain_warnings

_WORDS = {
    "read": "reading photos",
    "network": "loading the network",
    "start": "first picture",
    "finish": "finishing",
}


class Session:
    """A context manager: make the result by `solve`, and write its files, within one ``with`` statement."""

    def __init__(self, *, quiet: bool = False, title: str = "") -> None:
        """Begin; `title` says which of several transfers this is."""
        self._display = Display(quiet=quiet, title=title)
        self.interrupts = Interrupts(self._display.stopping, self._display.waiting)
        self._contexts = ExitStack()

    def __enter__(self) -> Session:
        for context in (plain_warnings(), self._display, self.interrupts.watched()):
            self._contexts.enter_context(context)
        return self

    def __exit__(self, *error: Any) -> None:
        self._contexts.__exit__(*error)

    def solve(
        self,
        content: Photo | str | Path,
        style: Photo | str | Path | list[Photo],
        arguments: dict[str, Any],
        *callbacks: Callable[[Iteration], None] | None,
        save_every: int | None = None,
    ) -> TransferResult:
        """Run `transfer` with these keyword arguments; a signal keeps the best picture so far."""
        words = {**_WORDS, "masks": "reading masks" if arguments.get("content_mask") else "finding regions"}

        def enter(phase: str) -> None:
            if phase in words:
                self._display.phase(words[phase])

        def report(iteration: Iteration) -> None:
            self.interrupts.optimising(iteration.last)  # first: a signal may come while the others work
            self._display(iteration)
            for callback in filter(None, callbacks):
                callback(iteration)

        # On a GPU the callback sees every tenth iteration and each that is to be saved, but not all of them.
        on_gpu = resolve_device(arguments["device"]).type == "cuda"
        every = math.gcd(10, save_every) if on_gpu and save_every else None
        given = {**arguments, "callback": report, "callback_every": every, "on_phase": enter}
        return transfer(content, style, **given)
