"""One person's work, without a browser: drafts, solving, dials, strokes, and the files to take home."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from image_files import adobe_like
from PIL import Image

from photostyle_native import Look, PhotostyleError, data, read_photo, transfer
from photostyle_native.color.table import Table
from photostyle_native.images.sheet import photo_pixels
from photostyle_native.images.write import write_photo
from photostyle_native.optimization.solver import Iteration
from photostyle_native.web.studio import FORMATS, Dials, Studio


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """The demo's photos, small."""
    folder = tmp_path_factory.mktemp("photos")
    paths = []
    for path in (data.CONTENT, data.STYLE):
        paths.append(str(folder / f"{path.stem}.png"))
        with Image.open(path) as photo:
            photo.reduce(2).save(paths[-1])
    return paths[0], paths[1]


@pytest.fixture
def studio(tmp_path: Path, photos: tuple[str, str]) -> Studio:
    """A studio with the demo's photos."""
    (tmp_path / "out").mkdir()
    made = Studio(tmp_path / "out", "cpu")
    made.set_photos(*photos)
    return made


def given(studio: Studio, paths: list[str], size: int | None = None) -> tuple[list[str], list[PhotostyleError]]:
    """The files that were written, and what went wrong."""
    outcomes = list(studio.give_to(paths, Dials(), size))
    return (
        [one for one in outcomes if isinstance(one, str)],
        [one for one in outcomes if isinstance(one, PhotostyleError)],
    )


def ignore(picture: np.ndarray, iteration: Iteration) -> None:
    assert picture.dtype == np.uint8


def test_a_draft_is_the_colour_transfer(studio: Studio, photos: tuple[str, str]) -> None:
    picture = studio.draft(Dials())
    wanted = transfer(*photos, preset="colour", device="cpu").image
    assert np.abs(picture.astype(int) - (wanted.permute(1, 2, 0).numpy() * 255).round()).max() <= 1
    assert picture.shape == studio.before().shape == (214, 320, 3)
    assert np.array_equal(studio.turned(Dials(strength=0)), studio.before())
    assert np.array_equal(studio.turned(Dials(realism=0)), picture)  # a draft has no realism


def test_solving_dials_and_going_on(studio: Studio) -> None:
    seen: list[int] = []
    studio.draft(Dials())
    solved = studio.solve(64, Dials(), lambda picture, iteration: seen.append(iteration.iteration))
    assert seen[0] == 0
    assert len(seen) > 5
    report = studio.report(Dials(strength=0.5))
    assert (report["preset"], report["dials"]["strength"]) == ("default", 0.5)
    assert len(report["labels"]) == len(studio.regions().labels) == 2
    less = studio.turned(Dials(strength=0.5))
    half = (studio.before().astype(float) + solved) / 2
    assert np.abs(less - half).max() <= 1.5
    assert not np.array_equal(studio.turned(Dials(realism=0)), solved)
    first = report["history"][0]["total"]
    studio.solve(64, Dials(), ignore)
    assert studio.report(Dials())["history"][0]["total"] < 0.7 * first  # it went on from the picture that it had
    studio.solve(48, Dials(), ignore)
    assert studio.report(Dials())["working_size"] == (32, 48)


def test_stopping_keeps_the_best(studio: Studio) -> None:
    def stop(picture: np.ndarray, iteration: Iteration) -> None:
        if iteration.iteration == 3:
            studio.stop.set()

    picture = studio.solve(64, Dials(), stop)
    assert studio.report(Dials())["interrupted"]
    assert len(studio.report(Dials())["history"]) <= 6
    assert np.array_equal(picture, studio.turned(Dials()))


