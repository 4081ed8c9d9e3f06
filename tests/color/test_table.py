"""Tables of other programs: read back what looks write, as others read them, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from optional_packages import need
from pictures import smooth_picture

from photostyle_native import Look, PhotostyleError
from photostyle_native.color.table import Table

IDENTITY = "LUT_3D_SIZE 2\n0 0 0\n1 0 0\n0 1 0\n1 1 0\n0 0 1\n1 0 1\n0 1 1\n1 1 1\n"


def read(text: str, tmp_path: Path) -> Table:
    path = tmp_path / "table.cube"
    path.write_text(text)
    return Table.read_cube(path)


def test_a_cube_comes_back(look: Look, tmp_path: Path) -> None:
    table = read(look.cube(33), tmp_path)
    assert table.colors.shape == (3, 33, 33, 33)
    photo = smooth_picture(40, 50)
    assert table.fits(photo)
    wanted = look.apply(photo, everywhere=True)
    finer = read(look.cube(65), tmp_path)
    coarse, fine = ((one.apply(photo) - wanted).abs() for one in (table, finer))
    assert float(coarse.mean()) < 1e-3
    assert float(fine.max()) < 0.6 * float(coarse.max()) < 0.01


def test_a_hald_clut_comes_back(look: Look) -> None:
    photo = smooth_picture(40, 50)
    table = Table.from_hald(look.hald(64), "hald.png")
    torch.testing.assert_close(table.apply(photo), look.apply(photo, everywhere=True), atol=3e-3, rtol=0)
    with pytest.raises(PhotostyleError, match=r"square\.png is not a HaldCLUT: it is 50x40"):
        Table.from_hald(photo, "square.png")


def test_strength_and_what_is_kept(look: Look, tmp_path: Path) -> None:
    photo, table = smooth_picture(40, 50), read(look.cube(), tmp_path)
    assert torch.equal(table.apply(photo, strength=0), photo)
    half = (photo + table.apply(photo)) / 2
    torch.testing.assert_close(table.apply(photo, strength=0.5), half, atol=1e-6, rtol=0)
    with pytest.raises(PhotostyleError, match="choose one"):
        table.apply(photo, keep_luma=True, keep_chroma=True)


def test_colours_agree_with_a_reader_of_others(look: Look, tmp_path: Path) -> None:
    colour = need("colour")
    (tmp_path / "look.cube").write_text(look.cube(17))
    photo = smooth_picture(30, 40)
    theirs = colour.read_LUT(str(tmp_path / "look.cube")).apply(photo.permute(1, 2, 0).double().numpy())
    ours = Table.read_cube(tmp_path / "look.cube").apply(photo).permute(1, 2, 0)
    torch.testing.assert_close(ours.double(), torch.from_numpy(theirs).clamp(0, 1), atol=1e-5, rtol=0)


def test_red_changes_fastest(tmp_path: Path) -> None:
    swapped = IDENTITY.replace("1 0 0", "0 0 1", 1)  # what was red becomes blue
    red = torch.tensor((1.0, 0.0, 0.0)).view(3, 1, 1)
    assert read(swapped, tmp_path).apply(red).flatten().tolist() == [0, 0, 1]


def test_comments_titles_and_line_ends(tmp_path: Path) -> None:
    text = '# made by hand\r\nTITLE "3 words here"\r\nDOMAIN_MIN 0 0 0\r\nDOMAIN_MAX 1 1 1\r\n\r\n' + IDENTITY
    photo = smooth_picture(10, 12)
    torch.testing.assert_close(read(text, tmp_path).apply(photo), photo, atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "its size is 0, its rows 0"),
        ("hello world\n", "its size is 0"),
        (IDENTITY[:-6], "its size is 2, its rows 7"),
        (IDENTITY + "1 1 1\n", "its size is 2, its rows 9"),
        (IDENTITY.replace("0 1 1", "0 one 1"), "is damaged"),
        (IDENTITY.replace("0 1 1", "0 nan 1"), "is damaged"),
        (IDENTITY.replace("0 1 1", "0 1"), "is damaged"),
        (IDENTITY.replace("SIZE 2", "SIZE 1000000"), "its size is 1000000"),
        (IDENTITY.replace("SIZE 2", "SIZE two"), "is damaged"),
        (IDENTITY.replace("SIZE 2", "SIZE"), "its size is 0"),
        ("LUT_1D_SIZE 2\n0 0 0\n1 1 1\n", "it holds curves"),
        ("DOMAIN_MAX 4 4 4\n" + IDENTITY, "must be for values from 0 to 1"),
        ("LUT_3D_INPUT_RANGE 0 2\n" + IDENTITY, "must be for values from 0 to 1"),
    ],
)
def test_other_files_are_refused(text: str, problem: str, tmp_path: Path) -> None:
    with pytest.raises(PhotostyleError, match=rf"table\.cube.*{problem}"):
        read(text, tmp_path)
