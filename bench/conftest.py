"""Options of the suites: which sizes, which device."""

from __future__ import annotations

import pytest
import torch


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("photostyle")
    group.addoption("--sizes", default="256", help="widths of the pictures, comma-separated (default: 256)")
    group.addoption("--bench-device", default="cpu", help="cpu (default) or cuda")


@pytest.fixture(scope="session", autouse=True)
def _float32_means_float32() -> None:
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
