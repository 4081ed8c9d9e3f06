"""Looks: what they recover exactly, what they say in files, and that other programs read them."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import smooth_picture
from optional_packages import need
from PIL import Image
from torch import Tensor

from photostyle_native import Look, PhotostyleError, read_photo
from photostyle_native.cli.main import main
from photostyle_native.color import look as looks

MAP = torch.tensor([[0.7, 0.1, 0.0, 0.05], [0.1, 0.8, -0.1, 0.0], [0.0, 0.2, 0.5, 0.2]])


def _mapped(image: Tensor) -> Tensor:
    return torch.einsum("cj,jhw->chw", MAP[:, :3], image) + MAP[:, 3:, None]


def _warm_right(image: Tensor) -> Tensor:
    """An edit that depends on place and brightness."""
    x = torch.linspace(0, 1, image.shape[-1])
    curve = image + 0.3 * (1 - image) * image
    return torch.lerp(image * 0.8, curve * torch.tensor([1.0, 0.8, 0.6])[:, None, None], x)


@pytest.fixture(scope="module")
def look() -> Look:
    content = smooth_picture(60, 80)
    return Look.fit(content, _warm_right(content), cells=8)


@pytest.mark.parametrize(("keep", "smoothness", "error"), [(0.0, 1e-6, 3e-4), (1e-3, 1e-4, 8e-3)])
def test_one_affine_map_is_recovered(
    keep: float, smoothness: float, error: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As well as what else is asked of a look (gains that spare grain, neighbours alike) lets it."""
    monkeypatch.setattr(looks, "_KEEP", keep)
    monkeypatch.setattr(looks, "_STEPS", 400)
    content = smooth_picture(60, 80)
    look = Look.fit(content, _mapped(content), cells=4, bins=3, smoothness=smoothness)
    for everywhere in (False, True):
        difference = look.apply(content, everywhere=everywhere) - _mapped(content)
        assert float(difference.square().mean().sqrt()) <= error


def test_an_edit_that_depends_on_place_and_brightness(look: Look) -> None:
    content = smooth_picture(60, 80)
    wanted = _warm_right(content)
    error = float((look.apply(content) - wanted).square().mean().sqrt())
    assert error < 0.01
    assert error < 0.2 * float((look.apply(content, everywhere=True) - wanted).square().mean().sqrt())


def test_applies_at_any_size(look: Look) -> None:
    small, large = smooth_picture(45, 60), smooth_picture(450, 600)
    for content in (small, large):
        torch.testing.assert_close(look.apply(content), _warm_right(content), atol=0.06, rtol=0)
    batch = look.apply(torch.rand(3, 1, 1))
    assert batch.shape == (3, 1, 1)


def test_a_flat_photo_has_a_look() -> None:
    grey = torch.full((3, 40, 40), 0.5)
    look = Look.fit(grey, grey * 0.5)
    torch.testing.assert_close(look.apply(grey), grey * 0.5, atol=1e-3, rtol=0)
    assert bool(look.apply(smooth_picture(30, 30)).isfinite().all())


def test_what_was_not_seen_looks_as_it_does_elsewhere() -> None:
    """The photo is bright on the left and dark on the right; then comes one that is the other way round."""
    content = torch.full((3, 40, 60), 0.8) + 0.1 * smooth_picture(40, 60)
    content[:, :, 30:] -= 0.7
    look = Look.fit(content, content**2)
    mirrored = content.flip(-1)
    torch.testing.assert_close(look.apply(mirrored), mirrored**2, atol=0.06, rtol=0)


def test_grain_is_not_amplified() -> None:
    """From a grey photo to a colourful one: the colours cannot come from its grain."""
    g = torch.Generator().manual_seed(0)
    grey = smooth_picture(60, 80).mean(0, keepdim=True).expand(3, -1, -1)
    noisy = grey + 0.003 * torch.randn(3, 60, 80, generator=g)
    colors = torch.stack((grey[0], grey[1] ** 2, 1 - grey[2])) + 0.003 * torch.randn(3, 60, 80, generator=g)
    look = Look.fit(noisy, colors)
    spread = look.apply(grey + 0.003 * torch.randn(3, 60, 80, generator=g)) - look.apply(grey.contiguous())
    assert float(spread.std()) < 3 * 0.003


def test_survives_a_file(look: Look, tmp_path: Path) -> None:
    path = tmp_path / "a look.npz"
    Look(look.grid, look.tone, b"profile").save(path)
    again = Look.load(path)
    assert torch.equal(again.grid, look.grid)
    assert torch.equal(again.tone, look.tone)
    assert again.icc_profile == b"profile"
    look.save(path)
    assert Look.load(path).icc_profile is None


def _archive(**arrays: object) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)  # type: ignore[arg-type]
    return file.getvalue()


