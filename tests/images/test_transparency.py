"""What is transparent is seen by nobody, and nothing depends on its colours."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from photostyle_native.errors import PhotostyleError
from photostyle_native.images.photo import as_photo
from photostyle_native.images.transparency import fill_hidden


def test_hidden_pixels_take_the_nearest_colour() -> None:
    pixels = np.array([[[1], [2], [9], [9], [5]]], np.uint8)
    alpha = np.array([[255, 1, 0, 0, 255]], np.uint8)
    assert fill_hidden(pixels, alpha)[0, :, 0].tolist() == [1, 2, 2, 5, 5]
    assert pixels[0, :, 0].tolist() == [1, 2, 9, 9, 5]
    assert fill_hidden(pixels, np.maximum(alpha, 1)) is pixels
    with pytest.raises(ValueError, match="every pixel"):
        fill_hidden(pixels, alpha * 0)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_tensor_at_any_size_does_not_depend_on_hidden_colours(dtype: type) -> None:
    top = np.iinfo(dtype).max
    rgba = np.random.default_rng(0).integers(0, top, (40, 60, 4), dtype)
    rgba[..., 3] = top
    rgba[5:30, 20:50, 3] = 0
    tensors = []
    for hidden in (0, top // 2, top):
        rgba[rgba[..., 3] == 0, :3] = hidden
        photo = as_photo(rgba)
        tensors.append((photo.tensor(), photo.tensor((13, 20))))
    for whole, small in tensors[1:]:
        assert torch.equal(whole, tensors[0][0])
        assert torch.equal(small, tensors[0][1])
    np.testing.assert_allclose(tensors[0][0][:, :5].numpy(), rgba[:5, :, :3].transpose(2, 0, 1) / top, atol=1e-6)
    opacity = photo.opacity((20, 30))
    assert opacity is not None
    assert opacity.shape == (20, 30)
    assert float(opacity[8, 15]) == 0
    assert float(opacity[18, 2]) == 1


def test_photos_that_are_everywhere_as_transparent() -> None:
    rgba = np.full((4, 4, 4), 255, np.uint8)
    for level in (255, 128, 1):
        rgba[..., 3] = level
        photo = as_photo(rgba)
        assert not photo.has_transparency
        assert photo.opacity() is None
    rgba[..., 3] = 0
    hidden = as_photo(rgba, "photo.png")
    for ask in (hidden.tensor, hidden.opacity):
        with pytest.raises(PhotostyleError, match=r"photo\.png: no pixel is visible"):
            ask()
