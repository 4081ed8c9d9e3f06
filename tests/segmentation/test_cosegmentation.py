"""Co-segmentation on painted pictures whose regions are known: a smooth sky over rough ground."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from segmentation.landscapes import DAY, DUSK
from torch import Tensor

from photostyle_native.errors import PhotostyleError
from photostyle_native.masks.pairs import prepare_pair
from photostyle_native.network.vgg19 import VGG19
from photostyle_native.segmentation.cosegmentation import cosegment


def error_of_horizon(index: np.ndarray, horizon: float) -> float:
    """Share of the pixels that are on the wrong side of the horizon, whichever label is the sky."""
    truth = np.arange(index.shape[0])[:, None] >= round(horizon * index.shape[0])
    wrong = ((index == index[0, 0]) == truth).mean()
    return float(wrong)


def test_sky_and_ground_are_found_in_both_photos(vgg: VGG19) -> None:
    found = cosegment(DAY, DUSK, regions=2, vgg=vgg)
    assert found.labels == ("blue", "green")
    assert found.content.shape == (160, 224)
    assert found.style.shape == (192, 192)
    assert found.content[0, 0] == found.style[0, 0] != found.content[-1, 0]
    assert error_of_horizon(found.content, 0.4) < 0.04
    assert error_of_horizon(found.style, 0.6) < 0.04
    assert min(found.confidence) > 0.7
    assert found.notes == ()


def test_the_number_of_regions_is_chosen(vgg: VGG19) -> None:
    found = cosegment(DAY, DUSK, vgg=vgg)
    assert 2 <= len(found.labels) <= 5
    assert min(found.confidence) >= 0.65


def test_the_same_at_every_call_and_no_random_numbers_taken(vgg: VGG19) -> None:
    state = torch.get_rng_state()
    first, second = (cosegment(DAY, DUSK, regions=3, vgg=vgg) for _ in range(2))
    np.testing.assert_array_equal(first.content, second.content)
    np.testing.assert_array_equal(first.style, second.style)
    assert first.confidence == second.confidence
    assert torch.equal(torch.get_rng_state(), state)


def test_identical_photos_have_identical_regions(vgg: VGG19) -> None:
    found = cosegment(DAY, DAY, regions=3, vgg=vgg)
    np.testing.assert_array_equal(found.content, found.style)
    assert len(found.labels) == 3
    assert min(found.confidence) > 0.6


def test_a_photo_and_its_mirror_image(vgg: VGG19) -> None:
    found = cosegment(DAY, DAY.flip(2), regions=2, vgg=vgg)
    assert (found.content == found.style[:, ::-1]).mean() > 0.98


@pytest.mark.parametrize("other", [DAY, torch.full((3, 90, 120), 0.4)])
def test_a_flat_photo_is_one_region(vgg: VGG19, other: Tensor) -> None:
    found = cosegment(torch.full((3, 100, 140), 0.6), other, vgg=vgg)
    assert found.labels == ("blue",)
    assert found.confidence == (1.0,)
    assert not found.content.any()
    assert not found.style.any()
    (note,) = found.notes
    who = "The content photo shows" if other is DAY else "Both photos show"
    assert note == f"{who} no more than one even colour: each photo is one region."


def test_a_tiny_photo(vgg: VGG19) -> None:
    tiny = torch.nn.functional.interpolate(DAY[None], (30, 40), mode="area")[0]
    found = cosegment(tiny, DUSK, regions=2, vgg=vgg)
    assert found.content.shape == (30, 40)
    assert set(np.unique(found.content)) <= {0, 1}


def test_photos_that_are_a_line_of_pixels_share_their_labels(vgg: VGG19) -> None:
    """Regions lost between the cells and so few pixels give way in the other photo too."""
    found = cosegment(DAY[:, :1], DUSK, regions=4, vgg=vgg)
    assert set(np.unique(found.content)) == set(np.unique(found.style)) == set(range(len(found.labels)))
    assert 0 not in found.confidence


def test_identical_tiny_photos(vgg: VGG19) -> None:
    tiny = torch.nn.functional.interpolate(DAY[None], (30, 40), mode="area")[0]
    found = cosegment(tiny, tiny, vgg=vgg)
    assert len(found.labels) > 1
    np.testing.assert_array_equal(found.content, found.style)


def test_one_region_by_request_needs_no_network() -> None:
    found = cosegment(DAY, DUSK, regions=1)
    assert found.labels == ("blue",)
    assert found.content.shape == (160, 224)
    assert found.notes == ()


def test_photos_without_likeness_become_one_region(vgg: VGG19, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("photostyle_native.segmentation.joint_regions.CONFIDENT", 1.01)
    found = cosegment(DAY, DUSK, vgg=vgg)
    assert found.labels == ("blue",)
    (note,) = found.notes
    assert note.startswith("The photos have no regions that correspond with enough confidence (at best ")


def test_arguments_that_do_not_fit(vgg: VGG19) -> None:
    with pytest.raises(PhotostyleError, match=r"`style` must have shape \(3, H, W\), got \(1, 4, 4\)"):
        cosegment(DAY, torch.zeros(1, 4, 4), vgg=vgg)
    for regions in (0, 10):
        with pytest.raises(PhotostyleError, match=f"`regions` must be from 1 to 9, got {regions}"):
            cosegment(DAY, DUSK, regions=regions, vgg=vgg)


def test_label_images_are_read_back_as_they_are(vgg: VGG19) -> None:
    found = cosegment(DAY, DUSK, regions=2, vgg=vgg)
    pair = prepare_pair(*found.label_images(), (160, 224), (192, 192))
    assert pair.labels == found.labels
    np.testing.assert_array_equal(pair.content.argmax(0).numpy(), found.content)
    np.testing.assert_array_equal(pair.style.argmax(0).numpy(), found.style)


def strokes(size: tuple[int, int], rows: slice, label: int) -> np.ndarray:
    painted = np.full(size, -1, np.int16)
    painted[rows, size[1] // 4 : size[1] // 2] = label
    return painted


def test_strokes_are_honoured_exactly_and_make_new_regions(vgg: VGG19) -> None:
    red = 4
    content, style = strokes((160, 224), slice(100, 104), red), strokes((192, 192), slice(160, 164), red)
    found = cosegment(DAY, DUSK, regions=2, content_scribbles=content, style_scribbles=style, vgg=vgg)
    k = found.labels.index("red")
    assert (found.content[content == red] == k).all()
    assert (found.style[style == red] == k).all()
    assert (found.content == k).mean() > 0.3  # the ground, of which the stroke is a part
    assert (found.content[:40] != k).all()  # the sky is not
    assert found.notes == ()


def test_a_label_in_one_photo_only_is_said(vgg: VGG19) -> None:
    """A flat style photo offers nothing that the stroke could spread to."""
    dot = np.full((160, 224), -1, np.int16)
    dot[100, 100] = 5
    found = cosegment(DAY, torch.full((3, 96, 96), 0.1), content_scribbles=dot, vgg=vgg)
    yellow = found.labels.index("yellow")
    assert found.content[100, 100] == yellow
    assert (found.style != yellow).all()
    assert found.confidence[yellow] == 0
    assert found.notes[-1] == "`yellow` is in the content photo only: put a stroke of it on the style photo."


def test_strokes_leave_out_what_only_the_style_photo_has(vgg: VGG19) -> None:
    """Red on the lower half of the style photo's ground; the content's ground is told to stay as it is."""
    plain = cosegment(DAY, DUSK, regions=2, vgg=vgg)
    ground = int(plain.content[-1, 0])
    found = cosegment(
        DAY,
        DUSK,
        regions=2,
        content_scribbles=strokes((160, 224), slice(70, 160), ground),
        style_scribbles=strokes((192, 192), slice(150, 190), 4),
        vgg=vgg,
    )
    red = found.labels.index("red")
    assert not (found.content == red).any()
    assert (found.style[150:190, 48:96] == red).all()
    assert found.notes == ("`red` is in the style photo only: a transfer leaves it out.",)
    pair = prepare_pair(*found.label_images(), (160, 224), (192, 192))
    assert pair.labels == plain.labels
    assert float(pair.style[:, 150:190, 48:96].sum()) == 0
