"""The energy against its formulas, written out in float64 on a small network."""

from __future__ import annotations

from dataclasses import fields

import pytest
import torch
from pictures import smooth_picture
from torch import Tensor

from photostyle_native import Objective, PhotostyleError, Weights
from photostyle_native.network.mask_pyramid import mask_pyramid
from photostyle_native.optimization.objective import (
    CONTENT_LAYER,
    ENERGIES,
    STYLE_LAYERS,
    TERMS,
    Energies,
)
from photostyle_native.reference import masked_gram, matting_laplacian


def _halves(height: int, width: int, overlap: int = 0) -> Tensor:
    masks = torch.zeros(2, height, width)
    masks[0, :, : width // 2 + overlap] = 1
    masks[1, :, width // 2 - overlap :] = 0.5
    return masks


def _by_definition(
    x: Tensor, content: Tensor, style: Tensor, cm: Tensor, sm: Tensor, vgg: torch.nn.Module
) -> dict[str, float]:
    fx, fc = vgg(x, (*STYLE_LAYERS, CONTENT_LAYER)), vgg(content, (CONTENT_LAYER,))
    fs = vgg(style, STYLE_LAYERS)
    pyramid_c, pyramid_s = mask_pyramid(cm, STYLE_LAYERS), mask_pyramid(sm, STYLE_LAYERS)
    style_energy = 0.0
    for layer in STYLE_LAYERS:
        mc, ms = pyramid_c[layer].double(), pyramid_s[layer].double()
        channels = fx[layer].shape[0]
        ours, theirs = (
            masked_gram.masked_gram(fx[layer].double(), mc),
            masked_gram.masked_gram(fs[layer].double(), ms),
        )
        for k in range(len(mc)):
            if mc[k].mean() == 0:
                continue
            target = theirs[k] / (channels * ms[k].sum()) if ms[k].sum() > 0 else torch.zeros_like(theirs[k])
            style_energy += float(mc[k].mean() * (ours[k] / (channels * mc[k].sum()) - target).square().mean())
    x64 = x.double()
    energy = matting_laplacian.matting_energy(x64 * 255 / 256, content.double())
    across, down = x64[:, :-1, 1:] - x64[:, :-1, :-1], x64[:, 1:, :-1] - x64[:, :-1, :-1]
    return {
        "content": 5 * float((fx[CONTENT_LAYER].double() - fc[CONTENT_LAYER].double()).square().mean()),
        "style": 100 * style_energy,
        "photo": 1e4 * float(energy),
        "tv": 1e-3 * 0.5 * 255**2 * float(across.square().sum() + down.square().sum()),
    }


def test_terms_follow_their_formulas(vgg: torch.nn.Module) -> None:
    content, style = smooth_picture(45, 67), smooth_picture(50, 40).flip(0)
    x = (content * 0.8 + 0.1 * torch.rand(3, 45, 67)).clamp(0, 1)
    cm, sm = _halves(45, 67, overlap=3), _halves(50, 40)
    terms = Objective(content, style, cm, sm, vgg)(x).values()
    for name, expected in _by_definition(x, content, style, cm, sm, vgg).items():
        assert terms[name] == pytest.approx(expected, rel=2e-4), name
    assert terms["total"] == pytest.approx(sum(terms[k] for k in ("content", "style", "photo", "tv")))


def test_masks_empty_on_one_side(vgg: torch.nn.Module) -> None:
    content, style = smooth_picture(40, 48), smooth_picture(40, 48).flip(1)
    x = torch.rand(3, 40, 48)
    ones, zeros = torch.ones(1, 40, 48), torch.zeros(1, 40, 48)
    plain = Objective(content, style, ones, ones, vgg)(x).values()
    empty_in_content = Objective(content, style, torch.cat([ones, zeros]), torch.cat([ones, ones]), vgg)(x).values()
    assert empty_in_content["style"] == pytest.approx(plain["style"], rel=1e-6)
    cm, sm = _halves(40, 48), torch.cat([ones, zeros])
    expected = _by_definition(x, content, style, cm, sm, vgg)
    assert Objective(content, style, cm, sm, vgg)(x).values()["style"] == pytest.approx(expected["style"], rel=2e-4)


def test_identity_costs_nothing_but_variation(vgg: torch.nn.Module) -> None:
    content = smooth_picture(40, 48)
    ones = torch.ones(1, 40, 48)
    terms = Objective(content, content, ones, ones, vgg)(content).values()
    assert terms["content"] == 0
    assert terms["style"] == 0
    assert terms["photo"] < 1e4 * 3 * 1e-7 * 38 * 46 * 1.1  # eps |a|^2 = eps per window and channel
    assert terms["tv"] > 0


def test_gradient_by_finite_differences(vgg: torch.nn.Module) -> None:
    content, style = smooth_picture(36, 40), smooth_picture(36, 40).flip(2)
    masks = _halves(36, 40)
    objective = Objective(content, style, masks, masks, vgg)
    x = (content + 0.02 * torch.randn(3, 36, 40)).requires_grad_()
    (gradient,) = torch.autograd.grad(objective(x).total, x)
    direction = gradient / gradient.norm()
    step = 1e-3
    with torch.no_grad():
        high, low = (objective(x + sign * step * direction).values()["total"] for sign in (1, -1))
    assert (high - low) / (2 * step) == pytest.approx(float(gradient.norm()), rel=2e-2)


def test_weights_and_the_first_stage(vgg: torch.nn.Module) -> None:
    content, style = smooth_picture(36, 40), smooth_picture(36, 40).flip(2)
    ones = torch.ones(1, 36, 40)
    x = torch.rand(3, 36, 40)
    base = Objective(content, style, ones, ones, vgg)
    double = Objective(content, style, ones, ones, vgg, Weights(content=10, style=200, photo=2e4, tv=2e-3))
    for name, value in base(x).values().items():
        assert double(x).values()[name] == pytest.approx(2 * value, rel=1e-5)
    assert base(x, photo=False).values()["photo"] == 0


def test_shapes_are_checked(vgg: torch.nn.Module) -> None:
    image, ones = torch.rand(3, 40, 40), torch.ones(1, 40, 40)
    for args, message in (
        ((torch.rand(1, 40, 40), image, ones, ones), r"`content` must have shape \(3, H, W\), got \(1, 40, 40\)"),
        ((image, image, ones, torch.ones(1, 40, 41)), "`style_masks` must have shape"),
        ((image, image, ones, torch.ones(2, 40, 40)), "as many masks as `content_masks`, 1, got 2"),
    ):
        with pytest.raises(PhotostyleError, match=message):
            Objective(*args, vgg)  # type: ignore[arg-type]


def test_the_terms_are_the_same_everywhere() -> None:
    names = tuple(field.name for field in fields(Weights))
    assert names == TERMS
    assert tuple(Energies.__annotations__) == ENERGIES == (*TERMS, "total")
