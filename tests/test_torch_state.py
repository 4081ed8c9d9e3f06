"""The whole method gives the same numbers whatever the surrounding program has set for torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from pictures import smooth_picture

import photostyle_native as ps
from photostyle_native import VGG19, Look
from photostyle_native.torch_state import independent


@contextmanager
def _set(switch: Callable[[Any], None], value: Any, back: Any) -> Iterator[None]:
    switch(value)
    try:
        yield
    finally:
        switch(back)


SETTINGS: dict[str, Callable[[], Any]] = {
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
    "float64": lambda: _set(torch.set_default_dtype, torch.float64, torch.float32),
    "bfloat16": lambda: _set(torch.set_default_dtype, torch.bfloat16, torch.float32),
    "another device": lambda: _set(torch.set_default_device, "meta", None),
    "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
}
STATE = pytest.mark.parametrize("setting", SETTINGS.values(), ids=SETTINGS)
CONTENT, STYLE = smooth_picture(40, 48), smooth_picture(36, 44).flip(0, 2)


def _jobs(vgg: VGG19) -> dict[str, Callable[[], Any]]:
    common: dict[str, Any] = {"size": 48, "iterations": 2, "weights": vgg, "device": "cpu", "precision": "float32"}
    mask = torch.arange(40)[:, None].expand(40, 48).gt(20).numpy()
    other = torch.arange(36)[:, None].expand(36, 44).gt(10).numpy()
    masks = {"content_mask": mask, "style_mask": other}
    return {
        "transfer": lambda: ps.transfer(CONTENT, STYLE, auto_mask="none", **common).image,
        "transfer with regions": lambda: ps.transfer(CONTENT, STYLE, regions=2, **common).image,
        "transfer with masks": lambda: ps.transfer(CONTENT, STYLE, **masks, **common).image,
        "paper": lambda: ps.transfer(CONTENT, STYLE, auto_mask="none", preset="paper", **common).image,
        "evaluate": lambda: ps.evaluate(CONTENT, STYLE, CONTENT, weights=vgg, device="cpu")["total"],
        "cosegment": lambda: torch.from_numpy(ps.cosegment(CONTENT, STYLE, regions=2, vgg=vgg).content),
        "Look.fit": lambda: Look.fit(CONTENT, CONTENT**2, cells=4, bins=3).grid,
        "Look.apply": lambda: Look(GRID, GRID[..., :1, :1]).apply(CONTENT),
        "Look.cube": lambda: Look(GRID, GRID[..., :1, :1]).cube(3),
        "color_distance": lambda: ps.color_distance(CONTENT, STYLE, CONTENT[:1] + 1, STYLE[:1] + 1),
        "load_vgg19": lambda: ps.load_vgg19()(CONTENT, ["conv1_1", "conv2_1"])["conv2_1"],
        "read": lambda: ps.transfer(CONTENT, STYLE, iterations=0, auto_mask="none", weights=vgg).content.tensor(),
    }


GRID = torch.eye(3, 4).reshape(12, 1, 1, 1).expand(12, 3, 4, 4).contiguous()
JOBS = list(_jobs(None))  # type: ignore[arg-type]


def _same(found: Any, expected: Any) -> bool:
    if isinstance(expected, torch.Tensor):
        return found.dtype == expected.dtype and found.device == expected.device and torch.equal(found, expected)
    return bool(found == expected)


@STATE
@pytest.mark.parametrize("job", JOBS)
def test_the_same_numbers(job: str, setting: Callable[[], Any], vgg: VGG19) -> None:
    run = _jobs(vgg)[job]
    expected = run()
    with setting():
        found = run()
    assert _same(found, expected)


def test_photos_made_in_inference_mode(vgg: VGG19) -> None:
    with torch.inference_mode():
        content, style = CONTENT.clone(), STYLE.clone()
        look = Look.fit(content, content**2, cells=4, bins=3)
        picture = ps.transfer(content, style, size=48, iterations=1, weights=vgg, auto_mask="none").image
    assert not picture.is_inference()
    assert not look.grid.is_inference()
    assert torch.equal(look.grid, Look.fit(CONTENT, CONTENT**2, cells=4, bins=3).grid)


@STATE
def test_the_settings_are_left_as_they_were(setting: Callable[[], Any]) -> None:
    def state() -> tuple[Any, ...]:
        return (
            torch.is_grad_enabled(),
            torch.is_inference_mode_enabled(),
            torch.get_default_dtype(),
            torch.get_default_device(),
            torch.is_autocast_enabled("cpu"),
        )

    @independent
    def fails() -> None:
        assert state() == (False, False, torch.float32, torch.device("cpu"), False)
        raise ValueError("of the function")

    with setting():
        before = state()
        with pytest.raises(ValueError, match="of the function"):
            fails()
        assert state() == before


def test_an_energy_called_directly_keeps_its_precision_under_autocast(vgg: VGG19) -> None:
    """It runs the blocks of the network itself."""
    masks = torch.ones(1, 40, 48), torch.ones(1, 36, 44)
    expected = ps.Objective(CONTENT, STYLE, *masks, vgg)(CONTENT.sqrt()).total
    with torch.autocast("cpu", torch.bfloat16):
        found = ps.Objective(CONTENT, STYLE, *masks, vgg)(CONTENT.sqrt()).total
    assert torch.equal(found, expected)
