"""Checks of arguments that `transfer` and `evaluate` share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from photostyle_native import PhotostyleError
from photostyle_native.images.photo import Photo
from photostyle_native.pipeline import inputs
from photostyle_native.pipeline.inputs import check_both_masks, fitting_size, read_mask_pair, resolve_precision

CPU = torch.device("cpu")


def photo(height: int, width: int) -> Photo:
    return Photo(np.zeros((height, width, 3), np.uint8), name="day.png")


def test_precisions_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[torch.dtype, ...]] = []
    monkeypatch.setattr(inputs, "fastest_way", lambda device, allowed: asked.append(allowed))
    for precision in ("auto", "float32", "bfloat16"):
        resolve_precision(precision, CPU)
    assert asked == [(torch.float32, torch.bfloat16), (torch.float32,), (torch.bfloat16,)]
    with pytest.raises(PhotostyleError, match="`precision` must be auto, float32 or bfloat16, got 'half'"):
        resolve_precision("half", CPU)


def test_the_working_size_keeps_the_aspect_and_enlarges_nothing() -> None:
    assert fitting_size(photo(300, 400), 200) == (150, 200)
    assert fitting_size(photo(400, 300), 200) == (200, 150)
    assert fitting_size(photo(300, 400), 4000) == (300, 400)
    assert fitting_size(photo(100, 400), 128) == (32, 128)  # the smallest side that the network takes
    with pytest.raises(PhotostyleError, match=r"^day\.png would be worked on at 124x31 pixels, .* at least 32 on"):
        fitting_size(photo(100, 400), 124)
    with pytest.raises(PhotostyleError, match="`size` must be a positive number of pixels, got 0"):
        fitting_size(photo(300, 400), 0)


def test_a_panorama_keeps_enough_rows_unless_a_size_is_asked_for() -> None:
    for height, width, size in ((100, 4000, (64, 2560)), (4000, 100, (2560, 64)), (1500, 20000, (64, 854))):
        assert fitting_size(photo(height, width), 400, strict=False) == size
    assert fitting_size(photo(40, 4000), 400, strict=False) == (40, 4000)  # nothing is enlarged
    assert fitting_size(photo(300, 1600), 400, strict=False) == (75, 400)
    assert fitting_size(photo(300, 400), 44, strict=False) == (33, 44)
    assert fitting_size(photo(300, 1600), 44, strict=False) == (32, 171)
    with pytest.raises(PhotostyleError, match="at least 32 on each side"):
        fitting_size(photo(100, 4000), 400)
    with pytest.raises(PhotostyleError, match="at least 32 on each side"):
        fitting_size(photo(20, 4000), 400, strict=False)


def test_masks_are_given_for_both_photos_or_for_none() -> None:
    mask = np.array([[0, 1]])
    check_both_masks(None, None)
    check_both_masks(mask, mask)
    for pair in ((mask, None), (None, mask)):
        with pytest.raises(PhotostyleError, match=r"^`content_mask` and `style_mask` belong together: give both or"):
            check_both_masks(*pair)
        with pytest.raises(PhotostyleError, match=r"^--a and --b belong together"):
            check_both_masks(*pair, ("--a", "--b"))
        with pytest.raises(PhotostyleError, match="belong together"):
            read_mask_pair(*pair, photo(4, 8), photo(4, 8))
    assert read_mask_pair(None, None, photo(4, 8), photo(4, 8)) is None


def test_masks_are_read_by_path_or_value_and_must_have_the_aspect_of_their_photos(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 0, 255, 255]] * 2, np.uint8)).save(tmp_path / "mask.png")
    read = read_mask_pair(np.array([[0, 1]]), tmp_path / "mask.png", photo(40, 80), photo(20, 40))
    assert read is not None
    content, style = read
    assert (content.size, style.size) == ((1, 2), (2, 4))
    assert (content.name, style.name) == ("content mask", "mask.png")
    with pytest.raises(PhotostyleError, match=r"^style mask is 20x10, its photo is 40x40: the aspect ratios differ"):
        read_mask_pair(np.array([[0, 1]]), np.eye(10, 20, dtype=int), photo(40, 80), photo(40, 40))
