"""Ctrl-C, and the signals that ask a program to end: work that is done is not lost.

While photos are read they end the program. While the energy is minimised they end that, and the best picture so far
is finished and written. From then on they only say that it is being written, which takes seconds.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


class Interrupted(KeyboardInterrupt):
    """A signal asked the program to end; `number` is that of the signal."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


def exit_code(error: KeyboardInterrupt) -> int:
    """What shells expect of a program that a signal has ended: 130 for Ctrl-C."""
    return 128 + (error.number if isinstance(error, Interrupted) else int(signal.SIGINT))


@contextmanager
def handled(act: Callable[[int], None]) -> Iterator[None]:
    """Let `act` receive the number of each signal. Signals that the program was started to ignore stay ignored."""
    if threading.current_thread() is not threading.main_thread():  # only the main thread may set handlers
        yield
        return

    def receive(number: int, _frame: FrameType | None) -> None:
        act(number)

    before: dict[int, Any] = {n: signal.getsignal(n) for n in SIGNALS}
    taken = [n for n, handler in before.items() if handler not in (signal.SIG_IGN, None)]
    for number in taken:
        signal.signal(number, receive)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, before[number])


def end(number: int) -> None:
    """End the program, as a handler for `handled`."""
    raise Interrupted(number)


class Interrupts:
    """What signals do in a transfer, which has three parts: before, while and after the energy is minimised.

    Args:
        stopping: is called when a signal ends the optimisation.
        waiting: is called when a signal comes later, while the result is made and written.
    """

    def __init__(self, stopping: Callable[[], None], waiting: Callable[[], None]) -> None:
        self._stopping, self._waiting = stopping, waiting
        self._part = "before"
        self._pending: int | None = None
        self.number: int | None = None

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Handle signals so within a ``with`` statement."""
        with handled(self._receive):
            yield

    def optimising(self, last: bool) -> None:
        """An iteration has ended, perhaps the last of a stage. Raises Interrupted if a signal came between stages."""
        self._part = "after" if last else "while"
        if self._pending is not None and not last:
            number, self._pending = self._pending, None
            self._stop(number)

    def exit_code(self, interrupted: bool) -> int:
        """The program's exit code after a transfer: 0, or by the signal that came or ended its optimisation."""
        if self.number is None:
            return 128 + int(signal.SIGINT) if interrupted else 0
        return 128 + self.number

    def _receive(self, number: int) -> None:
        self.number = number
        if self._part == "before":
            raise Interrupted(number)
        if self._part == "while":
            self._stop(number)
        self._pending = number
        self._waiting()

    def _stop(self, number: int) -> None:
        self._part = "after"
        self._stopping()
        raise Interrupted(number)
