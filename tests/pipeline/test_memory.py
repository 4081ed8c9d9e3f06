"""The plan for the free memory, and that computing blocks of the network twice gives the same energies."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from pictures import smooth_picture

from photostyle_native import PhotostyleError, load_vgg19, transfer
from photostyle_native.machine import available_bytes
from photostyle_native.optimization.objective import Objective
from photostyle_native.pipeline import memory
from photostyle_native.pipeline.memory import needed_bytes, plan_low_memory

CPU = torch.device("cpu")
SIZE = (1536, 2048)


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    return lambda amount: monkeypatch.setattr(memory, "available_bytes", lambda _: amount)


def test_blocks_are_computed_twice_only_if_memory_is_short(free: Callable[[float], None]) -> None:
    plenty, little = (needed_bytes(SIZE, torch.float32, low, 40) for low in (False, True))
    assert little < plenty
    free(1.2 * plenty)
    assert not plan_low_memory(SIZE, torch.float32, 40, CPU)
    free((plenty + little) / 2 / 0.9)
    assert plan_low_memory(SIZE, torch.float32, 40, CPU)


def test_too_little_memory_is_an_error_that_names_a_size_that_fits(free: Callable[[float], None]) -> None:
    free(2e9)
    with pytest.raises(PhotostyleError, match=r"2048 pixels takes about .* GB of memory, 1\.8 GB are free") as error:
        plan_low_memory(SIZE, torch.float32, 40, CPU)
    side = int(str(error.value).rsplit(" ", 1)[1])
    assert plan_low_memory((side * 3 // 4, side), torch.float32, 40, CPU)
    with pytest.raises(PhotostyleError):
        plan_low_memory((side * 4 // 5, side + 50), torch.float32, 40, CPU)


def test_this_machine_has_some_memory() -> None:
    assert 1e8 < available_bytes(CPU) < 1e15


def test_low_memory_gives_the_same_energies_and_gradients() -> None:
    content, style = smooth_picture(48, 64), smooth_picture(64, 48).flip(0)
    masks, style_masks = torch.ones(1, 48, 64), torch.ones(1, 64, 48)
    results = []
    for low in (False, True):
        objective = Objective(content, style, masks, style_masks, load_vgg19(), low_memory=low)
        x = content.clone().mul_(0.8).requires_grad_()
        total = objective(x).total
        (gradient,) = torch.autograd.grad(total, x)
        results.append((total.detach(), gradient))
    assert torch.equal(results[0][0], results[1][0])
    torch.testing.assert_close(results[0][1], results[1][1], rtol=1e-4, atol=1e-4 * float(results[0][1].abs().max()))


def test_a_transfer_says_whether_it_saved_memory(free: Callable[[float], None]) -> None:
    pair = smooth_picture(48, 64), smooth_picture(48, 64).flip(0)
    options = {"size": 64, "iterations": 2, "device": "cpu", "precision": "float32"}
    assert not transfer(*pair, **options).low_memory
    need = needed_bytes((48, 64), torch.float32, True, 2)
    free(need / 0.9 + 1)
    assert transfer(*pair, **options).low_memory
    free(need / 2)
    with pytest.raises(PhotostyleError, match="not enough for any `size`"):
        transfer(*pair, **options)
