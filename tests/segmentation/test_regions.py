"""The regions of two photos as label images, as text and in colours."""

from __future__ import annotations

import numpy as np

from photostyle_native.segmentation.regions import Regions, label_colors

CONTENT = np.array([[0, 0, 0, 1]], np.int16)
STYLE = np.array([[0], [1]], np.int16)


def test_label_images_have_the_meanings_or_else_the_labels_as_names() -> None:
    for meanings, names in (((), ("blue", "green")), (("sky", "plants"), ("sky", "plants"))):
        content, style = Regions(CONTENT, STYLE, ("blue", "green"), (1.0, 0.5), meanings=meanings).label_images()
        assert (content.kind, content.names, content.name) == ("index", names, "automatic content mask")
        assert (style.kind, style.names, style.name) == ("index", names, "automatic style mask")
        np.testing.assert_array_equal(content.data, CONTENT)
        np.testing.assert_array_equal(style.data, STYLE)


def test_a_line_of_text_for_each_label() -> None:
    assert Regions(CONTENT, STYLE, ("blue", "green", "black"), (1.0, 0.5, 0.0)).lines() == [
        "blue   75% of content,  50% of style, confidence 1.00",
        "green  25% of content,  50% of style, confidence 0.50",
        "black   0% of content,   0% of style, confidence 0.00",
    ]
    (line, _) = Regions(CONTENT, STYLE, ("blue", "cyan"), (1, 1), meanings=("water", "sky")).lines()
    assert line == "blue (water)  75% of content,  50% of style, confidence 1.00"


def test_colours_of_labels() -> None:
    colors = label_colors(("blue", "grey", "magenta"))
    assert colors.dtype == np.uint8
    assert colors.tolist() == [[0, 0, 255], [128, 128, 128], [255, 0, 255]]
