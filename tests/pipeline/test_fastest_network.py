"""The choice among ways to compute the network: measured once, and remembered."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import torch

from photostyle_native.network.weights import load_vgg19
from photostyle_native.pipeline import fastest_network
from photostyle_native.pipeline.fastest_network import WAYS, fastest_way, measured

CPU = torch.device("cpu")
BOTH = (torch.float32, torch.bfloat16)
TIMES = {"float32": 0.2, "float32, Winograd": 0.1, "bfloat16": 0.4}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder of this test's own."""
    folder = tmp_path / "cache"
    monkeypatch.setattr(fastest_network.platformdirs, "user_cache_dir", lambda _: str(folder))
    return folder / "convolutions.json"


@pytest.fixture
def count(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Measurements that answer `TIMES`, counted."""
    counted: list[int] = []

    def measure() -> dict[str, float]:
        counted.append(1)
        return dict(TIMES)

    monkeypatch.setattr(fastest_network, "_measure", measure)
    return counted


def test_it_is_measured_once_and_remembered(cache: Path, count: list[int]) -> None:
    assert measured() == TIMES
    assert measured() == TIMES
    assert len(count) == 1
    assert list(json.loads(cache.read_text()).values()) == [TIMES]


def test_the_fastest_of_the_allowed_types_is_taken_with_a_reason(
    cache: Path, count: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    way = fastest_way(CPU, BOTH)
    assert (way.dtype, way.winograd) == (torch.float32, True)
    assert way.description == (
        "Winograd (measured on this machine: float32 2.00 x, bfloat16 4.00 x the time of float32, Winograd)"
    )
    assert fastest_way(CPU, (torch.bfloat16,)).description == "direct (asked for)"
    monkeypatch.setitem(TIMES, "bfloat16", 0.01)
    cache.unlink()
    assert fastest_way(CPU, BOTH).dtype == torch.bfloat16
    assert fastest_way(CPU, (torch.float32,)).winograd


def test_another_machine_or_number_of_threads_is_measured_anew(
    cache: Path, count: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    measured()
    monkeypatch.setattr(fastest_network, "processor_name", lambda: "another")
    measured()
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(threads + 1)
        measured()
    finally:
        torch.set_num_threads(threads)
    assert len(count) == 3
    assert len(json.loads(cache.read_text())) == 3


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\x00", b"[1, 2]", b"[" * 100_000, b'{"KEY": {"float32": 1.0}}', b'{"KEY": [1]}', b'{"KEY": 5}']
    + [json.dumps({"KEY": {**TIMES, "bfloat16": bad}}).encode() for bad in (-1.0, 0.0, 1e9, "fast", None)],
)
def test_a_damaged_memory_is_as_none(cache: Path, count: list[int], content: bytes) -> None:
    cache.parent.mkdir()
    cache.write_bytes(content.replace(b"KEY", fastest_network._key().encode()))
    assert measured() == TIMES
    assert len(count) == 1
    assert list(json.loads(cache.read_text()).values()) == [TIMES]


def test_a_folder_that_cannot_be_written_is_no_error(cache: Path, count: list[int]) -> None:
    cache.parent.write_text("a file where the folder should be")
    assert measured() == TIMES
    assert measured() == TIMES
    assert len(count) == 2


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_write_protected_folder_is_no_error(cache: Path, count: list[int]) -> None:
    cache.parent.mkdir(mode=0o500)
    assert measured() == TIMES


def test_what_is_slower_is_not_taken(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real measurement, with one candidate slowed on purpose: many times over, it must lose."""
    layer = fastest_network._layer

    def slowed(x: torch.Tensor, weight: torch.Tensor, winograd: bool) -> object:
        run = layer(x, weight, winograd)
        return run if winograd else lambda: [run() for _ in range(20)]

    monkeypatch.setattr(fastest_network, "_layer", slowed)
    assert fastest_way(CPU, BOTH).winograd
    assert set(measured()) == set(WAYS)


def test_every_way_computes_the_network() -> None:
    vgg, image = load_vgg19(), torch.rand(3, 40, 56)
    truth = vgg(image, ("conv4_2",))["conv4_2"]
    for name, (dtype, winograd) in WAYS.items():
        other = fastest_network.Way(dtype, winograd, "").arrange(vgg)
        found = other(image, ("conv4_2",))["conv4_2"]
        assert found.dtype == dtype
        difference = (found.double() - truth.double()).norm() / truth.double().norm()
        assert difference < (2e-2 if dtype == torch.bfloat16 else 1e-5), name
        assert torch.equal(found, truth) == (name == "float32")
