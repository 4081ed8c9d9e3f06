"""Signals in every part of a transfer: what is done is kept, and the program ends as shells expect."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cli.program import FAST, HEIGHT, PAIR, WIDTH, fill, size_of

import photostyle_native
from photostyle_native.cli import session as cli_session
from photostyle_native.cli import transfer as cli_transfer
from photostyle_native.cli.interrupts import Interrupted, Interrupts, end, exit_code, handled
from photostyle_native.pipeline import ingredients

Run = Callable[..., tuple[int, str, str]]
NUMBERS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
ROOT = Path(photostyle_native.__file__).parents[1]


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of photos that a test may add to."""
    fill(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("number", NUMBERS)
def test_a_signal_ends_the_program(number: int) -> None:
    with pytest.raises(Interrupted) as error, handled(end):
        signal.raise_signal(number)
    assert exit_code(error.value) == 128 + number
    assert exit_code(KeyboardInterrupt()) == 130


def test_what_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        with handled(end):
            signal.raise_signal(signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("number", NUMBERS)
def test_the_parts_of_a_transfer(number: int) -> None:
    said: list[str] = []
    interrupts = Interrupts(lambda: said.append("stopping"), lambda: said.append("waiting"))
    with interrupts.watched():
        with pytest.raises(Interrupted):
            signal.raise_signal(number)  # before the optimisation there is nothing to keep
        interrupts.optimising(last=False)
        with pytest.raises(Interrupted):
            signal.raise_signal(number)
        assert said == ["stopping"]
        for _ in range(3):  # the result is being made
            signal.raise_signal(number)
        assert said == ["stopping", *["waiting"] * 3]
    assert interrupts.exit_code(True) == 128 + number


def test_a_signal_between_two_stages_ends_the_second() -> None:
    interrupts = Interrupts(lambda: None, lambda: None)
    with interrupts.watched():
        interrupts.optimising(last=False)
        interrupts.optimising(last=True)
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(Interrupted):
            interrupts.optimising(last=False)


@pytest.mark.parametrize(
    ("where", "number"), [("finish", signal.SIGINT), ("write", signal.SIGTERM), ("twice", signal.SIGHUP)]
)
def test_once_the_picture_is_found_it_is_written(
    where: str, number: int, run: Run, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def signalled(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            signal.raise_signal(number)
            if where == "twice":
                signal.raise_signal(number)
            return real(*arguments, **options)

        return call

    module, name = (cli_transfer, "write_photo") if where == "write" else (ingredients, "finish")
    monkeypatch.setattr(module, name, signalled(getattr(module, name)))
    code, _, err = run(*PAIR.split(), *FAST, "--report", "report.json")
    assert code == 128 + number
    assert "the result is being written" in err
    assert size_of(photos / "out.png") == (WIDTH, HEIGHT)
    assert (photos / "report.json").exists()


def test_a_snapshot_that_cannot_be_written_does_not_end_the_run(
    run: Run, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (photos / "out-0001.png").mkdir()
    code, out, _ = run(*PAIR.split(), *FAST, "--save-every", "1")
    assert code == 0
    assert "note: not all snapshots were written: out-0001.png" in out
    assert size_of(photos / "out.png") == (WIDTH, HEIGHT)


def test_a_look_that_fails_does_not_cost_the_report(run: Run, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: Any) -> Any:
        raise photostyle_native.PhotostyleError("look.npz: cannot be written (No space left on device)")

    monkeypatch.setattr(cli_session.TransferResult, "look", fails)
    code, out, err = run(*PAIR.split(), *FAST, "--report", "report.json", "--save-look", "look.npz")
    assert code == 2
    assert "look.npz: cannot be written" in err
    assert "report.json: written" in out
    assert size_of(photos / "out.png") == (WIDTH, HEIGHT)
    assert (photos / "report.json").exists()


PROGRAM = ("-m", "photostyle_native")


def _start(*arguments: str, ignored: bool = False) -> subprocess.Popen[str]:
    """The program in a process of its own, where signals have their usual meaning, or Ctrl-C is ignored.

    The tests may run under nohup, or in the background of a shell, where some are ignored.
    """

    def set_signals() -> None:
        for number in NUMBERS:
            signal.signal(number, signal.SIG_DFL)
        if ignored:
            signal.signal(signal.SIGINT, signal.SIG_IGN)

    return subprocess.Popen(
        [sys.executable, "-P" if sys.version_info >= (3, 11) else "-s", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        preexec_fn=set_signals,
    )


@pytest.mark.parametrize("number", NUMBERS)
def test_a_signal_while_optimising(number: int, photos: Path) -> None:
    process = _start(*PROGRAM, *PAIR.split(), "--report", "r.json", "--size", "48", "--iterations", "1000000")
    assert process.stderr is not None
    assert any("optimise 0/1000000" in line for line in process.stderr)
    process.send_signal(number)
    out, err = process.communicate(timeout=600)
    assert process.returncode == 128 + number, err
    assert err == "photostyle: interrupted, finishing the best so far\n"
    assert json.loads((photos / "r.json").read_text())["interrupted"] is True
    assert "interrupted: this is the best picture so far" in out
    assert size_of(photos / "out.png") == (WIDTH, HEIGHT)


# Says when the program has started: when it imports its own modules. What Python does before that is not ours.
_SAYS_WHEN = """
import os, sys
MAIN = "photostyle_native.cli.main"
sys.addaudithook(lambda event, what: what[0] == MAIN and os.write(1, b"start\\n") if event == "import" else None)
from photostyle_native.cli.start import main
raise SystemExit(main())
"""


@pytest.mark.parametrize("milliseconds", [0, 30, 60, 100, 200, 400, 800])
def test_ctrl_c_while_the_program_starts_is_one_line(milliseconds: int, photos: Path) -> None:
    process = _start("-c", _SAYS_WHEN, *PAIR.split(), *FAST)
    assert process.stdout is not None
    assert process.stdout.readline() == "start\n"
    time.sleep(milliseconds / 1000)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate()
    assert process.returncode in (0, 130), err
    assert "Traceback" not in err
    assert "interrupted" in (out if process.returncode == 0 else err) or (photos / "out.png").exists()


def test_ctrl_c_is_ignored_where_the_shell_says_so(photos: Path) -> None:
    """A shell without job control starts a program in the background (`&`) so."""
    process = _start(*PROGRAM, *PAIR.split(), "--size", "48", "--iterations", "40", ignored=True)
    assert process.stderr is not None
    assert any("optimise" in line for line in process.stderr)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate()
    assert process.returncode == 0, err
    assert "interrupted" not in out + err


def test_a_kill_leaves_no_half_file(photos: Path) -> None:
    before = set(os.listdir(photos))
    process = _start(*PROGRAM, *PAIR.split(), "--size", "48", "--iterations", "1000000", "--save-every", "1")
    assert process.stderr is not None
    assert any("optimise" in line for line in process.stderr)
    time.sleep(0.3)
    process.kill()
    process.communicate()
    left = set(os.listdir(photos)) - before
    assert all(name.startswith("out-") for name in left), left
    for name in left:
        assert size_of(photos / name) == (48, 36)
