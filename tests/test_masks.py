import numpy as np
import pytest
import torch
from PIL import Image

from photostyle_native.errors import PhotostyleError
from photostyle_native.masks.label_images import LabelImage, read_labels
from photostyle_native.masks.pairs import check_aspect, exact_pair, extract_masks, prepare_pair, single_region

COLORS = {
    "k": (0, 0, 0),
    "w": (255, 255, 255),
    "r": (255, 0, 0),
    "g": (0, 255, 0),
    "b": (0, 0, 255),
    "y": (255, 255, 0),
    "e": (128, 128, 128),
    "c": (0, 255, 255),
    "m": (255, 0, 255),
    "d": (128, 0, 0),  # dark red: in no palette of the authors
    "?": (64, 64, 64),  # anti-aliased: black or white, who knows
}


def paint(*rows: str, scale: int = 1) -> np.ndarray:
    """(H, W, 3) uint8 from rows of colour letters, every letter a square of `scale` pixels."""
    picture = np.array([[COLORS[letter] for letter in row] for row in rows], np.uint8)
    return picture.repeat(scale, 0).repeat(scale, 1)


def labels(*rows: str, scale: int = 1, name: str = "mask") -> LabelImage:
    return read_labels(paint(*rows, scale=scale), name)


def letters(stack: torch.Tensor, names: tuple[str, ...]) -> list[str]:
    """Masks -> rows of initials, "." where no mask is set; fails where two are."""
    assert set(stack.unique().tolist()) <= {0.0, 1.0}
    assert bool((stack.sum(0) <= 1).all())
    initials = "".join(name[0] for name in names) + "."
    index = torch.where(stack.sum(0) > 0, stack.argmax(0), len(names))
    return ["".join(initials[k] for k in row) for row in index.tolist()]


# ------------------------------------------------------------------------------------------- exactly as given


def test_authors_colors_in_their_order():
    picture = labels("bgkwryecm")
    stack, names = extract_masks(picture, (1, 9))
    assert names == ("blue", "green", "black", "white", "red", "yellow", "grey", "cyan", "magenta")
    assert stack.dtype == torch.float32
    torch.testing.assert_close(stack[:, 0], torch.eye(9))


@pytest.mark.parametrize(
    ("level", "expected"),
    [(25, "b"), (26, "."), (102, "."), (103, "g"), (152, "g"), (153, "."), (229, "."), (230, "w")],
)
def test_authors_tolerance(level, expected):
    """0.1, 0.4, 0.6, 0.9 of 255 are 25.5, 102, 153, 229.5, and every comparison is strict."""
    for picture in (np.full((1, 1, 3), level, np.uint8), np.full((1, 1, 3), level / 255, np.float32)):
        # A black strip makes it an image in the authors' palette, whatever the level.
        picture = np.concatenate([np.zeros((99, 1, 3), picture.dtype), picture])
        stack, names = extract_masks(read_labels(picture), (100, 1))
        assert letters(stack, names)[-1] == expected


def test_authors_images_are_resized_before_the_comparison():
    # Doubled: 0, 1/4, 3/4, 1 in each row; the two blends are no colour. Sampling would leave no gap.
    stack, names = extract_masks(labels("kw", "kw"), (4, 4))
    assert letters(stack, names) == ["b..w"] * 4


def test_other_palettes_and_numbers_are_sampled():
    stack, names = extract_masks(labels("kd", "kd"), (4, 4))
    assert names == ("black", "#800000")
    assert letters(stack, names) == ["bb##"] * 4
    stack, names = extract_masks(read_labels(np.array([[7, 5]])), (3, 6))
    assert letters(stack, names) == ["777555"] * 3


def test_sampling_takes_the_nearest_centre():
    # Six pixels to four: centres 0.75, 2.25, 3.75, 5.25. Six to two: 1.5 and 4.5.
    read = read_labels(np.arange(6)[None])
    assert letters(*extract_masks(read, (1, 4))) == ["0235"]
    assert letters(*extract_masks(read, (1, 2))) == ["14"]


def test_soft_masks_are_resized_bilinearly():
    stack, names = extract_masks(read_labels(np.array([[[0.0, 1.0]], [[1.0, 0.5]]])), (2, 4))
    assert names == ("0", "1")
    torch.testing.assert_close(stack[0], torch.tensor([0.0, 0.25, 0.75, 1.0]).expand(2, 4))
    torch.testing.assert_close(stack[1], torch.tensor([1.0, 0.875, 0.625, 0.5]).expand(2, 4))


