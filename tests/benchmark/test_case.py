"""What a case checks before it is timed."""

from __future__ import annotations

import math

import pytest
import torch

from photostyle_native.benchmark.case import WrongResult, check


def test_a_wrong_way_is_refused() -> None:
    check("right", torch.ones(3) + 1e-4, torch.ones(3), 1e-3)
    for bad in (torch.ones(3) * 1.1, torch.tensor([1.0, 1.0, math.nan])):
        with pytest.raises(WrongResult, match="way is off by"):
            check("way", bad, torch.ones(3), 1e-3)


def test_check_looks_at_shapes() -> None:
    with pytest.raises(WrongResult, match=r"way has shape \(3,\), not \(1, 3\)"):
        check("way", torch.ones(3), torch.ones(1, 3), 1e-3)
