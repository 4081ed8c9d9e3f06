"""How the program ends: exit codes, one-line errors, interrupts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from cli.program import FAST, PAIR

import photostyle_native
from photostyle_native import transfer
from photostyle_native.cli import session as cli_session
from photostyle_native.cli import transfer as cli_transfer


def test_out_of_memory_is_one_line_and_exit_code_1(
    run: Callable[..., tuple[int, str, str]], photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for culprit in (lambda *_, **__: torch.empty(2**55), lambda *_, **__: np.empty(2**55)):
        monkeypatch.setattr(cli_session, "transfer", wraps(transfer)(culprit))
        assert run(*PAIR.split()) == (
            1,
            "",
            "photostyle: error: out of memory: a smaller --size needs less\n",
        )


def test_less_memory_than_the_libraries_need_is_one_line(photos: Path) -> None:
    """As after `ulimit -v 300000`: torch's libraries, loaded after the arguments are read, do not fit."""
    program = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (300 << 20, 300 << 20))
from photostyle_native.cli.start import main
sys.exit(main())
"""
    done = subprocess.run(
        [sys.executable, "-c", program, *PAIR.split(), *FAST],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},  # with many cores NumPy's library has words of its own
    )
    assert done.returncode == 1, done.stderr
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("photostyle: error: not enough memory to load the libraries (")


def test_bugs_show_their_traceback(
    run: Callable[..., tuple[int, str, str]], photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @wraps(transfer)
    def bug(*_: Any, **__: Any) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(cli_session, "transfer", bug)
    with pytest.raises(RuntimeError, match="a bug"):
        run(*PAIR.split())


def test_interrupt_before_the_optimisation_writes_nothing(
    run: Callable[..., tuple[int, str, str]], photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @wraps(transfer)
    def interrupted(*_: Any, **__: Any) -> None:
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(cli_session, "transfer", interrupted)
    before = signal.getsignal(signal.SIGINT)
    assert run(*PAIR.split()) == (130, "", "photostyle: interrupted\n")
    assert signal.getsignal(signal.SIGINT) is before


def test_missing_extension_points_to_the_doctor(
    run: Callable[..., tuple[int, str, str]], photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise ImportError("cannot import name '_core' from 'photostyle_native.ops'")

    monkeypatch.setattr(cli_transfer, "run", broken)
    code, out, err = run(*PAIR.split())
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "photostyle doctor" in err


def start(*argv: Any) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "photostyle_native", *map(str, argv)]
    environment = os.environ | {"PYTHONPATH": str(Path(photostyle_native.__file__).parents[1])}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def test_program_succeeds(photos: Path, tmp_path: Path) -> None:
    process = start("transfer", "day.png", "dusk.jpg", "-o", tmp_path / "out.tif", *FAST)
    out, err = process.communicate()
    assert process.returncode == 0, err
    assert "64 x 48 pixels" in out
    assert os.listdir(tmp_path) == ["out.tif"]


def test_reader_that_has_gone_is_no_error() -> None:
    with start("doctor") as process:  # prints after its imports, so much later than the pipe is closed here
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 128 + signal.SIGPIPE


def test_program_fails_with_one_line(photos: Path) -> None:
    process = start(*PAIR.split(), "--content-mask", "day_mask.png", "--style-mask", "other_labels.png")
    out, err = process.communicate()
    assert (process.returncode, out) == (2, "")
    assert err.startswith("photostyle: error: day_mask.png and other_labels.png have no label in common")
    assert err.count("\n") == 1
