"""Writing of photos: what is kept, what is refused, and that no file is ever half written."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from image_files import HEIGHT, WIDTH, adobe_like, noise
from PIL import Image

from photostyle_native import files
from photostyle_native.errors import PhotostyleError
from photostyle_native.images import write
from photostyle_native.images.photo import Photo, as_photo, read_photo
from photostyle_native.images.write import check_writable, write_photo

EXTENSIONS = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp")


def full_exif() -> bytes:
    exif = Image.Exif()
    exif.endian = "<"
    exif[0x010F], exif[0x0110], exif[0x0112] = "Maker", "Model", 1
    exif[0x013B] = "José".encode()
    exif[0x011A], exif[0x011B], exif[0x0128] = 300.0, 300.0, 2
    exif[0x8769] = {
        0x829A: 0.008,  # exposure time
        0x9003: "2024:05:06 07:08:09",
        0x9204: -0.5,  # exposure bias, signed
        0x927C: b"maker note \0\1\2",
        0xA005: {1: "R98"},  # interoperability
    }
    exif[0x8825] = {1: "N", 2: (48.0, 51.0, 29.5)}  # GPS latitude
    return exif.tobytes()


def parsed(block: bytes | None) -> dict[str, Any]:
    assert block is not None
    assert block.startswith(b"Exif\0\0")
    exif = Image.Exif()
    exif.load(block)
    photo = dict(exif.get_ifd(0x8769))
    photo.pop(0xA005)  # the place of the next directory
    first = {tag: value for tag, value in exif.items() if tag not in (0x0112, 0x8769, 0x8825)}
    return {"first": first, "photo": photo, "gps": exif.get_ifd(0x8825), "interop": exif.get_ifd(0xA005)}


# --- writing


@pytest.mark.parametrize("extension", [".png", ".tif", ".tiff"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [3, 4])
def test_lossless_formats_keep_everything(tmp_path: Path, extension: str, dtype: Any, channels: int) -> None:
    array = noise(channels, dtype)
    if channels == 4:
        array[..., 3] = np.maximum(array[..., 3], 1)  # a tensor has no colours that nobody sees
    alpha = np.ascontiguousarray(array[..., 3]) if channels == 4 else None
    photo = Photo(np.ascontiguousarray(array[..., :3]), alpha, adobe_like(), full_exif())
    path = tmp_path / f"out{extension}"
    assert write_photo(path, photo.tensor(), like=photo) == ()
    again = read_photo(path)
    np.testing.assert_array_equal(again.pixels, photo.pixels)
    assert again.pixels.dtype == dtype
    assert again.icc_profile == adobe_like()
    assert again.notes == ()
    if channels == 4:
        np.testing.assert_array_equal(again.alpha, alpha)
    assert parsed(again.exif) == parsed(full_exif())
    # Pillow and tifffile must see the same.
    if dtype == np.uint8:
        with Image.open(path) as image:
            np.testing.assert_array_equal(np.asarray(image), array)
            assert image.info["icc_profile"] == adobe_like()
            assert image.getexif()[0x0110] == "Model"
    elif extension != ".png":
        np.testing.assert_array_equal(tifffile.imread(path), array)
        with tifffile.TiffFile(path) as tiff:
            tags = tiff.pages.first.tags
            assert tags["ExifTag"].value["DateTimeOriginal"] == "2024:05:06 07:08:09"
            assert tags["Make"].value == "Maker"
            assert tags["InterColorProfile"].value == adobe_like()


@pytest.mark.parametrize("extension", [".jpg", ".jpeg", ".webp", ".JPG"])
def test_lossy_formats_keep_the_metadata(tmp_path: Path, extension: str) -> None:
    smooth = np.add.outer(np.arange(HEIGHT), np.arange(WIDTH))[..., None] * np.array([1, 2, 3])
    photo = Photo(smooth.astype(np.uint8), None, adobe_like(), full_exif())
    path = tmp_path / f"out{extension}"
    assert write_photo(path, photo.pixels, like=photo) == ()
    again = read_photo(path)
    assert np.abs(again.pixels.astype(int) - photo.pixels).mean() < 2
    assert again.icc_profile == adobe_like()
    assert again.exif == full_exif()
    low, high = tmp_path / f"low{extension}", tmp_path / f"high{extension}"
    write_photo(low, noise(), quality=10)
    write_photo(high, noise())
    assert low.stat().st_size < high.stat().st_size / 2
    assert read_photo(low).exif is None


def test_what_a_format_cannot_hold_is_said(tmp_path: Path) -> None:
    photo = Photo(noise(), noise()[..., 0].copy(), None, b"Exif\0\0" + b"MM\0*\0\0\0\x08\0\0" + bytes(70_000))
    notes = write_photo(tmp_path / "out.jpg", photo.pixels, like=photo)
    assert notes == (
        "the EXIF data (70016 bytes) is too long for JPEG and was dropped",
        "JPEG cannot hold the photo's transparency, which was dropped",
    ) or notes == (
        "JPEG cannot hold the photo's transparency, which was dropped",
        "the EXIF data (70016 bytes) is too long for JPEG and was dropped",
    )
    assert write_photo(tmp_path / "out.webp", photo.pixels, like=photo) == ()
    again = read_photo(tmp_path / "out.webp")
    np.testing.assert_array_equal(again.alpha, photo.alpha)


def test_exif_that_tiff_cannot_express_does_not_cost_the_image(tmp_path: Path) -> None:
    photo = Photo(noise(), exif=b"Exif\0\0nonsense")
    notes = write_photo(tmp_path / "out.tif", photo.pixels, like=photo)
    assert len(notes) == 1
    assert notes[0].startswith("the EXIF data cannot be written to TIFF")
    np.testing.assert_array_equal(read_photo(tmp_path / "out.tif").pixels, noise())


def test_bit_depth_by_default_and_on_request(tmp_path: Path) -> None:
    deep, plain = as_photo(noise(3, np.uint16)), as_photo(noise())

    def depth(extension: str, pixels: Any, **options: Any) -> int:
        write_photo(tmp_path / f"out{extension}", pixels, **options)
        return read_photo(tmp_path / f"out{extension}").bit_depth

    for extension in (".png", ".tiff"):
        assert depth(extension, deep.tensor()) == 8
        assert depth(extension, deep.tensor(), like=deep) == 16
        assert depth(extension, deep.pixels) == 16
        assert depth(extension, deep.pixels, like=plain) == 8
        assert depth(extension, plain.pixels, bit_depth=16) == 16
        assert depth(extension, plain.tensor(), like=deep, bit_depth=8) == 8
    for extension in (".jpg", ".webp"):
        assert depth(extension, deep.tensor(), like=deep) == 8
    # 8 -> 16 bits maps 255 to 65535; 16 -> 8 rounds to nearest (128 = 0.498 of a step down, 129 = 0.502 up).
    write_photo(tmp_path / "a.png", noise(), bit_depth=16)
    np.testing.assert_array_equal(read_photo(tmp_path / "a.png").pixels, noise().astype(np.uint16) * 257)
    write_photo(tmp_path / "c.tif", deep.pixels.astype(">u2"))
    np.testing.assert_array_equal(read_photo(tmp_path / "c.tif").pixels, deep.pixels)
    steps = np.array([[[0, 128, 129], [65535, 65407, 65406]]], np.uint16)
    for pixels in (steps, steps / 65535, torch.from_numpy(steps / 65535).permute(2, 0, 1)):
        write_photo(tmp_path / "b.png", pixels, bit_depth=8)
        assert read_photo(tmp_path / "b.png").pixels.tolist() == [[[0, 0, 1], [255, 255, 254]]]


def test_float_pixels_are_clipped_but_not_a_number_is_an_error(tmp_path: Path) -> None:
    pixels = np.array([[[-0.5, 0.5, 1.5]]])
    write_photo(tmp_path / "out.png", pixels)
    assert read_photo(tmp_path / "out.png").pixels.tolist() == [[[0, 128, 255]]]
    pixels[0, 0, 1] = np.nan
    with pytest.raises(PhotostyleError, match=r"`pixels`: float samples must lie in \[0, 1\], got nan to nan"):
        write_photo(tmp_path / "nan.png", pixels)
    assert not (tmp_path / "nan.png").exists()


def test_alpha_follows_another_size_and_depth(tmp_path: Path) -> None:
    alpha = np.zeros((40, 60), np.uint16)
    alpha[:, 30:] = 65535
    photo = Photo(np.zeros((40, 60, 3), np.uint16), alpha)
    write_photo(tmp_path / "small.png", torch.zeros(3, 20, 30), like=photo, bit_depth=8)
    small = read_photo(tmp_path / "small.png")
    assert small.alpha is not None
    assert small.alpha.shape == (20, 30)
    assert small.alpha.dtype == np.uint8
    assert small.alpha[:, :13].max() == 0
    assert small.alpha[:, 17:].min() == 255


@pytest.mark.parametrize(
    ("pixels", "options", "message"),
    [
        (np.zeros((4, 5), np.uint8), {}, r"`pixels` must be .* got \(4, 5\)"),
        (np.zeros((4, 5, 4), np.uint8), {}, r"`pixels` must be .* got \(4, 5, 4\)"),
        (np.zeros((0, 5, 3), np.uint8), {}, r"`pixels` must be .* got \(0, 5, 3\)"),
        (np.zeros((4, 5, 3), np.int32), {}, r"`pixels` must be uint8, uint16 or float, got int32"),
        (torch.zeros(4, 5, 3), {}, r"`pixels`: the tensor must be \(3, H, W\)"),
        (
            torch.zeros(3, 4, 5, dtype=torch.uint8),
            {},
            r"`pixels` must be a float tensor or an array, got .*uint8",
        ),
        (np.zeros((4, 5, 3)), {"bit_depth": 12}, r"`bit_depth` must be 8 or 16, got 12"),
        (np.zeros((4, 5, 3)), {"quality": 0}, r"`quality` must be a whole number from 1 to 100, got 0"),
    ],
)
def test_unusable_pixels_and_options(tmp_path: Path, pixels: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(PhotostyleError, match=message):
        write_photo(tmp_path / "out.png", pixels, **options)
    assert list(tmp_path.iterdir()) == []


# --- checks of the path, and failures


def test_check_writable_and_write_agree_on_paths(tmp_path: Path) -> None:
    (tmp_path / "dir.png").mkdir()
    (tmp_path / "file").write_bytes(b"x")
    bad = {
        "out.gif": r"out\.gif: the extension must be one of \.png, \.jpg, .*\.webp, got \.gif$",
        "out": r"got none$",
        "gone/out.png": r"out\.png: there is no directory .*gone$",
        "file/out.png": r"there is no directory .*file$",
        "dir.png": r"dir\.png: ",
        "x" * 300 + ".png": r"\.png: ",
        "a\0.png": r"null character",
    }
    for name, message in bad.items():
        path = f"{tmp_path}/{name}"
        if len(name) < 256:  # that a name is too long shows only when the file is renamed
            with pytest.raises(PhotostyleError, match=message):
                check_writable(path)
        with pytest.raises(PhotostyleError, match=message):
            write_photo(path, noise())
    for extension in EXTENSIONS:
        check_writable(tmp_path / f"out{extension}")
        check_writable(tmp_path / f"out{extension.upper()}", bit_depth=8)
    for extension in (".jpg", ".jpeg", ".webp"):
        message = r"`bit_depth` 16 requires PNG or TIFF, (JPEG|WEBP) has only 8 bits"
        with pytest.raises(PhotostyleError, match=message):
            check_writable(tmp_path / f"out{extension}", bit_depth=16)
        with pytest.raises(PhotostyleError, match=message):
            write_photo(tmp_path / f"out{extension}", noise(), bit_depth=16)
    with pytest.raises(PhotostyleError, match=r"WEBP can hold at most 16383 pixels a side, got 20000 x 10$"):
        check_writable(tmp_path / "out.webp", size=(10, 20_000))
    with pytest.raises(PhotostyleError, match=r"JPEG can hold at most 65500 pixels a side, got 1 x 65501$"):
        write_photo(tmp_path / "out.jpg", np.zeros((65501, 1, 3), np.uint8))
    check_writable(tmp_path / "out.png", size=(10, 70_000))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dir.png", "file"]


def test_check_writable_leaves_an_existing_file_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "out.png"
    path.write_bytes(b"precious")
    check_writable(path)
    monkeypatch.setattr(os, "access", lambda *_: False)  # the superuser may write any file
    with pytest.raises(PhotostyleError, match=r"out\.png: the file is write-protected$"):
        check_writable(path)
    assert path.read_bytes() == b"precious"
    assert list(tmp_path.iterdir()) == [path]


def refuse(*_: Any, **__: Any) -> Any:
    raise OSError(28, "No space left on device")


def interrupt(*_: Any, **__: Any) -> Any:
    raise KeyboardInterrupt


@pytest.mark.parametrize("extension", EXTENSIONS)
@pytest.mark.parametrize("existing", [True, False])
def test_failure_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, extension: str, existing: bool
) -> None:
    path = tmp_path / f"out{extension}"
    if existing:
        path.write_bytes(b"precious")

    def check() -> None:
        assert list(tmp_path.iterdir()) == ([path] if existing else [])
        assert not existing or path.read_bytes() == b"precious"

    for step in ("fsync", "replace"):
        with monkeypatch.context() as patch:
            patch.setattr(files.os, step, refuse)
            with pytest.raises(PhotostyleError, match=r"cannot be written \(No space left on device\)$"):
                write_photo(path, noise())
            check()
            patch.setattr(files.os, step, interrupt)
            with pytest.raises(KeyboardInterrupt):
                write_photo(path, noise())
            check()
    with monkeypatch.context() as patch:
        patch.setattr(write, "encode", refuse)
        with pytest.raises(PhotostyleError, match=r"cannot be encoded as (PNG|JPEG|TIFF|WEBP) \(.*No space left"):
            write_photo(path, noise())
        check()
        patch.setattr(write, "encode", interrupt)
        with pytest.raises(KeyboardInterrupt):
            write_photo(path, noise())
        check()
    write_photo(path, noise())
    assert list(tmp_path.iterdir()) == [path]
    assert read_photo(path).size == (HEIGHT, WIDTH)


def test_relative_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    check_writable("out.png")
    write_photo("out.png", noise())
    np.testing.assert_array_equal(read_photo("out.png").pixels, noise())
