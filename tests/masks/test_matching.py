"""The choice of a style region for a content region whose label the style lacks."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from masks.painted import labels, letters, photo

from photostyle_native.errors import PhotostyleError
from photostyle_native.masks.matching import Region, describe_regions, match_regions
from photostyle_native.masks.pairs import prepare_pair

ORPHAN_CONTENT = ("bbbb", "rrrr", "gggg")
ORPHAN_STYLE = ("bbbb", "wwww", "yyyy", "gggg")


def test_an_orphan_follows_the_style_label_of_its_height_and_area() -> None:
    content, style = labels(*ORPHAN_CONTENT, name="in.png"), labels("bbbb", "gggg", "gggg", name="tar.png")
    pair = prepare_pair(content, style, (3, 4), (3, 4))
    # Red has the height 1/2 and the area 1/3. Blue has 1/6 and 1/3, so it is 1/3 away; green has 2/3 and 2/3, so it
    # is 1/2 away.
    assert pair.labels == ("blue", "green")
    assert letters(pair.content, pair.labels) == ["bbbb", "bbbb", "gggg"]
    assert pair.notes == (
        "in.png: `red` (33 %) is not in tar.png and follows `blue`, the closest by height and area.",
    )


def test_an_orphan_follows_the_style_label_that_looks_like_it() -> None:
    content, style = labels(*ORPHAN_CONTENT, name="in.png"), labels(*ORPHAN_STYLE, name="tar.png")
    images = {"content_image": photo(0.8, 0.3, 0.7), "style_image": photo(0.1, 0.05, 0.35, 0.1)}
    pair = prepare_pair(content, style, (3, 4), (4, 4), **images)
    # Red is 0.3 darker than the mean of the content, at half its height. White, at 3/8 of the style's height, is 0.1
    # darker than the mean of the style; yellow, at 5/8, is 0.2 brighter. Without the means yellow would be the closer
    # one, because the whole style photo is dark.
    assert pair.labels == ("blue", "green", "white")
    assert letters(pair.content, pair.labels) == ["bbbb", "wwww", "gggg"]
    assert letters(pair.style, pair.labels) == ["bbbb", "wwww", "....", "gggg"]
    assert pair.notes == (
        "in.png: `red` (33 %) is not in tar.png and follows `white`, the closest by colour and height.",
        "tar.png: `yellow` (25 %) is not in in.png and is not used.",
    )


def test_photo_of_another_size_than_its_masks() -> None:
    read = labels("kw", "kw")
    with pytest.raises(PhotostyleError, match=r"`style_image` must have the shape \(3, 2, 2\) .* got \(3, 4, 4\)"):
        prepare_pair(read, read, (2, 2), (2, 2), style_image=torch.zeros(3, 4, 4))


def test_measures_of_regions_by_hand() -> None:
    """Two rows of label 3 over one of label 1; the photo is brighter below."""
    index = np.array([[3, 3], [3, 3], [1, 1]], np.int16)
    image = torch.tensor([0.2, 0.2, 0.8])[None, :, None].expand(3, 3, 2)
    for described in (describe_regions(index, None), describe_regions(index, image)):
        assert list(described) == [1, 3]
        assert (described[1].area, described[3].area) == pytest.approx((1 / 3, 2 / 3))
        assert (described[1].height, described[3].height) == pytest.approx((5 / 6, 1 / 3))
    assert described[1].color == pytest.approx([0.4] * 3)  # 0.8, and the mean of the photo is 0.4
    assert described[3].color == pytest.approx([-0.2] * 3)


def test_the_eye_notices_green_more_than_blue() -> None:
    content = {0: Region(1, 0.5, np.zeros(3))}
    style = {1: Region(1, 0.5, np.array([0, 0.2, 0])), 2: Region(1, 0.5, np.array([0, 0, 0.2]))}
    assert match_regions(content, style) == {0: 2}
    # Half the photo's height counts as much as a quarter of the distance from black to white.
    near = {1: Region(1, 1.0, np.zeros(3)), 2: Region(1, 0.5, np.full(3, 0.24))}
    far = {1: Region(1, 1.0, np.zeros(3)), 2: Region(1, 0.5, np.full(3, 0.26))}
    assert (match_regions(content, near), match_regions(content, far)) == ({0: 2}, {0: 1})


def test_a_label_that_the_style_has_is_kept_however_different_it_is() -> None:
    content, style = {5: Region(0.1, 0.0)}, {4: Region(0.1, 0.0), 5: Region(0.9, 1.0)}
    assert match_regions(content, style) == {5: 5}
