"""How much of a change is taken, and what is kept: exact ends, a straight line between, CIELAB as others have it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pictures import smooth_picture
from skimage.color import lab2rgb, rgb2lab
from torch import Tensor

from photostyle_native import PhotostyleError
from photostyle_native.color.mixing import Mix, to_lab, to_rgb


@pytest.fixture
def pictures() -> tuple[Tensor, Tensor]:
    """A photo and a recoloured version that has clipped and saturated colours."""
    photo = smooth_picture(40, 50)
    change = torch.tensor([[1.4, -0.3, 0.0], [-0.2, 0.9, 0.1], [0.3, 0.0, 0.2]])
    return photo, torch.einsum("cj,jhw->chw", change, photo).clamp(0, 1)


def lab(image: Tensor) -> np.ndarray:
    """CIELAB of an image by scikit-image, (3, H, W)."""
    return rgb2lab(image.double().numpy(), channel_axis=0)


def test_the_ends_are_exact_and_the_middle_is_a_straight_line(pictures: tuple[Tensor, Tensor]) -> None:
    photo, result = pictures
    assert torch.equal(Mix(0.0)(photo, result), photo)
    assert torch.equal(Mix(1.0)(photo, result), result)
    for strength in (0.1, 0.5, 0.9):
        wanted = (photo.double() + strength * (result.double() - photo.double())).float()
        torch.testing.assert_close(Mix(strength)(photo, result), wanted, rtol=0, atol=1e-7)


def test_nothing_changes_at_strength_0_whatever_is_kept(pictures: tuple[Tensor, Tensor]) -> None:
    photo, result = pictures
    assert torch.equal(Mix(0.0, keep_luma=True)(photo, result), photo)
    assert torch.equal(Mix(0.0, keep_chroma=True)(photo, result), photo)


@pytest.mark.parametrize("strength", [0.4, 1.0])
def test_keep_luma_keeps_lightness_and_takes_the_rest(strength: float, pictures: tuple[Tensor, Tensor]) -> None:
    photo, result = pictures
    out = Mix(strength, keep_luma=True)(photo, result)
    assert not np.allclose(lab(result)[0], lab(photo)[0], atol=5)
    np.testing.assert_allclose(lab(out)[0], lab(photo)[0], atol=0.1)
    wanted = lab(torch.lerp(photo, result, strength))[1:]
    hues = (np.arctan2(*plane[::-1]) for plane in (lab(out)[1:], wanted))
    chroma, full = (np.hypot(*plane) for plane in (lab(out)[1:], wanted))
    turned = np.abs(np.angle(np.exp(1j * np.subtract(*hues))))
    assert np.quantile(turned[full > 5], 0.99) < 0.02  # radians: hues are the result's
    assert (chroma <= full + 0.1).all()
    assert np.mean(np.abs(chroma - full) < 0.2) > 0.3  # where RGB has the colour, its chroma is too


def test_keep_chroma_keeps_hues_and_chroma_and_takes_lightness(pictures: tuple[Tensor, Tensor]) -> None:
    photo, result = pictures[0] * 0.4 + 0.3, pictures[1] * 0.3 + 0.3  # so grey that RGB has all mixtures
    out = Mix(keep_chroma=True)(photo, result)
    np.testing.assert_allclose(lab(out)[0], lab(result)[0], atol=0.05)
    np.testing.assert_allclose(lab(out)[1:], lab(photo)[1:], atol=0.1)


def test_a_result_that_changed_nothing_changes_nothing(pictures: tuple[Tensor, Tensor]) -> None:
    photo, _ = pictures
    for mix in (Mix(), Mix(0.3), Mix(keep_luma=True), Mix(0.6, keep_chroma=True)):
        torch.testing.assert_close(mix(photo, photo), photo, rtol=0, atol=2e-5)


def test_lab_is_that_of_others_in_both_directions() -> None:
    axis = torch.linspace(0, 1, 12)
    rgb = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij")).flatten(1)
    theirs = rgb2lab(rgb.double().numpy(), channel_axis=0)
    np.testing.assert_allclose(to_lab(rgb).numpy(), theirs, atol=0.03)
    np.testing.assert_allclose(to_rgb(to_lab(rgb)).numpy(), rgb.numpy(), atol=2e-5)
    # The digits of the matrix of primaries differ by 1e-4, and the encoded values of black rise 12.9 times as fast.
    np.testing.assert_allclose(lab2rgb(theirs, channel_axis=0), to_rgb(torch.from_numpy(theirs)).numpy(), atol=3e-3)


def test_colours_that_rgb_has_not_keep_lightness_and_hue() -> None:
    wild = torch.tensor([[20.0, 90.0, 50.0], [80.0, -120.0, 0.0], [-90.0, 60.0, 110.0]])
    again = to_lab(to_rgb(wild))
    torch.testing.assert_close(again[0], wild[0], rtol=0, atol=0.1)
    torch.testing.assert_close(torch.atan2(again[2], again[1]), torch.atan2(wild[2], wild[1]), rtol=0, atol=0.02)
    assert bool((again[1:].norm(dim=0) < wild[1:].norm(dim=0)).all())


def test_a_picture_of_any_size_is_mixed_as_its_parts_are(
    pictures: tuple[Tensor, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Mix(0.7, keep_luma=True)(*pictures)
    monkeypatch.setattr("photostyle_native.color.mixing._AT_ONCE", 77)
    torch.testing.assert_close(Mix(0.7, keep_luma=True)(*pictures), whole, rtol=0, atol=1e-6)


@pytest.mark.parametrize("strength", [-0.1, 1.1, float("nan")])
def test_options_are_checked(strength: float) -> None:
    with pytest.raises(PhotostyleError, match="`strength` must be from 0 to 1, got"):
        Mix(strength)
    with pytest.raises(PhotostyleError, match="together leave nothing to change"):
        Mix(keep_luma=True, keep_chroma=True)
