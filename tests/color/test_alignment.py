"""Photos that lie on each other, however they were edited, and photos that do not."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from photostyle_native import PhotostyleError, data, read_photo
from photostyle_native.color.alignment import check_aligned


@pytest.fixture(scope="module")
def scene() -> Tensor:
    """The brightness of a photo, with room around the frame that the tests cut out."""
    return read_photo(data.CONTENT).tensor((280, 420)).mean(0)


def frame(scene: Tensor, down: int = 0, right: int = 0) -> Tensor:
    return scene[20 + down : 260 + down, 20 + right : 400 + right]


EDITS: dict[str, Callable[[Tensor], Tensor]] = {
    "none": lambda image: image,
    "dark": lambda image: 0.3 * image,
    "curve": lambda image: image.clamp(0, 1) ** 2.2,
    "contrast": lambda image: ((image - 0.5) * 1.8 + 0.5).clamp(0, 1),
    "vignette": lambda image: image * torch.linspace(0.5, 1, image.shape[1]),
    "grain": lambda image: image + 0.03 * torch.randn(image.shape),
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_edits_do_not_move_a_photo(scene: Tensor, edit: Callable[[Tensor], Tensor]) -> None:
    check_aligned(frame(scene), edit(frame(scene)))


@pytest.mark.parametrize(("down", "right"), [(0, 4), (-5, 0), (6, -6), (12, 15)])
@pytest.mark.parametrize("edit", [EDITS["none"], EDITS["curve"]], ids=["plain", "edited"])
def test_a_shift_is_found_and_named(scene: Tensor, down: int, right: int, edit: Callable[[Tensor], Tensor]) -> None:
    # What lies further down in the scene comes first in the second frame, so everything seems to move up and left.
    with pytest.raises(PhotostyleError) as error:
        check_aligned(frame(scene), edit(frame(scene, down, right)))
    if "the same scene" not in str(error.value):
        assert f"lies {round(-100 * right / 380, 1) + 0.0:+.1f} % of the longer side to the right" in str(error.value)
        assert f"and {round(-100 * down / 380, 1) + 0.0:+.1f} % down" in str(error.value)
    else:
        assert max(abs(down), abs(right)) > 10, "only large shifts look like another scene"


def test_another_scene_and_a_mirrored_one_are_refused(scene: Tensor) -> None:
    other = read_photo(data.STYLE).tensor((240, 380)).mean(0)
    for wrong in (other, frame(scene).flip(1)):
        with pytest.raises(PhotostyleError, match="do not show the same scene in the same frame"):
            check_aligned(frame(scene), wrong)


def test_a_soft_copy_is_aligned(scene: Tensor) -> None:
    small = F.interpolate(frame(scene)[None, None], scale_factor=0.5, mode="area")
    check_aligned(frame(scene), F.interpolate(small, frame(scene).shape, mode="bicubic")[0, 0])