def test_strokes_correct_the_regions(studio: Studio, tmp_path: Path) -> None:
    before = studio.regions()
    sky = int(np.bincount(before.content[:25].ravel()).argmax())
    layer = np.zeros((214, 320, 4), np.uint8)
    layer[10:30, 50:250] = (255, 0, 0, 255)  # red is no region so far
    Image.fromarray(layer).save(tmp_path / "strokes.png")
    studio.correct((str(tmp_path / "strokes.png"), None))
    after = studio.regions()
    assert "red" in after.labels
    assert (after.content[10:30, 50:250] == after.labels.index("red")).mean() > 0.9
    assert before.labels[sky] != "red"
    content, style = studio.overlays()
    assert content.shape[:2] == after.content.shape
    assert style.shape[:2] == after.style.shape
    Image.new("RGBA", (320, 214)).save(tmp_path / "empty.png")
    with pytest.raises(PhotostyleError, match="the strokes on the content photo must have strokes"):
        studio.correct((str(tmp_path / "empty.png"), None))


@pytest.mark.parametrize("kind", FORMATS)
def test_files_to_take_home(studio: Studio, kind: str) -> None:
    dials = Dials(strength=0.8)
    picture = studio.draft(dials)
    files = [Path(file) for file in studio.write(kind, dials)]
    extension, depth = FORMATS[kind]
    assert [file.name for file in files] == [
        f"china-photostyle{extension}",
        "china.npz",
        "china.cube",
        "china-hald.png",
    ]
    photo = read_photo(files[0])
    assert (photo.size, photo.bit_depth) == ((214, 320), depth)
    difference = np.abs(photo_pixels(photo).astype(int) - picture)
    assert difference.mean() < 3 if extension in (".jpg", ".webp") else difference.max() <= 1.5
    assert Look.load(files[1]).fits(studio.photos()[0].tensor())
    assert Table.read_cube(files[2]).colors.shape == (3, 33, 33, 33)


def test_a_look_on_the_first_photo_alone(studio: Studio) -> None:
    picture = studio.apply_look("blue-hour", Dials())
    assert picture.mean() < studio.before().mean()
    (photo,) = studio.write("PNG, 8 bit", Dials())
    assert np.abs(photo_pixels(read_photo(photo)).astype(int) - picture).max() <= 1.5
    written, problems = given(studio, [str(data.STYLE), __file__])
    assert len(written) == len(problems) == 1
    assert "not a PNG" in str(problems[0])
    studio.draft(Dials())
    assert not np.array_equal(studio.turned(Dials()), picture)


def test_a_look_is_shown_as_it_is_written_in_any_colour_space(studio: Studio, tmp_path: Path) -> None:
    photo = read_photo(data.CONTENT)
    write_photo(tmp_path / "wide.png", photo.tensor(), like=replace(photo, icc_profile=adobe_like()), bit_depth=16)
    studio.set_photos(str(tmp_path / "wide.png"), str(data.STYLE))
    picture = studio.apply_look("blue-hour", Dials())
    written = photo_pixels(read_photo(studio.write("PNG, 16 bit", Dials())[0])).astype(int)
    assert np.abs(written - picture).max() <= 1.5


def test_the_present_look_for_more_photos(studio: Studio) -> None:
    studio.draft(Dials())
    written, problems = given(studio, [str(data.STYLE), str(data.CONTENT)])
    assert problems == []
    assert [Path(file).name for file in written] == ["001-rocket.jpg", "002-china.jpg"]
    content = photo_pixels(read_photo(written[1])).astype(float)
    assert np.abs(content.mean((0, 1)) - studio.turned(Dials()).mean((0, 1))).max() < 8


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    studio = Studio(tmp_path)
    for action in (studio.before, studio.regions, lambda: studio.draft(Dials())):
        with pytest.raises(PhotostyleError, match="Two photos are needed"):
            action()
    studio.set_photos(str(data.CONTENT), None)
    assert not studio.ready
    for action in (lambda: studio.turned(Dials()), lambda: studio.write("JPEG", Dials())):
        with pytest.raises(PhotostyleError, match="There is no result yet"):
            action()
    with pytest.raises(PhotostyleError, match="not a PNG"):
        studio.set_photos(str(data.CONTENT), __file__)


