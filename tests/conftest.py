"""Fixtures that all tests share: the devices to run on, the network, and the seed."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

# Before torch is imported. The threads of OpenMP wait actively for each other otherwise, and where the cores are
# shared with other processes, such as a second pytest, a test takes five to fifteen times as long.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import emulation
import pytest
import torch

from photostyle_native import VGG19, load_vgg19

# Modules of helpers that have fixtures too.
pytest_plugins = (
    "benchmark.sleepers",
    "cli.program",
    "color.edits",
    "color.photo_pairs",
    "evaluation.pair_folders",
    "pipeline.photo_pairs",
)
DEVICES = ["cpu", emulation.EMULATED, *(["cuda"] if torch.cuda.is_available() else [])]


@pytest.fixture(params=DEVICES)
def device(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> torch.device:
    """Every device on this machine, and an emulated GPU: there, tensors are the CPU's and kernels are CUDA's."""
    if request.param == emulation.EMULATED:
        return emulation.use(monkeypatch)
    return torch.device(request.param)


@pytest.fixture(scope="session", autouse=True)
def _cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What is remembered of this machine goes to a folder of the tests, also by programs that they start."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def vgg() -> VGG19:
    """VGG-19 with the bundled weights."""
    return load_vgg19()


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def _nothing_is_ignored() -> Iterator[None]:
    """As on a terminal; nohup, and a shell that runs the tests in the background, let them ignore signals."""
    usual = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL, signal.SIGHUP: signal.SIG_DFL}
    before = {number: signal.signal(number, handler) for number, handler in usual.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def pytest_sessionfinish() -> None:
    """Leave a list of the CUDA kernels that ran in emulation, for .ci/cuda-report."""
    report = os.environ.get("PHOTOSTYLE_SIMT_REPORT")
    if report:
        with open(report, "a") as file:  # one of several processes, perhaps
            file.writelines(f"{count} {name}\n" for name, count in emulation.launches().items())
