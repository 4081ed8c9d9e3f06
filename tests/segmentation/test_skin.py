"""Faces and the skin around them, on the photos of people, animals and things that scikit-image ships."""

from __future__ import annotations

import pytest
import skimage.data
import torch
from torch import Tensor

from photostyle_native.images.photo import as_photo
from photostyle_native.segmentation.faces import Face, find_faces
from photostyle_native.segmentation.skin import skin_map


@pytest.fixture(scope="module")
def astronaut() -> Tensor:
    return as_photo(skimage.data.astronaut()).tensor()


def test_a_face_is_found_at_any_size() -> None:
    for size in (512, 300, 1024):
        photo = as_photo(as_photo(skimage.data.astronaut()).tensor((size, size)))
        boxes = [face.box((512, 512)) for face in find_faces(photo)]
        on_the_head = [b for b in boxes if 40 < b[0].start < 110 and 140 < b[1].start < 230 and b[0].stop < 220]
        assert on_the_head, boxes


@pytest.mark.parametrize("name", ["chelsea", "coffee", "rocket"])
def test_no_face_no_skin(name: str) -> None:
    photo = as_photo(getattr(skimage.data, name)())
    assert float(skin_map(photo.tensor(), find_faces(photo)).max()) == 0


def test_a_photo_smaller_than_a_face_has_none() -> None:
    assert find_faces(as_photo(torch.rand(3, 20, 400))) == []


def test_the_face_is_skin_and_the_suit_is_not(astronaut: Tensor) -> None:
    skin = skin_map(astronaut, find_faces(as_photo(skimage.data.astronaut())))
    assert skin.shape == (512, 512)
    assert 0 <= float(skin.min()) <= float(skin.max()) <= 1
    assert float(skin[90:160, 200:250].mean()) > 0.95  # the face, with its eyes and mouth
    for name, part in {
        "orange suit": skin[300:400, 80:200],
        "flag": skin[100:300, :60],
        "black collar": skin[215:260, 195:260],
        "wall": skin[20:100, 300:340],
    }.items():
        assert float(part.mean()) < 0.1, name


def test_a_face_without_skin_is_none(astronaut: Tensor) -> None:
    helmet = Face(0.75, 0.75, 0.2, 0.2)
    assert float(skin_map(astronaut, [helmet]).max()) == 0


def test_dark_skin_is_found_as_well(astronaut: Tensor) -> None:
    face = Face(0.15, 0.35, 0.18, 0.18)
    dark = (astronaut * torch.tensor((0.45, 0.36, 0.33)).view(3, 1, 1)).clamp(0, 1)
    assert float(skin_map(dark, [face])[100:150, 205:245].mean()) > 0.9
