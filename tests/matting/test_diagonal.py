"""The diagonal of the Matting Laplacian."""

from __future__ import annotations

import pytest
import torch
from matting.dense import DOUBLE, dense
from pictures import smooth_picture

from photostyle_native import MattingLaplacian


def test_the_diagonal_holds_on_flat_and_grey_pictures_and_across_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    from photostyle_native.matting import diagonal

    monkeypatch.setattr(diagonal, "_PIXELS", 50)  # three rows of windows at a time
    colour = smooth_picture(15, 16, DOUBLE)
    for image in (colour, colour[1:2].expand(3, -1, -1), torch.full_like(colour, 0.3)):
        torch.testing.assert_close(MattingLaplacian(image).diagonal(), dense(image).diagonal(), rtol=0, atol=1e-9)