def test_other_photos_leave_nothing_of_the_old_ones(studio: Studio) -> None:
    studio.draft(Dials())
    studio.set_photos(str(data.STYLE), str(data.CONTENT))
    with pytest.raises(PhotostyleError, match="There is no result yet"):
        studio.turned(Dials())
    assert studio.report(Dials()) == {}
    with pytest.raises(PhotostyleError, match="not a PNG"):
        studio.set_photos(__file__, str(data.STYLE))
    assert not studio.ready


def test_a_piece_pixel_by_pixel(tmp_path: Path) -> None:
    scene = np.zeros((900, 1300, 3), np.uint8)
    scene[..., 0], scene[..., 1] = np.arange(1300) % 251, (np.arange(900) % 241)[:, None]
    Image.fromarray(scene).save(tmp_path / "large.png")
    studio = Studio(tmp_path, "cpu")
    with pytest.raises(PhotostyleError, match="There is no photo yet"):
        studio.closely(Dials(), 0, 0)
    studio.set_photos(str(tmp_path / "large.png"), str(data.STYLE))
    studio.draft(Dials(strength=0))
    for across, down, left, top in ((0, 0, 0, 0), (1, 1, 400, 300), (0.5, 0.5, 200, 150)):
        before, after = studio.closely(Dials(strength=0), across, down)
        assert np.array_equal(before, scene[top : top + 600, left : left + 900])
        assert np.array_equal(after, before)
    before, after = studio.closely(Dials(), 0, 0)
    assert not np.array_equal(before, after)


def test_what_is_solved_for_photos_that_have_gone_is_not_shown(studio: Studio) -> None:
    def change(picture: np.ndarray, iteration: Iteration) -> None:
        if iteration.iteration == 2:
            studio.stop.set()
            studio.set_photos(str(data.STYLE), str(data.CONTENT))
            studio.draft(Dials())

    with pytest.raises(PhotostyleError, match="The photos have changed meanwhile"):
        studio.solve(64, Dials(), change)
    assert studio.report(Dials())["preset"] == "colour"


def test_two_lights_are_mixed(studio: Studio, photos: tuple[str, str]) -> None:
    first = studio.draft(Dials()).astype(float)
    studio.set_photos(photos[0], photos[0])
    second = studio.draft(Dials()).astype(float)
    studio.set_photos(*photos, photos[0])
    assert studio.mixed
    for share in (0.0, 0.25, 1.0):
        studio.mix(share)
        assert np.abs(studio.draft(Dials()) - ((1 - share) * first + share * second)).mean() < 1
    studio.mix(0.5)
    studio.correct((None, None))
    studio.solve(64, Dials(), lambda picture, iteration: studio.stop.set() if iteration.iteration > 1 else None)
    labels = studio.report(Dials())["labels"]
    of_first = [label for label in labels if label.startswith("rocket.png: ")]
    assert len(of_first) == len(studio.regions().labels) == 2  # those that are shown
    assert len(labels) > len(of_first)


def test_lights_side_by_side(studio: Studio, photos: tuple[str, str]) -> None:
    night, same = studio.side_by_side(photos[0], [photos[1], photos[0]], Dials())
    assert np.abs(night - studio.draft(Dials()).astype(float)).mean() < 1
    assert np.abs(same - studio.before().astype(float)).mean() < 2
    with pytest.raises(PhotostyleError, match="not a PNG"):
        studio.side_by_side(photos[0], [__file__], Dials())


def test_more_photos_are_solved_one_by_one(studio: Studio, photos: tuple[str, str]) -> None:
    written, problems = given(studio, [__file__, photos[0]], 48)
    assert "not a PNG" in str(problems[0])
    wanted = transfer(*photos, size=48, device="cpu").image.permute(1, 2, 0).numpy() * 255
    assert np.abs(photo_pixels(read_photo(written[0])) - wanted).mean() < 4
    outcomes = studio.give_to([photos[0], photos[1]], Dials(), 48)
    next(outcomes)
    studio.stop.set()
    assert list(outcomes) == []
