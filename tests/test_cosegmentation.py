"""Co-segmentation on painted pictures whose regions are known: a smooth sky over rough ground."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from photostyle_native.errors import PhotostyleError
from photostyle_native.images.photo import as_photo
from photostyle_native.masks.pairs import prepare_pair
from photostyle_native.network.vgg19 import VGG19
from photostyle_native.network.weights import load_vgg19
from photostyle_native.numerics.spectral import affinity, embed, kmeans
from photostyle_native.segmentation.automatic import automatic_pair, check_automatic
from photostyle_native.segmentation.cosegmentation import cosegment
from photostyle_native.segmentation.joint_regions import Divider
from photostyle_native.segmentation.scribbles import read_scribbles, spread, strokes_at, strokes_on_grid


@pytest.fixture(scope="module")
def vgg() -> VGG19:
    return load_vgg19()


def landscape(height: int, width: int, horizon: float, sky: float, ground: float, seed: int = 0) -> Tensor:
    """(3, H, W): even sky of one brightness above rough ground of another; the horizon at a share of the height."""
    generator = torch.Generator().manual_seed(seed)
    image = torch.full((3, height, width), sky) * torch.tensor([0.8, 0.9, 1.0]).view(3, 1, 1)
    top = round(horizon * height)
    grain = torch.rand(1, height - top, width, generator=generator) * 0.5
    image[:, top:] = (ground + grain - 0.25).clamp(0, 1) * torch.tensor([1.0, 0.9, 0.5]).view(3, 1, 1)
    return image


DAY = landscape(160, 224, 0.4, 0.9, 0.5)
DUSK = landscape(192, 192, 0.6, 0.3, 0.15, seed=1)


def error_of_horizon(index: np.ndarray, horizon: float) -> float:
    """Share of the pixels that are on the wrong side of the horizon, whichever label is the sky."""
    truth = np.arange(index.shape[0])[:, None] >= round(horizon * index.shape[0])
    wrong = ((index == index[0, 0]) == truth).mean()
    return float(wrong)


# --------------------------------------------------------------------------------------------- whole pictures


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


# ---------------------------------------------------------------------------------------------------- scribbles


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


def test_reading_strokes_from_a_transparent_layer(tmp_path: Path) -> None:
    layer = np.zeros((80, 112, 4), np.uint8)
    layer[10:12, 5:20] = (255, 0, 0, 255)
    layer[12, 5:20] = (255, 0, 0, 60)  # the soft edge of a brush
    layer[40, 40] = (200, 90, 30, 255)  # no label colour
    Image.fromarray(layer).save(tmp_path / "s.png")
    read = read_scribbles(tmp_path / "s.png", DAY, "`content_scribbles`")
    assert read.shape == (80, 112)
    assert np.argwhere(read >= 0).tolist() == [[y, x] for y in (10, 11) for x in range(5, 20)]
    assert set(read[read >= 0]) == {4}


def test_reading_strokes_painted_on_the_photo(tmp_path: Path) -> None:
    picture = (DAY * 255).round().byte().permute(1, 2, 0).numpy().copy()
    picture[50:53, 60:90] = (0, 0, 255)
    Image.fromarray(picture).save(tmp_path / "s.png")
    read = read_scribbles(tmp_path / "s.png", DAY, "`content_scribbles`")
    assert (read[50:53, 60:90] == 0).all()
    assert (read >= 0).sum() == 90


def test_stroke_files_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(PhotostyleError, match=r"strokes must be an image file, but .* does not exist"):
        read_scribbles(tmp_path / "none.png", DAY, "strokes")
    (tmp_path / "text.png").write_text("no image")
    with pytest.raises(PhotostyleError, match=r"format of .* is not recognised"):
        read_scribbles(tmp_path / "text.png", DAY, "strokes")
    Image.new("RGB", (50, 40)).save(tmp_path / "small.png")
    with pytest.raises(PhotostyleError, match="must be the photo with strokes on it, 224x160 pixels, got 50x40"):
        read_scribbles(tmp_path / "small.png", DAY, "strokes")
    Image.new("RGBA", (50, 90)).save(tmp_path / "tall.png")
    with pytest.raises(PhotostyleError, match="strokes is 50x90, its photo is 224x160: the aspect ratios differ"):
        read_scribbles(tmp_path / "tall.png", DAY, "strokes")
    Image.new("RGBA", (224, 160)).save(tmp_path / "empty.png")
    with pytest.raises(PhotostyleError, match=r"strokes must have strokes in blue, .*, but has none"):
        read_scribbles(tmp_path / "empty.png", DAY, "strokes")


def test_strokes_on_cells_and_at_other_sizes() -> None:
    painted = np.full((4, 6), -1, np.int16)
    painted[0, 0], painted[1, :2], painted[3, 5] = 1, 2, 0
    assert strokes_on_grid(painted, (2, 3)).tolist() == [2, -1, -1, -1, -1, 0]
    assert strokes_on_grid(None, (1, 2)).tolist() == [-1, -1]
    assert strokes_at(painted, (8, 12))[6:, 10:].tolist() == [[0, 0], [0, 0]]
    assert (strokes_at(None, (2, 2)) == -1).all()


def test_labels_spread_to_what_is_alike() -> None:
    weights = affinity(torch.tensor([[0.0], [0.1], [5.0], [5.1], [10.0], [10.1]]))
    labels = torch.tensor([0, 0, 0, 0, 1, 1])
    painted = torch.tensor([-1, -1, 2, -1, -1, -1])
    assert spread(weights, labels, painted).tolist() == [0, 0, 2, 2, 1, 1]


# ---------------------------------------------------------------------------------------------- graphs of cells


def test_kmeans_and_normalised_cuts_find_the_clusters() -> None:
    generator = torch.Generator().manual_seed(3)
    centres = torch.tensor([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0]]).repeat_interleave(20, 0)
    points = centres + 0.2 * torch.randn(60, 2, generator=generator)
    truth = torch.arange(3).repeat_interleave(20)
    for labels in (kmeans(points, 3), kmeans(embed(affinity(points), 3)[:, :2], 3)):
        assert len({(int(a), int(b)) for a, b in zip(labels, truth, strict=True)}) == 3
    assert kmeans(points, 1).tolist() == [0] * 60


def two_photos(content: list[float], style: list[float]) -> Divider:
    """Cells at points of a line, 20 at each."""
    points = torch.tensor([*content, *style]).repeat_interleave(20)[:, None]
    jitter = torch.linspace(-0.05, 0.05, 20).repeat(len(content) + len(style))[:, None]
    return Divider(affinity(points + jitter), 20 * len(content))


def test_a_group_that_one_photo_lacks_joins_another() -> None:
    divider = two_photos([0.0, 1.0, 5.0], [0.0, 5.0])
    division = divider.divide(2)
    assert division.count == 2
    at = division.labels[::20].tolist()
    assert at[0] == at[1] == at[3] != at[2] == at[4]  # 1 is nearer to 0 than to 5
    assert divider.divide(3).count <= 3


def test_confidence_is_the_share_of_likes_with_the_same_label() -> None:
    divider = two_photos([0.0, 5.0], [0.0, 5.0])
    same = torch.tensor([0, 1, 0, 1]).repeat_interleave(20)
    assert divider.confidence(same).tolist() == [1.0, 1.0]
    crossed = torch.tensor([0, 1, 1, 0]).repeat_interleave(20)
    assert divider.confidence(crossed).tolist() == [0.0, 0.0]
    chosen, _ = divider.choose()
    assert chosen.count >= 2


# ------------------------------------------------------------------------------------------- masks for a transfer


def test_automatic_masks(vgg: VGG19) -> None:
    day, dusk, sizes = as_photo(DAY), as_photo(DUSK), ((160, 224), (192, 192))
    assert automatic_pair(day, dusk, sizes, "none", vgg).labels == ("all",)
    assert automatic_pair(day, dusk, sizes, None, vgg).labels == ("all",)
    pair = automatic_pair(day, dusk, sizes, "features", vgg, regions=2)
    assert len(pair.labels) == 2
    assert bool((pair.content.sum(0) == 1).all())
    assert pair.notes[0].startswith("Masks were made from the photos; the regions match with confidence blue ")
    preview = automatic_pair(day, dusk, ((80, 112), (96, 96)), "features", vgg, regions=2)
    assert float((preview.content == pair.content[:, 1::2, 1::2]).float().mean()) == 1
    grey = as_photo(torch.full((3, 60, 60), 0.5))
    flat = automatic_pair(day, grey, ((160, 224), (60, 60)), "features", vgg)
    assert flat.labels == ("all",)
    assert "even colour" in flat.notes[0]


def test_automatic_masks_that_are_not_known() -> None:
    with pytest.raises(PhotostyleError, match="`auto_mask` must be features, ade20k or none, got 'magic'"):
        check_automatic("magic", None)
    with pytest.raises(PhotostyleError, match="`regions` must be from 1 to 9, got 12"):
        check_automatic("features", 12)


def test_what_would_be_ignored_is_an_error() -> None:
    with pytest.raises(PhotostyleError, match="`regions` is for `auto_mask` features, got none"):
        check_automatic("none", 3)
    with pytest.raises(PhotostyleError, match="`segment_model` is for `auto_mask` ade20k, got features"):
        check_automatic("features", None, "folder")
    with pytest.raises(PhotostyleError, match="`regions` is for automatic masks: leave out `content_mask`"):
        check_automatic("features", 3, masks_given=True)
