import io

import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter

from photostyle_native.errors import PhotostyleError
from photostyle_native.masks.label_images import UNLABELED, read_labels
from photostyle_native.masks.pairs import exact_pair, extract_masks, prepare_pair

COLORS = {"k": (0, 0, 0), "w": (255, 255, 255), "r": (255, 0, 0), "g": (0, 255, 0), "b": (0, 0, 255)}


def paint(*rows: str) -> np.ndarray:
    """(H, W, 3) uint8 from rows of colour letters."""
    return np.array([[COLORS[letter] for letter in row] for row in rows], np.uint8)


def save(path, image: Image.Image):
    image.save(path)
    return path


def test_rgb_file_is_color(tmp_path):
    picture = paint("kw", "rg")
    read = read_labels(save(tmp_path / "seg.png", Image.fromarray(picture)))
    assert read.kind == "color"
    assert read.name == "seg.png"
    assert read.size == (2, 2)
    np.testing.assert_array_equal(read.data, picture)


def test_what_is_transparent_has_no_label(tmp_path):
    picture = paint("kwb", "rgb")
    rgba = np.dstack([picture, np.array([[0, 255, 255], [7, 0, 255]], np.uint8)])
    for source in (save(tmp_path / "seg.png", Image.fromarray(rgba)), rgba, rgba / 255):
        read = read_labels(source)
        assert read.hidden.tolist() == [[True, False, False], [False, True, False]]
        masks, labels = extract_masks(read, (2, 3))
        assert masks.sum(0).tolist() == [[0, 1, 1], [1, 0, 1]]
        assert masks[labels.index("blue")].tolist() == [[0, 0, 1], [0, 0, 1]]
        pair = prepare_pair(read, read, (2, 3), (2, 3))
        assert pair.content.sum(0).tolist() == [[1, 1, 1], [1, 1, 1]]
        assert set(pair.labels) == {"white", "red", "blue"}  # black and green are seen nowhere


@pytest.mark.parametrize("color", [(255, 255, 255), (0, 0, 0), (9, 200, 30)])
@pytest.mark.parametrize("mode", ["RGBA", "LA", "array"])
def test_one_colour_under_an_alpha_that_varies_is_a_mask(color, mode):
    alpha = np.array([[0, 255, 200], [100, 0, 255]], np.uint8)
    rgba = np.dstack([np.broadcast_to(np.array(color, np.uint8), (2, 3, 3)), alpha])
    rgba[0, 0, :3] = 77  # nobody sees it
    image = Image.fromarray(rgba)
    read = read_labels(rgba if mode == "array" else image.convert(mode))
    assert read.names == ("0", "255")
    assert read.data.tolist() == [[0, 1, 1], [0, 0, 1]]
    grey = read_labels(Image.fromarray(np.where(alpha > 127, 255, 0).astype(np.uint8)))
    assert exact_pair(read, grey, (2, 3), (2, 3)).labels == ("0", "255")


def test_an_alpha_that_does_not_vary_means_nothing():
    picture = paint("kw", "rg")
    for alpha in (0, 128, 255):
        read = read_labels(Image.fromarray(np.dstack([picture, np.full((2, 2), alpha, np.uint8)])))
        assert read.hidden is None
        np.testing.assert_array_equal(read.data, picture)


def palette_image(indices, palette) -> Image.Image:
    image = Image.fromarray(np.array(indices, np.uint8))
    image = Image.frombytes("P", image.size, image.tobytes())
    image.putpalette([v for color in palette for v in color])
    return image


def test_palette_files_match_by_color_not_by_number(tmp_path):
    content = palette_image([[0, 1, 1, 1]], [(255, 0, 0), (0, 0, 255)])
    style = palette_image([[0, 0, 0, 1]], [(0, 0, 255), (255, 0, 0)])
    paths = [save(tmp_path / name, image) for name, image in (("c.png", content), ("s.png", style))]
    pair = exact_pair(*(read_labels(path) for path in paths), (1, 4), (1, 4))
    assert pair.labels == ("blue", "red")
    assert pair.content[:, 0].tolist() == [[0, 1, 1, 1], [1, 0, 0, 0]]
    assert pair.style[:, 0].tolist() == [[1, 1, 1, 0], [0, 0, 0, 1]]


