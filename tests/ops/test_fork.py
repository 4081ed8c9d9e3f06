"""A process that is forked after the kernels have run: OpenMP's threads are not in it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import photostyle_native

_FORKS = """
import os, torch
from photostyle_native import ops
torch.set_num_threads(2)
x, image = torch.rand(3, 300, 300), torch.rand(3, 300, 300)
expected = ops.matting_laplacian(x, image)
child = os.fork()
if child == 0:
    same = (ops.matting_laplacian(x, image).numpy() == expected.numpy()).all()  # torch would wait for its threads
    os._exit(0 if same else 3)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert torch.equal(ops.matting_laplacian(x, image), expected)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")
def test_an_op_does_not_wait_for_threads_that_are_not_there(tmp_path: Path) -> None:
    values = os.environ | {"PYTHONPATH": str(Path(photostyle_native.__file__).parents[1])}
    program = [sys.executable, "-W", "ignore", "-c", _FORKS]
    run = subprocess.run(program, env=values, cwd=tmp_path, capture_output=True, text=True, timeout=100)
    assert run.returncode == 0, run.stderr
