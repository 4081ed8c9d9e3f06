"""Options of pytest for the benchmarks in this folder: the sizes of the photos and the device."""

from __future__ import annotations

import pytest
import torch


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("photostyle")
    group.addoption("--sizes", default="128", help="widths of the pictures, comma-separated (default: 128)")
    group.addoption("--bench-device", default="cpu", help="cpu (default) or cuda")


@pytest.fixture(scope="session", autouse=True)
def _float32_means_float32() -> None:
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