GRID = np.zeros((12, 2, 2, 2), np.float32)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK\x03\x04 not really",
        _archive(grid=GRID),
        _archive(format="another", grid=GRID, tone=GRID, icc=np.zeros(0, np.uint8)),
        _archive(format="photostyle look 1", grid=GRID[:5], tone=GRID, icc=np.zeros(0, np.uint8)),
        _archive(format="photostyle look 1", grid=np.full_like(GRID, np.nan), tone=GRID, icc=np.zeros(0, np.uint8)),
        _archive(format="photostyle look 1", grid=GRID.astype(complex), tone=GRID, icc=np.zeros(0, np.uint8)),
        _archive(format="photostyle look 1", grid=np.array([print], object), tone=GRID, icc=np.zeros(0, np.uint8)),
    ],
)
def test_other_files_are_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.npz").write_bytes(content)
    with pytest.raises(PhotostyleError, match=r"x\.npz is not a look"):
        Look.load(tmp_path / "x.npz")


def test_options_are_checked(look: Look, tmp_path: Path) -> None:
    image = torch.rand(3, 8, 8)
    with pytest.raises(PhotostyleError, match="one shape"):
        Look.fit(image, torch.rand(3, 8, 9))
    with pytest.raises(PhotostyleError, match="must be positive"):
        Look.fit(image, image, smoothness=0)
    with pytest.raises(PhotostyleError, match="does not exist"):
        Look.load(tmp_path / "none.npz")
    with pytest.raises(PhotostyleError, match=r"written as \.npz"):
        look.save(tmp_path / "look.json")
    with pytest.raises(PhotostyleError, match="from 2 to 256"):
        look.cube(1)


def test_the_table_is_read_by_others(look: Look, tmp_path: Path) -> None:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about what it could do with packages that are not here
        colour = need("colour")

        image = smooth_picture(40, 50)
        errors = []
        for size in (17, 33, 65):  # what is left is interpolation in the table
            path = tmp_path / "look.cube"
            path.write_text(look.cube(size, title='a "look"'))
            table = colour.read_LUT(str(path))
            assert table.size == size
            assert table.name == "a look"
            theirs = torch.from_numpy(table.apply(image.permute(1, 2, 0).numpy())).permute(2, 0, 1).float()
            errors.append(float((theirs - look.apply(image, everywhere=True)).square().mean().sqrt()))
    assert errors[0] > errors[1] > errors[2]
    assert errors[1] < 0.25 / 255


@pytest.fixture
def files(look: Look, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    look.save("look.npz")
    picture = (smooth_picture(50, 70) * 255).round().byte().permute(1, 2, 0).numpy()
    Image.fromarray(picture).save("photo.png")
    return tmp_path


def test_apply_on_the_command_line(look: Look, files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["apply", "look.npz", "photo.png", "-o", "out.png"]) == 0
    assert "70 x 50 pixels with the look of look.npz" in capsys.readouterr().out
    out, photo = (read_photo(Path(name)).tensor() for name in ("out.png", "photo.png"))
    torch.testing.assert_close(out, look.apply(photo), atol=0.502 / 255, rtol=0)
    assert main(["apply", "look.npz", "photo.png", "-o", "out.tif", "--bit-depth", "16", "--everywhere"]) == 0
    out = read_photo(Path("out.tif")).tensor()
    torch.testing.assert_close(out, look.apply(photo, everywhere=True), atol=0.502 / 65535, rtol=0)


def test_lut_on_the_command_line(look: Look, files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lut", "look.npz", "-o", "look.cube", "--size", "17"]) == 0
    assert "17 colours per axis" in capsys.readouterr().out
    assert Path("look.cube").read_text() == look.cube(17, title="look")


def test_transfer_saves_its_look(files: Path) -> None:
    command = ["transfer", "photo.png", "photo.png", "-o", "out.png", "--iterations", "0", "--quiet"]
    assert main([*command, "--size", "64", "--save-look", "new.npz"]) == 0
    out, photo = (read_photo(Path(name)).tensor() for name in ("out.png", "photo.png"))
    torch.testing.assert_close(Look.load("new.npz").apply(photo), out, atol=0.06, rtol=0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["apply", "none.npz", "photo.png", "-o", "out.png"], "none.npz does not exist"),
        (["apply", "photo.png", "photo.png", "-o", "out.png"], "photo.png is not a look"),
        (["apply", "look.npz", "photo.png", "-o", "photo.png"], "would overwrite PHOTO"),
        (["apply", "look.npz", "none.png", "-o", "out.png"], "none.png"),
        (["apply", "look.npz", "photo.png", "-o", "no/out.png"], "there is no directory"),
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
    tagged, plain = (read_photo(Path(name)).tensor() for name in ("tagged-out.png", "out.png"))
    torch.testing.assert_close(tagged, plain, atol=3 / 255, rtol=0)
