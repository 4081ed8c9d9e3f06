"""Looks: what they recover exactly, what they say in files, and that other programs read them."""

from __future__ import annotations

import contextlib
import io
import os
import tracemalloc
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from color.edits import warm_right
from optional_packages import need
from pictures import smooth_picture
from torch import Tensor

from photostyle_native import Look, PhotostyleError
from photostyle_native.color import look as looks
from photostyle_native.color import look_file
from photostyle_native.color.mixing import Mix
from photostyle_native.images.resize import resize

MAP = torch.tensor([[0.7, 0.1, 0.0, 0.05], [0.1, 0.8, -0.1, 0.0], [0.0, 0.2, 0.5, 0.2]])


def _mapped(image: Tensor) -> Tensor:
    return torch.einsum("cj,jhw->chw", MAP[:, :3], image) + MAP[:, 3:, None]


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
    wanted = warm_right(content)
    error = float((look.apply(content) - wanted).square().mean().sqrt())
    assert error < 0.01
    assert error < 0.2 * float((look.apply(content, everywhere=True) - wanted).square().mean().sqrt())


def test_strength_is_a_straight_line_and_lightness_can_be_kept(look: Look) -> None:
    content = smooth_picture(60, 80)
    whole = look.apply(content)
    assert torch.equal(look.apply(content, strength=0.0), content)
    torch.testing.assert_close(look.apply(content, strength=0.25), content + 0.25 * (whole - content))
    for name in ("keep_luma", "keep_chroma"):
        kept = look.apply(content, strength=0.5, **{name: True})
        torch.testing.assert_close(kept, Mix(0.5, **{name: True})(content, whole))
        assert not torch.allclose(kept, Mix(0.5)(content, whole), atol=0.01)


def test_it_knows_its_scene_again(look: Look) -> None:
    scene = smooth_picture(60, 80)
    for other in (scene, scene**2, (scene - 0.2).clamp(0, 1), resize(scene, (150, 200))):
        assert look.fits(other)
    for other in (
        scene.flip(-1),
        scene.flip(-2),
        scene[..., 20:],
        torch.rand(3, 60, 80),
        torch.full((3, 60, 80), 0.5),
    ):
        assert not look.fits(other)
    assert Look(look.grid, look.tone).fits(torch.rand(3, 5, 5))  # it does not know its scene


def test_applies_at_any_size(look: Look) -> None:
    small, large = smooth_picture(45, 60), smooth_picture(450, 600)
    for content in (small, large):
        torch.testing.assert_close(look.apply(content), warm_right(content), atol=0.06, rtol=0)
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
    assert again.structure is None
    look.save(path)
    again = Look.load(path)
    assert again.icc_profile is None
    assert again.structure is not None
    assert look.structure is not None
    assert torch.equal(again.structure, look.structure)


def _archive(**arrays: object) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)  # type: ignore[arg-type]
    return file.getvalue()


GRID = np.zeros((12, 2, 2, 2), np.float32)
TONE = GRID[..., :1, :1]


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
        _archive(format="photostyle look 1", grid=GRID, tone=GRID, icc=np.zeros(0, np.uint8)),
        _archive(format="photostyle look 1", grid=GRID[:, :0], tone=TONE, icc=np.zeros(0, np.uint8)),
        _archive(format="photostyle look 1", grid=GRID, tone=TONE, icc=np.zeros(0)),
    ],
)
def test_other_files_are_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.npz").write_bytes(content)
    with pytest.raises(PhotostyleError, match=r"x\.npz is not a look"):
        Look.load(tmp_path / "x.npz")


