"""Standard streams that are closed or full, and names that are commands to a terminal."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import photostyle_native
from photostyle_native import Look
from photostyle_native.cli.streams import printable, say

PROGRAM = shlex.join([sys.executable, "-m", "photostyle_native"])
ROOT = Path(photostyle_native.__file__).parents[1]
RED = "\x1b[31mred\x07\r\n"


@pytest.fixture
def look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    photo = torch.rand(3, 8, 8)
    Look.fit(photo, photo.flip(0)).save("look.npz")
    return tmp_path


def _shell(command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    values = os.environ | {"PYTHONPATH": str(ROOT), **environment}
    return subprocess.run(["sh", "-c", command], capture_output=True, text=True, env=values, errors="replace")


def test_text_is_harmless_on_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert printable(RED) == r"\x1b[31mred\x07\r\n"
    assert printable("größe.png") == "größe.png"
    say(f"{RED}\nnote", "end")
    assert capsys.readouterr().out == "\\x1b[31mred\\x07\\r\n\nnote\nend\n"


def test_a_closed_stdout_is_no_error_and_no_file_takes_its_place(look: Path) -> None:
    run = _shell(f"{PROGRAM} lut look.npz -o a.cube --size 2 >&-")
    assert (run.returncode, run.stderr) == (0, "")
    assert (look / "a.cube").read_text().startswith("TITLE")


def test_a_closed_stderr_does_not_send_errors_to_stdout(look: Path) -> None:
    run = _shell(f"{PROGRAM} lut gone.npz -o a.cube --size 2 2>&-")
    assert (run.returncode, run.stdout) == (2, "")


def test_all_streams_closed(look: Path) -> None:
    run = _shell(f"{PROGRAM} lut look.npz -o a.cube --size 2 <&- >&- 2>&-")
    assert run.returncode == 0
    assert (look / "a.cube").read_text().startswith("TITLE")


def test_a_full_stdout_is_one_line_and_the_work_is_done(look: Path) -> None:
    run = _shell(f"{PROGRAM} lut look.npz -o a.cube --size 2 >/dev/full")
    assert run.returncode == 1
    assert run.stderr == "photostyle: error: what was to be printed could not be (No space left on device)\n"
    assert (look / "a.cube").exists()


@pytest.mark.parametrize("encoding", ["ascii:strict", "utf-8:strict", "latin-1:strict"])
def test_names_that_an_encoding_lacks_are_escaped(encoding: str, look: Path) -> None:
    os.rename("look.npz", b"l\xff\xc3.npz")
    run = _shell(f"{PROGRAM} lut l*.npz -o größe-日本.cube --size 2", PYTHONIOENCODING=encoding)
    assert (run.returncode, run.stderr) == (0, "")
    assert (look / "größe-日本.cube").exists()


def test_a_name_with_commands_for_the_terminal(look: Path) -> None:
    name = "\x1b]0;owned\x07.cube"
    run = _shell(f"{PROGRAM} lut look.npz -o {shlex.quote(name)} --size 2")
    assert run.returncode == 0
    assert "\x1b" not in run.stdout
    assert r"\x1b]0;owned\x07.cube" in run.stdout
