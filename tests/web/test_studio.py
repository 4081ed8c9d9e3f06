"""One person's work, without a browser: drafts, solving, dials, strokes, and the files to take home."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from photostyle_native import Look, PhotostyleError, data, read_photo, transfer
from photostyle_native.color.table import Table
from photostyle_native.images.sheet import photo_pixels
from photostyle_native.optimization.solver import Iteration
from photostyle_native.web.studio import FORMATS, Dials, Studio


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    """A studio with the demo's photos."""
    (tmp_path / "out").mkdir()
    made = Studio(tmp_path / "out", "cpu")
    made.set_photos(str(data.CONTENT), str(data.STYLE))
    return made


def ignore(picture: np.ndarray, iteration: Iteration) -> None:
    assert picture.dtype == np.uint8


def test_a_draft_is_the_colour_transfer(studio: Studio) -> None:
    picture = studio.draft(Dials())
    wanted = transfer(data.CONTENT, data.STYLE, preset="colour", device="cpu").image
    assert np.abs(picture.astype(int) - (wanted.permute(1, 2, 0).numpy() * 255).round()).max() <= 1
    assert picture.shape == studio.before().shape == (427, 640, 3)
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
    sky = int(np.bincount(before.content[:50].ravel()).argmax())
    layer = np.zeros((427, 640, 4), np.uint8)
    layer[20:60, 100:500] = (255, 0, 0, 255)  # red is no region so far
    Image.fromarray(layer).save(tmp_path / "strokes.png")
    studio.correct((str(tmp_path / "strokes.png"), None))
    after = studio.regions()
    assert "red" in after.labels
    assert (after.content[20:60, 100:500] == after.labels.index("red")).mean() > 0.9
    assert before.labels[sky] != "red"
    content, style = studio.overlays()
    assert content.shape[:2] == after.content.shape
    assert style.shape[:2] == after.style.shape
    Image.new("RGBA", (640, 427)).save(tmp_path / "empty.png")
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
    assert (photo.size, photo.bit_depth) == ((427, 640), depth)
    difference = np.abs(photo_pixels(photo).astype(int) - picture)
    assert difference.mean() < 3 if extension in (".jpg", ".webp") else difference.max() <= 1.5
    assert Look.load(files[1]).fits(read_photo(data.CONTENT).tensor())
    assert Table.read_cube(files[2]).colors.shape == (3, 33, 33, 33)


def test_a_look_on_the_first_photo_alone(studio: Studio) -> None:
    studio.set_photos(str(data.CONTENT), str(data.STYLE))
    picture = studio.apply_look("blue-hour", Dials())
    assert picture.mean() < studio.before().mean()
    (photo,) = studio.write("PNG, 8 bit", Dials())
    assert np.abs(photo_pixels(read_photo(photo)).astype(int) - picture).max() <= 1.5
    written, problems = studio.give_to([str(data.STYLE), __file__], Dials())
    assert len(written) == len(problems) == 1
    assert "not a PNG" in problems[0]
    studio.draft(Dials())
    assert not np.array_equal(studio.turned(Dials()), picture)


def test_the_present_look_for_more_photos(studio: Studio) -> None:
    studio.draft(Dials())
    written, problems = studio.give_to([str(data.STYLE), str(data.CONTENT)], Dials())
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
    assert studio.draft(Dials()).shape == (427, 640, 3)


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
