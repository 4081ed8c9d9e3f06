"""The last step: the optimised picture is smoothed along the content's edges and brought to the photo's size."""

from __future__ import annotations

import pytest
import torch
from pictures import smooth_picture
from torch import Tensor

from photostyle_native.images.photo import as_photo
from photostyle_native.images.resize import resize
from photostyle_native.pipeline.finish import finish


def recolored(image: Tensor) -> Tensor:
    """An affine map of colours, within [0, 1]."""
    return 0.6 * image.flip(0) + 0.2


@pytest.mark.parametrize("size", [(48, 64), (96, 128)], ids=["photo's size", "half of it"])
def test_an_affine_map_of_colours_is_carried_to_the_full_photo(size: tuple[int, int]) -> None:
    photo = as_photo(smooth_picture(96, 128))
    content = photo.tensor(size)
    image = finish(recolored(content), content, photo)
    assert (image.shape, image.dtype, image.device.type) == ((3, 96, 128), torch.float32, "cpu")
    torch.testing.assert_close(image, recolored(photo.tensor()), rtol=0, atol=0.03)


@pytest.mark.parametrize("height", [48, 96])
def test_noise_goes_and_the_range_holds(height: int) -> None:
    photo = as_photo(smooth_picture(height, height * 4 // 3))
    content = photo.tensor((48, 64))
    noise = 0.2 * torch.randn(3, 48, 64)
    image = finish(content + noise, content, photo)
    left = resize(image, (48, 64)) - content
    assert float(left.std()) < 0.5 * float(noise.std())
    assert float(image.min()) >= 0
    assert float(image.max()) <= 1
