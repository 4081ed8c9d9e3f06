"""The sources of masks for a transfer to which no masks are given."""

from __future__ import annotations

import pytest
import torch
from segmentation.landscapes import DAY, DUSK

from photostyle_native.errors import PhotostyleError
from photostyle_native.images.photo import as_photo
from photostyle_native.masks.palettes import AUTHORS_COLORS
from photostyle_native.network.vgg19 import VGG19
from photostyle_native.segmentation.automatic import MAX_REGIONS, SOURCES, automatic_pair, check_automatic


def test_there_are_as_many_regions_as_colours_in_the_authors_palette() -> None:
    assert len(AUTHORS_COLORS) == MAX_REGIONS


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
    *others, last = SOURCES
    with pytest.raises(PhotostyleError, match=f"`auto_mask` must be {', '.join(others)} or {last}, got 'magic'"):
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
