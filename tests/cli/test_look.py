"""`photostyle look`, `apply` and `lut`, and looks that `transfer` saves."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from image_files import adobe_like
from pictures import smooth_picture
from PIL import Image
from torch import Tensor

from photostyle_native import Look, data, read_photo
from photostyle_native.cli.main import main
from photostyle_native.images.resize import resize
from photostyle_native.images.write import write_photo

Capture = pytest.CaptureFixture[str]

# An 8-bit file differs from its picture by rounding, 0.5, and the noise before it, 0.49.
DITHERED = 0.992 / 255


@pytest.fixture
def files(look: Look, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    look.save("look.npz")
    picture = (smooth_picture(50, 70) * 255).round().byte().permute(1, 2, 0).numpy()
    Image.fromarray(picture).save("photo.png")
    return tmp_path


def test_apply_on_the_command_line(look: Look, files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["apply", "look.npz", "photo.png", "-o", "out.png", "--by-place"]) == 0
    assert "70 x 50 pixels with the look of look.npz" in capsys.readouterr().out
    out, photo = (read_photo(Path(name)).tensor() for name in ("out.png", "photo.png"))
    torch.testing.assert_close(out, look.apply(photo), atol=DITHERED, rtol=0)
    assert main(["apply", "look.npz", "photo.png", "-o", "out.tif", "--bit-depth", "16", "--everywhere"]) == 0
    out = read_photo(Path("out.tif")).tensor()
    torch.testing.assert_close(out, look.apply(photo, everywhere=True), atol=0.502 / 65535, rtol=0)


def test_places_count_only_in_the_scene_of_the_look(
    look: Look, files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scene = resize(smooth_picture(60, 80), (120, 160))
    for name, picture, elsewhere in (("scene", scene * 0.8, False), ("other", scene.flip(-1), True)):
        Image.fromarray((picture * 255).round().byte().permute(1, 2, 0).numpy()).save(f"{name}.png")
        assert main(["apply", "look.npz", f"{name}.png", "-o", "out.png"]) == 0
        assert ("this is not the scene" in capsys.readouterr().out) == elsewhere
        photo = read_photo(Path(f"{name}.png")).tensor()
        assert look.fits(photo) != elsewhere
        wanted = look.apply(photo, everywhere=elsewhere)
        torch.testing.assert_close(read_photo(Path("out.png")).tensor(), wanted, atol=DITHERED, rtol=0)
    assert main(["apply", "look.npz", "photo.png", "-o", "out.png", "--by-place", "--everywhere"]) == 2


def test_a_hald_clut_is_what_imagemagick_calls_one(look: Look, files: Path, capsys: Capture) -> None:
    assert main(["lut", "look.npz", "-o", "look.png"]) == 0
    assert "64 colours per axis" in capsys.readouterr().out
    table = read_photo("look.png")
    assert (table.size, table.bit_depth) == ((512, 512), 16)
    pixels = table.tensor().flatten(1)
    for red, green, blue in ((0, 0, 0), (63, 0, 0), (5, 40, 20), (63, 63, 63)):  # red changes fastest
        color = torch.tensor([red, green, blue]).view(3, 1, 1) / 63
        wanted = look.apply(color, everywhere=True).flatten()
        torch.testing.assert_close(pixels[:, red + 64 * green + 4096 * blue], wanted, atol=1 / 65535, rtol=0)
    assert main(["lut", "look.npz", "-o", "small.png", "--size", "16", "--strength", "0"]) == 0
    identity = read_photo("small.png").tensor().flatten(1)
    torch.testing.assert_close(identity[0, :16], torch.arange(16) / 15, atol=1 / 65535, rtol=0)
    torch.testing.assert_close(identity[2, ::256], torch.arange(16) / 15, atol=1 / 65535, rtol=0)
    for size in ("33", "169"):
        assert main(["lut", "look.npz", "-o", "no.png", "--size", size]) == 2
        assert f"--size of a HaldCLUT must be a square from 4 to 144, got {size}" in capsys.readouterr().err


def test_lut_on_the_command_line(look: Look, files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lut", "look.npz", "-o", "look.cube", "--size", "17"]) == 0
    assert "17 colours per axis" in capsys.readouterr().out
    assert Path("look.cube").read_text() == look.cube(17, title="look")


def test_strength_and_what_is_kept(look: Look, files: Path) -> None:
    photo = read_photo(Path("photo.png"))
    assert main(["apply", "look.npz", "photo.png", "-o", "same.png", "--strength", "0"]) == 0
    assert (read_photo(Path("same.png")).pixels == photo.pixels).all()
    assert (
        main(["apply", "look.npz", "photo.png", "-o", "out.png", "--strength", "0.3", "--keep-luma", "--by-place"])
        == 0
    )
    wanted = look.apply(photo.tensor(), strength=0.3, keep_luma=True)
    torch.testing.assert_close(read_photo(Path("out.png")).tensor(), wanted, atol=DITHERED, rtol=0)
    assert main(["lut", "look.npz", "-o", "look.cube", "--size", "5", "--strength", "0.3", "--keep-chroma"]) == 0
    assert Path("look.cube").read_text() == look.cube(5, title="look", strength=0.3, keep_chroma=True)
    assert main(["lut", "look.npz", "-o", "none.cube", "--size", "2", "--strength", "0"]) == 0
    corners = [f"{red}.000000 {green}.000000 {blue}.000000" for blue in (0, 1) for green in (0, 1) for red in (0, 1)]
    assert Path("none.cube").read_text().splitlines()[4:] == corners


def test_transfer_saves_its_look(files: Path) -> None:
    command = ["transfer", "photo.png", "photo.png", "-o", "out.png", "--iterations", "0", "--quiet"]
    assert main([*command, "--size", "64", "--save-look", "new.npz"]) == 0
    out, photo = (read_photo(Path(name)).tensor() for name in ("out.png", "photo.png"))
    torch.testing.assert_close(Look.load("new.npz").apply(photo), out, atol=0.06, rtol=0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["apply", "none.npz", "photo.png", "-o", "out.png"], "none.npz: no such file"),
        (["apply", "photo.png", "photo.png", "-o", "out.png"], "photo.png is not a HaldCLUT"),
        (["apply", "look.npz", "photo.png", "-o", "photo.png"], "would overwrite PHOTO"),
        (["apply", "look.npz", "none.png", "-o", "out.png"], "none.png"),
        (["apply", "look.npz", "photo.png", "-o", "no/out.png"], "there is no directory"),
        (["apply", "look.npz", "photo.png", "-o", "out.png", "--strength", "2"], "must be a number from 0 to 1"),
        (["lut", "look.npz", "-o", "x.cube", "--keep-luma", "--keep-chroma"], "not allowed with argument"),
        (["lut", "look.npz", "-o", "look.npz"], "is written as .cube"),
        (["lut", "look.npz", "-o", "look.cube", "--size", "1"], "from 2 to 256"),
        (["transfer", "photo.png", "photo.png", "-o", "o.png", "--save-look", "a.json"], "written as .npz"),
        (["transfer", "photo.png", "photo.png", "-o", "o.png", "--save-look", "o.png"], "would overwrite the output"),
        (
            ["transfer", "photo.png", "photo.png", "-o", "o.png", "--save-look", "photo.png"],
            "would overwrite CONTENT",
        ),
    ],
)
def test_mistakes_are_one_line(
    arguments: list[str], message: str, files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path.name: path.read_bytes() for path in files.iterdir()}
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert {path.name: path.read_bytes() for path in files.iterdir()} == before


def test_photos_in_another_colour_space_are_converted(look: Look, files: Path) -> None:
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.open("photo.png").save("tagged.png", icc_profile=profile)
    assert main(["apply", "look.npz", "tagged.png", "-o", "tagged-out.png"]) == 0
    assert main(["apply", "look.npz", "photo.png", "-o", "out.png"]) == 0
    tagged, plain = (read_photo(Path(name)) for name in ("tagged-out.png", "out.png"))
    torch.testing.assert_close(tagged.tensor(), plain.tensor(), atol=3 / 255, rtol=0)
    assert tagged.icc_profile == profile  # the photo's own
    wide = read_photo(Path("photo.png")).converted_to(adobe_like())
    write_photo("wide.png", wide.pixels, like=wide)
    assert main(["apply", "look.npz", "wide.png", "-o", "wide-out.png"]) == 0
    out = read_photo(Path("wide-out.png"))
    assert out.icc_profile == adobe_like()
    difference = (out.converted_to(None).tensor() - plain.tensor()).abs() * 255
    assert float(difference.mean()) < 1
    assert float(difference.max()) < 10  # the steps of 8 bits in another space, where it is dark


def edited(image: Tensor) -> Tensor:
    """Warmer and darker, with more contrast: one map for all pixels, but no affine one."""
    return (image**1.5 * torch.tensor([1.0, 0.85, 0.7])[:, None, None]).clamp(0, 1)


def test_a_look_of_an_edited_photo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.chdir(tmp_path)
    before = read_photo(data.CONTENT).tensor((300, 450))
    write_photo("before.png", before)
    write_photo("after.jpg", resize(edited(before), (200, 300)))  # smaller, and lossy
    assert main(["look", "before.png", "after.jpg", "-o", "look.npz"]) == 0
    kept = re.fullmatch(
        r"look.npz: keeps (\d+) % of the change, and (\d+) % as a table for editors \(`lut`\)\n",
        capsys.readouterr().out,
    )
    assert kept
    assert 98 <= int(kept[2]) <= int(kept[1]) <= 100
    third = read_photo(data.STYLE).tensor((240, 360))
    write_photo("third.png", third)
    assert main(["apply", "look.npz", "third.png", "-o", "out.png", "--everywhere"]) == 0
    out = read_photo("out.png").tensor()
    assert float((out - edited(third)).abs().mean()) < 0.02
    assert float((out - third).abs().mean()) > 0.05


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("before.png", "moved.png", "-o", "l.npz"), "lies -2.5 % of the longer side to the right and +0.0 % down"),
        (("before.png", "other.png", "-o", "l.npz"), "the two photos do not show the same scene in the same frame"),
        (("before.png", "tall.png", "-o", "l.npz"), "the aspect ratios differ"),
        (("before.png", "moved.png", "-o", "l.cube"), "a look is written as .npz"),
        (("before.png", "moved.png", "-o", "before.png"), "the look would overwrite BEFORE"),
        (("before.png", "nothing.png", "-o", "l.npz"), "nothing.png"),
    ],
)
def test_what_is_no_edit_of_a_photo_is_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Capture,
    arguments: tuple[str, ...],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    scene = read_photo(data.CONTENT).tensor((300, 450))
    write_photo("before.png", scene[:, :, :400])
    write_photo("moved.png", scene[:, :, 10:410])
    write_photo("tall.png", scene[:, :, :200])
    write_photo("other.png", read_photo(data.STYLE).tensor((300, 400)))
    assert main(["look", *arguments]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1
    assert not Path("l.npz").exists()


def test_many_photos_go_to_a_folder_and_a_broken_one_stops_none(look: Look, files: Path, capsys: Capture) -> None:
    Path("more").mkdir()
    write_photo("more/second.tif", smooth_picture(40, 60), bit_depth=16)
    Path("broken.jpg").write_bytes(b"no picture")
    names = ["photo.png", "broken.jpg", "more/second.tif"]
    assert main(["apply", "look.npz", *names, "-o", "new/out", "--by-place"]) == 1
    out, err = capsys.readouterr()
    assert err.startswith("photostyle: error: broken.jpg")
    assert err.count("\n") == 1
    assert "1 of 3 photos could not be changed" in out
    assert sorted(path.name for path in Path("new/out").iterdir()) == ["photo.png", "second.tif"]
    for name, written, atol in (("photo.png", "photo.png", DITHERED), ("more/second.tif", "second.tif", 1 / 65535)):
        wanted = look.apply(read_photo(name).tensor())
        torch.testing.assert_close(read_photo(f"new/out/{written}").tensor(), wanted, atol=atol, rtol=0)
    assert main(["apply", "look.npz", "more/second.tif", "-o", "new/out"]) == 0, "one photo, and a folder that exists"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("photo.png", "a/photo.png", "-o", "out"), "photo.png and a/photo.png would both be written to this file"),
        (("photo.png", "a/other.png", "-o", "out.jpg"), "several photos are written to a folder"),
        (("photo.png", "a/other.png", "-o", "a"), "the output would overwrite PHOTO"),
        (("a/other.png", "photo.png", "-o", "photo.png/x"), "photo.png"),
    ],
)
def test_folders_that_cannot_be_written_to(
    files: Path, capsys: Capture, arguments: tuple[str, ...], message: str
) -> None:
    Path("a").mkdir()
    for name in ("a/photo.png", "a/other.png"):
        write_photo(name, smooth_picture(40, 60))
    before = Path("a/other.png").read_bytes()
    assert main(["apply", "look.npz", *arguments]) == 2
    assert message in capsys.readouterr().err
    assert Path("a/other.png").read_bytes() == before
    assert not Path("out").exists()


def test_apply_takes_tables_and_names(look: Look, files: Path, capsys: Capture) -> None:
    """What another program does with the table, and what this one does with it, is the same."""
    assert main(["lut", "look.npz", "-o", "table.cube"]) == 0
    assert re.search(r"it keeps \d+ % of the change", capsys.readouterr().out)
    assert main(["lut", "look.npz", "-o", "hald.png"]) == 0
    photo = read_photo(Path("photo.png")).tensor()
    wanted = look.apply(photo, everywhere=True)
    for table in ("table.cube", "hald.png"):
        assert main(["apply", table, "photo.png", "-o", "out.tif", "--bit-depth", "16"]) == 0
        torch.testing.assert_close(read_photo(Path("out.tif")).tensor(), wanted, atol=8e-3, rtol=0)
    assert main(["apply", "blue-hour", "photo.png", "-o", "out.png"]) == 0
    assert "with the look of blue-hour" in capsys.readouterr().out
    assert main(["apply", "blue-our", "photo.png", "-o", "out.png"]) == 2
    assert "one of airy, beige" in capsys.readouterr().err
    assert main(["lut", "table.cube", "-o", "again.cube"]) == 2
    assert "this is a table already" in capsys.readouterr().err


def test_a_table_is_for_the_photos_own_colour_space(look: Look, files: Path) -> None:
    Path("table.cube").write_text(look.cube(65))
    photo = smooth_picture(50, 70)
    write_photo("wide.tif", photo, like=replace(read_photo(Path("photo.png")), icc_profile=adobe_like()))
    assert main(["apply", "table.cube", "wide.tif", "-o", "out.tif"]) == 0
    out = read_photo(Path("out.tif"))
    assert out.icc_profile == adobe_like()
    torch.testing.assert_close(out.tensor(), look.apply(photo, everywhere=True), atol=0.01, rtol=0)


def test_mix(look: Look, files: Path, capsys: Capture) -> None:
    assert main(["mix", "look.npz", "airy", "--weights", "1,1", "--strength", "0.5", "-o", "mixed.npz"]) == 0
    out = capsys.readouterr().out
    assert "mixed.npz: a mixture of look.npz and airy" in out
    assert "treats all places alike" in out
    assert Look.load("mixed.npz").structure is None
    assert main(["mix", "look.npz", "-o", "look.npz"]) == 2
    assert "the look would overwrite LOOK" in capsys.readouterr().err
    assert main(["mix", "look.npz", "airy", "--weights", "1", "-o", "mixed.npz"]) == 2
    assert "--weights must have a number for each of 2 looks, got 1" in capsys.readouterr().err