def test_exact_pair_merges_nothing():
    content = labels("kkkkkkkkkkkkkkkkkkkk" * 20 + "w")  # one pixel of 401
    style = labels("kkkkkkkkkkkkkkkkkkkr")
    pair = exact_pair(content, style, (1, 401), (1, 20))
    assert pair.labels == ("black", "white")  # red is not in the content
    assert pair.content.sum((1, 2)).tolist() == [400, 1]
    assert pair.style.sum((1, 2)).tolist() == [19, 0]
    assert pair.notes == ()


def test_exact_pair_needs_a_labelled_pixel():
    with pytest.raises(PhotostyleError, match="stack must have a label on some pixel"):
        exact_pair(
            read_labels(np.zeros((2, 4, 5)), "stack"),
            read_labels(np.ones((2, 4, 5))),
            (4, 5),
            (4, 5),
        )


def test_one_region():
    pair = single_region((3, 5), (2, 7))
    assert pair.labels == ("all",)
    torch.testing.assert_close(pair.content, torch.ones(1, 3, 5))
    torch.testing.assert_close(pair.style, torch.ones(1, 2, 7))


# -------------------------------------------------------------------------------------------------- palettes


def test_a_palette_of_its_own_is_shared_by_both_images():
    content, style = labels("dk", "kk"), labels("kd", "ke")
    pair = exact_pair(content, style, (2, 2), (2, 2))
    assert pair.labels == ("black", "#800000")
    assert letters(pair.content, pair.labels) == ["#b", "bb"]
    assert letters(pair.style, pair.labels) == ["b#", "b."]


def test_compressed_palette_of_its_own():
    """Noise around two colours that are not the authors': thousands of colours, two labels."""
    rng = np.random.default_rng(1)
    clean = np.zeros((60, 80, 3))
    clean[:, :30], clean[:, 30:] = (128, 64, 128), (70, 130, 180)
    noisy = np.round(clean + rng.normal(0, 1.5, clean.shape)).astype(np.uint8)
    assert len(np.unique(noisy.reshape(-1, 3), axis=0)) > 500
    read = read_labels(noisy)
    pair = prepare_pair(read, read, (60, 80), (60, 80))
    assert len(pair.labels) == 2
    left, right = pair.content.argmax(0).split([30, 50], dim=1)
    assert len(left.unique()) == len(right.unique()) == 1
    assert int(left[0, 0]) != int(right[0, 0])


def test_given_exactly_every_pixel_of_such_a_palette_takes_the_nearest_color():
    picture = np.full((40, 40, 3), (128, 64, 128), np.uint8)
    picture[20:] = (70, 130, 180)
    picture[:10, :10] = np.random.default_rng(5).integers(0, 256, (10, 10, 3))  # 6 %, of many colours
    picture[0, :2] = (120, 20, 100), (60, 120, 140)
    read = read_labels(picture)
    stack, names = extract_masks(read, (40, 40))
    assert set(names) == {"#804080", "#4682b4"}
    assert bool((stack.sum(0) == 1).all())
    assert letters(stack[:, :1, :2], ("purple", "blue") if names[0] == "#804080" else ("blue", "purple")) == ["pb"]
    prepared = prepare_pair(read, read, (40, 40), (40, 40))
    assert "of the pixels match no label" in prepared.notes[0]


@pytest.mark.parametrize("columns", [1, 3])
def test_a_small_object_in_a_color_of_its_own_is_not_lost(columns):
    """Black and dark red as data sets paint them: 97 % or 91 % would pass for the authors' black."""
    read = labels("k" * (33 - columns) + "d" * columns)
    pair = prepare_pair(read, read, (1, 33), (1, 33))
    assert pair.labels == ("black", "#800000")
    assert pair.content.sum((1, 2)).tolist() == [33 - columns, columns]


def test_compressed_authors_palette():
    rng = np.random.default_rng(2)
    clean = paint("bbbbr", "bbwww", scale=16)
    noisy = np.clip(clean + rng.normal(0, 12, clean.shape), 0, 255).astype(np.uint8)
    pair = prepare_pair(read_labels(noisy), labels("bwr", "bwr", scale=20), clean.shape[:2], (40, 60))
    assert pair.labels == ("blue", "white", "red")
    truth = np.stack([(clean == COLORS[letter]).all(-1) for letter in "bwr"])
    assert (pair.content.numpy() != truth).mean() < 0.001


def test_a_photo_is_not_a_label_image():
    photo = np.random.default_rng(3).integers(0, 256, (40, 50, 3), np.uint8)
    good = labels("kw", scale=20)
    with pytest.raises(PhotostyleError, match=r"holiday\.jpg must be a label image, .* it looks like a photo"):
        exact_pair(good, read_labels(photo, "holiday.jpg"), (20, 40), (40, 50))
    with pytest.raises(PhotostyleError, match="it looks like a photo"):
        extract_masks(read_labels(photo), (40, 50))