def _larger_than_it_says() -> bytes:
    """The grid's member states 4 GB in its header."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        file, {"descr": "<f4", "fortran_order": False, "shape": (12, 2, 1 << 20, 1 << 10)}
    )
    return file.getvalue() + b"\0" * 64


def _zip(members: dict[str, bytes], encrypted: bool = False, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    data = bytearray(file.getvalue())
    if encrypted:
        for mark, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
            at = -1
            while (at := data.find(mark, at + 1)) >= 0:
                data[at + flags] |= 1
    return bytes(data)


def _members() -> dict[str, bytes]:
    whole = _archive(format="photostyle look 1", grid=GRID, tone=TONE, icc=np.zeros(0, np.uint8))
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_damaged_files_are_refused_in_words_and_cost_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    path.write_bytes(_zip(_members()))
    Look.load(path)
    bomb = _archive(format="photostyle look 1", tone=TONE, icc=np.zeros(0, np.uint8), grid=GRID)
    damaged = [
        _zip({**_members(), "grid.npy": _larger_than_it_says()}),
        _zip({**_members(), "grid.npy": b"\0" * (look_file.MAX_BYTES + 1)}),
        _zip({**_members(), "tone.npy": b"\x93NUMPY\1\0\x10\0{'descr': ('<f4',"}),
        _zip(_members(), encrypted=True),
    ]
    whole = _zip(_members())
    damaged += [whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :] for at in range(0, len(whole), 3)]
    damaged += [whole[:at] for at in range(0, len(whole), 7)]
    tracemalloc.start()
    try:
        for content in [*damaged, bomb[:-30]]:
            path.write_bytes(content)
            with contextlib.suppress(PhotostyleError):  # a byte that means nothing, such as a date, may be damaged
                Look.load(path)
        assert tracemalloc.get_traced_memory()[1] < 3 * look_file.MAX_BYTES
    finally:
        tracemalloc.stop()


def test_a_look_too_large_for_a_file_is_not_written(tmp_path: Path) -> None:
    grid = torch.zeros(12, 17, 300, 300)
    with pytest.raises(PhotostyleError, match=r"x\.npz: a look in a file has at most"):
        Look(grid, grid[:, :, :1, :1]).save(tmp_path / "x.npz")
    assert not (tmp_path / "x.npz").exists()


def test_only_regular_files_are_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.npz")
    with pytest.raises(PhotostyleError, match="not a regular file"):
        Look.load(tmp_path / "x.npz")


def test_options_are_checked(look: Look, tmp_path: Path) -> None:
    image = torch.rand(3, 8, 8)
    with pytest.raises(PhotostyleError, match="one shape"):
        Look.fit(image, torch.rand(3, 8, 9))
    with pytest.raises(PhotostyleError, match="must be positive"):
        Look.fit(image, image, smoothness=0)
    with pytest.raises(PhotostyleError, match="no such file"):
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


def test_a_mixture_changes_by_the_mean(look: Look) -> None:
    scene = smooth_picture(60, 80)
    darker = Look.fit(scene, scene * 0.6)
    photo = 0.3 + 0.4 * smooth_picture(30, 40)  # nothing is cut at 0 or 1
    mixed = Look.mixed([look, darker], (1, 3))
    assert mixed.structure is not None
    assert not mixed.fits(scene.flip(-1))
    for everywhere in (False, True):
        one, other, both = (x.apply(photo, everywhere=everywhere) for x in (look, darker, mixed))
        torch.testing.assert_close(both, 0.25 * one + 0.75 * other, atol=1e-5, rtol=0)
        weak = Look.mixed([look, darker], (1, 3), strength=0.5).apply(photo, everywhere=everywhere)
        torch.testing.assert_close(weak, (photo + both) / 2, atol=1e-5, rtol=0)
    assert torch.equal(Look.mixed([look, darker], (1, 0)).tone, look.tone)
    torch.testing.assert_close(Look.mixed([look], strength=0).apply(photo), photo, atol=1e-6, rtol=0)


def test_looks_of_other_scenes_are_mixed_for_all_places_alike(look: Look) -> None:
    scene = smooth_picture(50, 50).flip(-1)
    mixed = Look.mixed([look, Look.fit(scene, scene**2)])
    assert mixed.structure is None
    assert mixed.fits(scene)
    photo = smooth_picture(30, 40)
    assert torch.equal(mixed.apply(photo), mixed.apply(photo, everywhere=True))


def test_mixtures_are_checked(look: Look) -> None:
    for weights, problem in (
        ((1, 2), "a number for each of 1 looks, got 2"),
        ((-1,), "negative"),
        ((0,), "all zero"),
    ):
        with pytest.raises(PhotostyleError, match=problem):
            Look.mixed([look], weights)
    with pytest.raises(PhotostyleError, match="at least one of the looks"):
        Look.mixed([])
    with pytest.raises(PhotostyleError, match="`strength` must be from 0 to 1"):
        Look.mixed([look], strength=2)
    with pytest.raises(PhotostyleError, match="different colour spaces"):
        Look.mixed([look, replace(look, icc_profile=b"other")])


def test_it_says_how_much_a_table_keeps(look: Look, tmp_path: Path) -> None:
    scene = smooth_picture(60, 80)
    everywhere = Look.fit(scene, scene * 0.6).tone_share
    assert everywhere == pytest.approx(1, abs=1e-3)
    by_place = Look.fit(scene, scene * (0.6 + 0.4 * (torch.arange(80) % 40 < 20))).tone_share
    assert by_place is not None
    assert 0.2 < by_place < 0.9
    look.save(tmp_path / "look.npz")
    assert Look.load(tmp_path / "look.npz").tone_share == pytest.approx(look.tone_share, abs=1e-6)
    replace(look, tone_share=None).save(tmp_path / "old.npz")
    assert Look.load(tmp_path / "old.npz").tone_share is None