@pytest.mark.parametrize("palette", [[(v, v, v) for v in range(256)], [(9, 9, 9)] * 256], ids=["ramp", "same color"])
def test_palette_that_says_nothing_is_read_as_numbers(palette):
    read = read_labels(palette_image([[3, 0], [7, 3]], palette))
    assert (read.kind, read.names) == ("index", ("0", "3", "7"))
    assert read.data.tolist() == [[1, 0], [2, 1]]


def test_grey_file_with_few_values_is_read_as_numbers(tmp_path):
    grey = np.array([[0, 255, 17]], np.uint8)
    read = read_labels(save(tmp_path / "seg.png", Image.fromarray(grey)))
    assert (read.kind, read.names) == ("index", ("0", "17", "255"))
    assert read.data.tolist() == [[0, 2, 1]]


def test_grey_file_with_many_values_is_color():
    shades = np.repeat(np.r_[np.zeros(60), np.arange(0, 255, 3), np.full(60, 255), np.full(60, 128)][None], 20, 0)
    read = read_labels(Image.fromarray(np.repeat(shades, 2, 0).astype(np.uint8)))
    assert read.kind == "index"  # three values cover most of it
    read = read_labels(Image.fromarray(np.repeat(np.arange(256, dtype=np.uint8)[None], 20, 0)))
    assert read.kind == "color"


def test_black_and_white_and_sixteen_bit_files(tmp_path):
    bits = Image.fromarray(np.array([[0, 255]], np.uint8)).convert("1")
    assert read_labels(save(tmp_path / "one.png", bits)).names == ("0", "255")
    wide = Image.fromarray(np.array([[0, 1000, 40000]], np.uint16))
    assert read_labels(save(tmp_path / "wide.png", wide)).names == ("0", "1000", "40000")


def test_exif_rotation_is_applied(tmp_path):
    image = Image.fromarray(paint("kw"))
    exif = image.getexif()
    exif[0x0112] = 6  # the top row is the right-hand side: rotate by 90 degrees clockwise
    image.save(tmp_path / "seg.png", exif=exif)
    assert read_labels(tmp_path / "seg.png").data.tolist() == paint("k", "w").tolist()


def test_arrays_and_tensors():
    color = torch.tensor(paint("kw", "rg")).double() / 255
    assert read_labels(color).kind == "color"
    index = read_labels(torch.tensor([[5, -1], [2, 5]]))
    assert (index.kind, index.names, index.data.tolist()) == ("index", ("2", "5"), [[1, UNLABELED], [0, 1]])
    assert read_labels(np.array([[0.0, 2.0]])).names == ("0", "2")
    assert read_labels(np.array([[True, False]])).names == ("0", "1")
    stack = read_labels(torch.rand(5, 4, 7, dtype=torch.bfloat16))
    assert (stack.kind, stack.names, stack.size) == ("masks", ("0", "1", "2", "3", "4"), (4, 7))
    assert stack.data.dtype == np.float32
    assert read_labels(np.ones((2, 5, 3), bool)).size == (5, 3)  # bool is never a colour
    assert read_labels(stack) is stack


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (np.zeros((2, 3, 4, 5)), r"seg must have shape .* got \(2, 3, 4, 5\)"),
        (np.zeros((0, 3)), r"none of them zero, got \(0, 3\)"),
        (np.array([[0.5]]), r"must hold whole numbers, got fractions; soft masks have shape \(K, H, W\)"),
        (np.array([[np.nan]]), "must hold finite numbers"),
        (np.full((4, 5, 6), 2.0), r"\(K, H, W\) must be in \[0, 1\], got values from 2.0 to 2.0"),
        (np.full((4, 5, 3), 255.0), r"\(H, W, 3\) must be uint8 or in \[0, 1\]"),
        (np.moveaxis(paint("kwrgbk"), -1, 0), r"\(K, H, W\) must be in \[0, 1\], got values from 0 to 255"),
        (np.arange(300)[None], "300 different grey values: it looks like a photo"),
        (np.array([["sky"]]), "must hold numbers"),
        (42, "must be a path, a PIL image or an array, got int"),
    ],
)
def test_sources_that_are_no_label_image(source, message):
    with pytest.raises(PhotostyleError, match=message) as caught:
        read_labels(source, "seg")
    assert "\n" not in str(caught.value)


