"""Colours by optimal transport: the distance that it is to lower, and what it must not do."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from photostyle_native.color.linear import masked_mk_transfer
from photostyle_native.color.transport import masked_transport
from photostyle_native.metrics.colors import color_distance


def test_comes_closer_than_a_linear_map(masked_pair: tuple[Tensor, ...]) -> None:
    content, style, masks, style_masks = masked_pair
    linear, moved = masked_mk_transfer(*masked_pair), masked_transport(*masked_pair)
    distance = [color_distance(x, style, masks, style_masks) for x in (content, linear, moved)]
    assert distance[2] < 0.75 * distance[1] < distance[0]
    assert moved.shape == content.shape
    assert float(moved.min()) >= 0
    assert float(moved.max()) <= 1


def test_same_bits_each_time(masked_pair: tuple[Tensor, ...]) -> None:
    state = torch.random.get_rng_state()
    assert torch.equal(masked_transport(*masked_pair), masked_transport(*masked_pair))
    assert torch.equal(torch.random.get_rng_state(), state)


def test_equal_photos_stay_as_they_are(masked_pair: tuple[Tensor, ...]) -> None:
    content, _, masks, _ = masked_pair
    torch.testing.assert_close(masked_transport(content, content, masks, masks), content, atol=2e-3, rtol=0)


@pytest.mark.parametrize("flat", ["content", "style"])
def test_flat_photos(masked_pair: tuple[Tensor, ...], flat: str) -> None:
    content, style, masks, style_masks = masked_pair
    if flat == "content":
        content = torch.full_like(content, 0.3)
    else:
        style = torch.full_like(style, 0.3)
    moved = masked_transport(content, style, masks, style_masks)
    assert bool(moved.isfinite().all())
    if flat == "style":
        torch.testing.assert_close(moved, torch.full_like(moved, 0.3), atol=0.02, rtol=0)


def test_labels_too_small_for_a_distribution(masked_pair: tuple[Tensor, ...]) -> None:
    content, style, masks, style_masks = masked_pair
    masks = masks.clone()
    masks[0], masks[1] = 0, 1
    masks[:, 0, :5] = masks[:, 0, :5].flip(0)
    assert bool(masked_transport(content, style, masks, style_masks).isfinite().all())
    masks[0], masks[1] = 0, 1
    assert bool(masked_transport(content, style, masks, style_masks).isfinite().all())


@pytest.mark.kernel
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_a_cuda_gpu(masked_pair: tuple[Tensor, ...]) -> None:
    there = [masked_transport(*(t.cuda() for t in masked_pair)) for _ in range(2)]
    assert torch.equal(*there)
    torch.testing.assert_close(there[0].cpu(), masked_transport(*masked_pair), atol=2e-3, rtol=0)
