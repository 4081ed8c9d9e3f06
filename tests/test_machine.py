"""What the machine says of itself."""

from __future__ import annotations

import platform

import pytest
import torch

from photostyle_native import PhotostyleError, machine
from photostyle_native.cli import doctor

V2 = "cx16 lahf_lm popcnt sse4_1 sse4_2 ssse3"


V3 = V2 + " avx avx2 bmi1 bmi2 f16c fma abm movbe xsave"


V4 = V3 + " avx512f avx512bw avx512cd avx512dq avx512vl"


@pytest.mark.parametrize(
    ("flags", "level"),
    [
        ("fpu sse2", "x86-64"),
        (V2, "x86-64-v2"),
        (V2 + " avx avx2", "x86-64-v2"),
        (V3, "x86-64-v3"),
        (V3 + " avx512f", "x86-64-v3"),
        (V4 + " amx_tile", "x86-64-v4"),
        (V4.replace("ssse3", ""), "x86-64"),
    ],
)
def test_processor_level(flags: str, level: str) -> None:
    assert doctor.processor_level(f"model name\t: X\nflags\t\t: {flags}\nbugs\t\t: none\n") == level


def test_processor_of_another_kind_is_named_by_its_architecture() -> None:
    assert doctor.processor_level("Features\t: fp asimd\n") == platform.machine()


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)


@pytest.mark.usefixtures("two_gpus")
@pytest.mark.parametrize(
    ("name", "resolved"),
    [("auto", "cuda"), ("cpu", "cpu"), ("cuda", "cuda"), ("cuda:0", "cuda:0"), ("cuda:1", "cuda:1")],
)
def test_devices_by_name(name: str, resolved: str) -> None:
    assert machine.resolve_device(name) == torch.device(resolved)
    assert machine.resolve_device(torch.device(resolved)) == torch.device(resolved)


@pytest.mark.usefixtures("two_gpus")
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("cuda:2", "`device` is cuda:2, but torch finds 2 CUDA devices$"),
        ("mps", "`device` must be auto, cpu, cuda or cuda:N, got 'mps'"),
        ("xpu", "`device` must be auto, cpu, cuda or cuda:N, got 'xpu'"),
        ("gpu", "`device` must be auto, cpu, cuda or cuda:N, got 'gpu'"),
        ("cuda:x", "`device` must be auto, cpu, cuda or cuda:N, got 'cuda:x'"),
    ],
)
def test_devices_that_are_not_there(name: str, message: str) -> None:
    with pytest.raises(PhotostyleError, match=message):
        machine.resolve_device(name)


def test_cuda_where_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(PhotostyleError, match="`device` is cuda, but torch finds no CUDA device"):
        machine.resolve_device("cuda:1")


def test_blocks_that_torch_holds_are_free_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (1000, 9000))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda _: 700)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda _: 200)
    assert machine.available_bytes(torch.device("cuda")) == 1500
