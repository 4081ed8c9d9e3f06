"""The grammar of the command line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import photostyle_native
from photostyle_native.cli.main import main
from photostyle_native.masks.palettes import AUTHORS_COLORS


@pytest.mark.parametrize("command", ["", "transfer", "evaluate", "evaluate-set", "demo", "doctor"])
def test_help(capsys: pytest.CaptureFixture[str], command: str) -> None:
    with pytest.raises(SystemExit) as caught:
        main([*command.split(), "--help"])
    assert caught.value.code == 0
    assert f"usage: photostyle {command}".rstrip() in capsys.readouterr().out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"photostyle {photostyle_native.__version__}\n"


def test_wrong_options_do_not_wait_for_torch(tmp_path: Path) -> None:
    code = "import sys; from photostyle_native.cli.main import main; main(['transfer']);"
    code += "sys.exit('torch' in sys.modules)"
    environment = os.environ | {"PYTHONPATH": str(Path(photostyle_native.__file__).parents[1])}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path)
    assert done.returncode == 0
    assert done.stderr.startswith("photostyle: error: ")


def test_the_help_names_the_colours_of_masks_and_what_ctrl_c_does(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["transfer", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    *others, last = AUTHORS_COLORS
    assert f"{', '.join(others)} and {last}." in text
    assert "Ctrl-C" in text
    assert "OUT-0010.png" in text
