"""What a transfer shows while it runs."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import pytest
import torch
from cli.program import FAST
from rich.console import Console

from photostyle_native.cli import session as cli_session
from photostyle_native.cli.progress import Display, seconds_left
from photostyle_native.ops import FallbackWarning
from photostyle_native.optimization.solver import Iteration


@pytest.mark.parametrize("quiet", [(), ("--quiet",)])
def test_fallback_warnings_are_never_hidden(
    run: Callable[..., tuple[int, str, str]],
    photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    quiet: tuple[str, ...],
) -> None:
    real = cli_session.transfer

    @wraps(real)
    def with_fallback(*args: Any, **kwargs: Any) -> Any:
        warnings.warn("plain PyTorch\nruns here", FallbackWarning, stacklevel=2)
        return real(*args, **kwargs)

    monkeypatch.setattr(cli_session, "transfer", with_fallback)
    code, _, err = run("transfer", "day.png", "dusk.jpg", "-o", tmp_path / "o.png", *FAST, *quiet)
    assert code == 0
    assert "photostyle: warning: plain PyTorch runs here\n" in err


def iteration(number: int, count: int, seconds: float) -> Iteration:
    return Iteration("optimise", number, count, number == count, {"total": 1234567.0}, seconds, torch.zeros(3, 4, 4))


def test_time_left_goes_by_the_pace_so_far() -> None:
    assert seconds_left(iteration(4, 10, 10.0)) == 12.0  # five evaluations in 10 s, six to come
    assert seconds_left(iteration(10, 10, 10.0)) == 0.0


def test_terminal_shows_stage_iteration_energy_and_time_left() -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=120, color_system=None)
    with Display(console=console) as display:
        display(iteration(4, 100, 10.0))
        display._live.refresh()
        shown = screen.getvalue()
        display.stopping()
        display._live.refresh()
    assert "optimise" in shown
    assert "4/100  energy 1.235e+06  3:12 left" in shown
    assert "interrupted: finishing the best so far" in screen.getvalue()