def test_grey_file_beside_a_color_file():
    grey = read_labels(Image.fromarray(np.array([[0, 255]], np.uint8)))
    pair = exact_pair(grey, labels("wwk"), (1, 2), (1, 3))
    assert pair.labels == ("black", "white")
    assert letters(pair.content, pair.labels) == ["bw"]


def test_images_that_cannot_be_compared():
    color, index = labels("kw", name="c.png"), read_labels(np.array([[0, 1]]), "s")
    with pytest.raises(PhotostyleError, match=r"one kind: c\.png is of kind color and s is of kind index"):
        prepare_pair(color, index, (1, 2), (1, 2))
    three, two = read_labels(np.ones((3, 4, 5)), "three"), read_labels(np.ones((2, 4, 5)), "two")
    with pytest.raises(PhotostyleError, match="same number of masks: three has 3, two has 2"):
        exact_pair(three, two, (4, 5), (4, 5))


# -------------------------------------------------------------------------------------------- for a transfer


def test_unlabelled_pixels_join_the_nearest_label():
    row = "k" * 60 + "???" + "w" * 60 + "?" + "w" * 76
    pair = prepare_pair(labels(row, "w" * 200, name="in.png"), labels("kw"), (2, 200), (1, 2))
    assert pair.labels == ("black", "white")
    first, second = letters(pair.content, pair.labels)
    assert first[:61] == "b" * 61
    assert first[62:] == "w" * 138  # pixel 61 is as near to black as to white
    assert second == "w" * 200
    assert pair.notes == ("in.png: 1 % of the pixels match no label and joined the nearest one.",)


def test_slivers_join_the_labels_around_them():
    rows = ["b" * 20] * 7 + ["b" * 9 + "r" + "b" * 10] + ["g" * 20] * 7  # red: one pixel of 300
    pair = prepare_pair(labels(*rows, name="in.png"), labels("bgr", name="tar.png"), (15, 20), (1, 3))
    assert pair.labels == ("blue", "green")
    assert letters(pair.content, pair.labels) == ["b" * 20] * 8 + ["g" * 20] * 7
    assert pair.notes == (
        "in.png: `red` covers 0.33 %, less than 0.5 %, and joined the labels around it.",
        "tar.png: `red` (33 %) is not in in.png and is not used.",
    )
    kept = prepare_pair(labels(*rows), labels("bgr"), (15, 20), (1, 3), min_fraction=0.003)
    assert kept.labels == ("blue", "green", "red")
    assert kept.notes == ()


def test_the_largest_of_many_tiny_labels_remains():
    numbers = np.arange(250).reshape(10, 25)
    numbers[0, :2] = 1
    read = read_labels(numbers)
    pair = prepare_pair(read, read, (10, 25), (10, 25), min_fraction=0.05)
    assert pair.labels == ("1",)
    assert bool((pair.content == 1).all())


@pytest.mark.parametrize("target", [(20, 30), (13, 20), (41, 61)])
def test_every_pixel_gets_one_label(target):
    rng = np.random.default_rng(4)
    picture = paint("kwr", "byc", scale=10)
    picture = np.where(rng.random((20, 30, 1)) < 0.2, rng.integers(30, 100, (20, 30, 3), np.uint8), picture)
    read = read_labels(picture)
    pair = prepare_pair(read, read, target, target)
    assert pair.content.shape[1:] == target
    assert bool((pair.content.sum(0) == 1).all())
    assert bool((pair.style.sum(0) == 1).all())
    assert bool((pair.content.sum((1, 2)) > 0).all())


def test_soft_masks_become_hard():
    stack = np.array([[[0.6, 0.4, 0.0, 0.0, 1.0]], [[0.4, 0.5, 0.1, 0.0, 0.0]]])
    stack[1, 0, 4] = 0.1
    read = read_labels(stack, "stack")
    pair = prepare_pair(read, read, (1, 5), (1, 5))
    assert letters(pair.content, pair.labels)[0] in ("01110", "01100")  # the fourth lies between two labels
    assert pair.notes[0] == "stack: 20 % of the pixels match no label and joined the nearest one."


ORPHAN_CONTENT = ("bbbb", "rrrr", "gggg")
ORPHAN_STYLE = ("bbbb", "wwww", "yyyy", "gggg")


