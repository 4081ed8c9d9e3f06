"""The number 255 in label images: what data sets leave out, or a label."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from photostyle_native.masks.label_images import UNLABELED, read_labels
from photostyle_native.masks.pairs import exact_pair, prepare_pair


def bordered(width: int = 5, ground: int = 0, thing: int = 15, size: tuple[int, int] = (375, 500)) -> np.ndarray:
    """An object on a ground with a border of 255 around it, as in PASCAL VOC."""
    labels = np.full(size, ground, np.uint8)
    labels[80:300, 120:400] = 255
    labels[80 + width : 300 - width, 120 + width : 400 - width] = thing
    return labels


def voc_file(labels: np.ndarray) -> Image.Image:
    image = Image.fromarray(labels)
    palette = np.zeros((256, 3), np.uint8)
    palette[15] = (192, 128, 128)
    palette[255] = (224, 224, 192)
    image.putpalette(palette.tobytes())
    return image


@pytest.mark.parametrize("kind", ["array", "grey file", "VOC's palette"])
def test_a_border_is_no_label(kind: str) -> None:
    labels = bordered()
    source = {"array": labels, "grey file": Image.fromarray(labels), "VOC's palette": voc_file(labels)}[kind]
    read = read_labels(source)
    pair = prepare_pair(read, read, labels.shape, labels.shape)
    assert len(pair.labels) == 2
    assert bool((pair.content.sum(0) == 1).all())  # the border joins its neighbours
    exact = exact_pair(read, read, labels.shape, labels.shape)
    assert np.array_equal(exact.content.sum(0).numpy() == 0, labels == 255)


def test_thin_borders_between_any_numbers_and_wide_areas_between_small_ones() -> None:
    assert "255" not in read_labels(bordered(5, 100, 200)).names
    assert "255" in read_labels(bordered(25, 100, 200)).names
    classes = bordered(25, 0, 7)  # Cityscapes leaves out whole areas
    classes[:40] = 10
    wide = read_labels(classes)
    assert wide.names == ("0", "7", "10")
    assert int((wide.data == UNLABELED).sum()) == int((classes == 255).sum())


@pytest.mark.parametrize("others", [(0,), (128,), (0, 128), (0, 17), (0, 85, 170)])
def test_white_is_a_label_of_drawn_masks(others: tuple[int, ...]) -> None:
    labels = np.full((80, 90), 255, np.uint8)
    for k, value in enumerate(others):
        labels[20 * k : 20 * k + 20] = value
    assert read_labels(labels).names == (*(str(value) for value in others), "255")
    assert read_labels(np.full((4, 4), 255, np.uint8)).names == ("255",)


def test_one_mask_stands_for_itself_and_the_rest() -> None:
    mask = np.zeros((1, 6, 8), np.float32)
    mask[:, :, 3:] = 1
    read = read_labels(mask)
    assert (read.kind, read.names) == ("masks", ("0", "1"))
    pair = prepare_pair(read, read_labels(mask[:, :, ::-1].copy()), (6, 8), (6, 8))
    assert pair.content.shape == (2, 6, 8)
    np.testing.assert_array_equal(pair.content[0].numpy(), mask[0])
    np.testing.assert_array_equal(pair.content[1].numpy(), 1 - mask[0])
    stack = np.concatenate([mask, 1 - mask])
    both = prepare_pair(read, read_labels(stack), (6, 8), (6, 8))
    np.testing.assert_array_equal(both.style.numpy(), stack)