def test_unreadable_files(tmp_path, monkeypatch):
    with pytest.raises(PhotostyleError, match=r"^`--style-mask` no\.png: no such file$"):
        read_labels(tmp_path / "no.png", "`--style-mask` no.png")
    (tmp_path / "text.png").write_text("not an image")
    with pytest.raises(PhotostyleError, match=r"text\.png: not a PNG, JPEG, TIFF, WebP, AVIF, GIF or BMP image$"):
        read_labels(str(tmp_path / "text.png"))
    noise = np.random.default_rng(0).integers(0, 256, (50, 50, 3), np.uint8)
    whole = save(tmp_path / "whole.png", Image.fromarray(noise)).read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(PhotostyleError, match=r"cut\.png: the image is truncated, damaged"):
        read_labels(tmp_path / "cut.png")
    with pytest.raises(PhotostyleError, match="this is a directory"):
        read_labels(tmp_path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)  # a limit of Pillow that other programs may change
    assert read_labels(tmp_path / "whole.png").size == (50, 50)


def _painted(horizon: int, sky=(220, 40, 60), ground=(30, 90, 200)) -> Image.Image:
    picture = np.empty((150, 200, 3), np.uint8)
    picture[:horizon], picture[horizon:] = sky, ground
    return Image.fromarray(picture)


def _saved(image: Image.Image, kind: str, **options) -> Image.Image:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return Image.open(file)


@pytest.mark.parametrize("kind", [("JPEG", 90), ("JPEG", 50), ("WEBP", 80)], ids=str)
@pytest.mark.parametrize("grey", [False, True])
def test_lossy_files_with_few_colours_are_not_exact(kind, grey):
    """A level horizon: the file has fewer than 64 colours, none of them the one that was painted."""
    pictures = [_painted(horizon) for horizon in (70, 90)]
    if grey:
        pictures = [_painted(horizon, (80,) * 3, (160,) * 3).convert("L") for horizon in (70, 90)]
    lossy = _saved(pictures[0], kind[0], quality=kind[1])
    for style in (_saved(pictures[1], "PNG"), _saved(pictures[1], "JPEG", quality=75)):
        pair = prepare_pair(read_labels(lossy, "c"), read_labels(style, "s"), (150, 200), (150, 200))
        assert len(pair.labels) == 2
        assert not [note for note in pair.notes if "covers" in note]
        assert float(pair.content[:, 5].sum(1).max()) == 200  # the sky is of one label


def test_a_feathered_mask_has_two_regions():
    masks = [_painted(h, (255,) * 3, (0,) * 3).convert("L").filter(ImageFilter.GaussianBlur(6)) for h in (70, 90)]
    pair = prepare_pair(*(read_labels(mask) for mask in masks), (150, 200), (150, 200))
    assert pair.labels == ("0", "255")
    assert pair.notes == ()
    assert int(pair.content[1, :, 0].sum()) == 70
    soft = read_labels(_saved(masks[0], "PNG"))
    assert exact_pair(soft, read_labels(_painted(90, (255,) * 3, (0,) * 3).convert("L")), (150, 200), (150, 200))


def test_many_grey_labels_are_not_a_feathered_mask():
    numbers = np.repeat(np.arange(40, dtype=np.uint8), 50).reshape(40, 50)
    assert len(read_labels(Image.fromarray(numbers)).names) == 40


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.int16])
def test_numbers_of_any_type_are_found_alike(dtype):
    values = np.array([[7, 3, 7], [200, 3, 9]], dtype)
    read = read_labels(values)
    assert read.names == ("3", "7", "9", "200")
    assert read.data.tolist() == [[1, 0, 1], [3, 0, 2]]
    assert read.data.dtype == np.int16
    shown = read_labels(Image.fromarray(values.astype(np.uint8)))
    assert shown.colors[:, 0].tolist() == [3, 7, 9, 200]
