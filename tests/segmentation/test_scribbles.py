"""Scribbles: files that are read, and labels that spread from strokes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from segmentation.landscapes import DAY

from photostyle_native.errors import PhotostyleError
from photostyle_native.numerics.spectral import affinity
from photostyle_native.segmentation.scribbles import read_scribbles, spread, strokes_at, strokes_on_grid


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
    with pytest.raises(PhotostyleError, match=r"strokes \(.*none\.png\): no such file"):
        read_scribbles(tmp_path / "none.png", DAY, "strokes")
    (tmp_path / "text.png").write_text("no image")
    with pytest.raises(PhotostyleError, match=r"strokes \(.*text\.png\): not a PNG, .* image"):
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