def test_an_orphan_follows_the_style_label_of_its_height_and_area():
    content, style = labels(*ORPHAN_CONTENT, name="in.png"), labels("bbbb", "gggg", "gggg", name="tar.png")
    pair = prepare_pair(content, style, (3, 4), (3, 4))
    # Red: height 1/2, area 1/3. Blue: 1/6, 1/3, so 1/3 apart. Green: 2/3, 2/3, so 1/2 apart.
    assert pair.labels == ("blue", "green")
    assert letters(pair.content, pair.labels) == ["bbbb", "bbbb", "gggg"]
    assert pair.notes == (
        "in.png: `red` (33 %) is not in tar.png and follows `blue`, the closest by height and area.",
    )


def photo(*levels: float) -> torch.Tensor:
    """(3, H, 4), grey rows."""
    return torch.tensor(levels)[None, :, None].expand(3, -1, 4)


def test_an_orphan_follows_the_style_label_that_looks_like_it():
    content, style = labels(*ORPHAN_CONTENT, name="in.png"), labels(*ORPHAN_STYLE, name="tar.png")
    images = {"content_image": photo(0.8, 0.3, 0.7), "style_image": photo(0.1, 0.05, 0.35, 0.1)}
    pair = prepare_pair(content, style, (3, 4), (4, 4), **images)
    # Red is 0.3 darker than its photo, halfway down. White, at 3/8, is 0.1 darker than its own photo;
    # yellow, at 5/8, is 0.2 brighter, though red's own brightness is almost yellow's: this style is a night.
    assert pair.labels == ("blue", "green", "white")
    assert letters(pair.content, pair.labels) == ["bbbb", "wwww", "gggg"]
    assert letters(pair.style, pair.labels) == ["bbbb", "wwww", "....", "gggg"]
    assert pair.notes == (
        "in.png: `red` (33 %) is not in tar.png and follows `white`, the closest by colour and height.",
        "tar.png: `yellow` (25 %) is not in in.png and is not used.",
    )


def test_photo_of_another_size_than_its_masks():
    read = labels("kw", "kw")
    with pytest.raises(PhotostyleError, match=r"`style_image` must have the shape \(3, 2, 2\) .* got \(3, 4, 4\)"):
        prepare_pair(read, read, (2, 2), (2, 2), style_image=torch.zeros(3, 4, 4))


def test_numbers_are_matched_and_ordered_as_numbers():
    content, style = read_labels(np.array([[10, 2, 10]])), read_labels(np.array([[7, 10, 2]]))
    pair = prepare_pair(content, style, (1, 3), (1, 3))
    assert pair.labels == ("2", "10")
    assert pair.content[:, 0].tolist() == [[0, 1, 0], [1, 0, 1]]
    assert pair.style[:, 0].tolist() == [[0, 0, 1], [0, 1, 0]]


def test_no_label_in_common():
    with pytest.raises(PhotostyleError) as caught:
        prepare_pair(labels("bg", name="`content mask`"), labels("rr", name="`style mask`"), (1, 2), (1, 2))
    assert str(caught.value) == (
        "`content mask` and `style mask` have no label in common: content has blue, green; style has red"
    )


@pytest.mark.parametrize("fraction", [-0.1, 1.0, float("nan")])
def test_min_fraction_out_of_range(fraction):
    with pytest.raises(PhotostyleError, match="`min_fraction` must be in"):
        prepare_pair(labels("k"), labels("k"), (1, 1), (1, 1), min_fraction=fraction)


def test_aspect_ratio():
    read = read_labels(np.zeros((200, 300), int), "`--content-mask` seg.png")
    with pytest.raises(PhotostyleError) as caught:
        prepare_pair(read, read, (525, 700), (200, 300))
    assert str(caught.value) == (
        "`--content-mask` seg.png is 300x200, its photo is 700x525: the aspect ratios differ"
    )
    with pytest.raises(PhotostyleError, match="aspect ratios differ"):
        extract_masks(read, (525, 700))
    with pytest.raises(PhotostyleError, match="aspect ratios differ"):
        check_aspect(read.name, read.size, (525, 700))


@pytest.mark.parametrize(
    ("mask", "photo_size", "fits"),
    [
        ((200, 300), (400, 600), True),
        ((200, 300), (400, 611), True),  # 1.8 %
        ((200, 300), (400, 613), False),  # 2.2 %
        ((525, 700), (12, 16), True),
        ((525, 700), (11, 16), True),  # 8 %, but one row of twelve
        ((525, 700), (10, 16), False),
        ((5, 7), (525, 700), True),  # the mask is the small one: 5.25 rows
        ((700, 525), (525, 700), False),
    ],
)
def test_aspect_tolerance(mask, photo_size, fits):
    if fits:
        check_aspect("mask", mask, photo_size)
    else:
        with pytest.raises(PhotostyleError):
            check_aspect("mask", mask, photo_size)
