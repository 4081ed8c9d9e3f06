"""What is opened at all: named formats, regular files, and sizes that a file and the memory can hold."""

from __future__ import annotations

import io
import os
import socket
import struct
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from photostyle_native import picture_files, read_photo
from photostyle_native.errors import PhotostyleError
from photostyle_native.evaluation.contact_sheet import _mask
from photostyle_native.masks.label_images import read_labels
from photostyle_native.picture_files import GIF, JPEG, PNG, check_claim
from photostyle_native.segmentation.scribbles import read_scribbles

POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 40 30\n%%EndComments\n0 0 20 30 rectfill showpage\n"
READERS: dict[str, Callable[[Any], Any]] = {
    "photo": read_photo,
    "mask": read_labels,
    "strokes": lambda path: read_scribbles(path, np.zeros(3), "strokes"),  # type: ignore[arg-type]
    "contact sheet": _mask,
}


def _bytes(kind: str, size: tuple[int, int] = (40, 30), mode: str = "RGB", **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, size).save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
@pytest.mark.parametrize("name", ["mask.png", "mask.eps"])
def test_a_file_starts_no_program(
    name: str, reader: Callable[[Any], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def started(*_: object, **__: object) -> None:
        raise AssertionError("a program was started")

    monkeypatch.setattr(subprocess, "Popen", started)
    for data in (POSTSCRIPT, b"\xc5\xd0\xd3\xc6" + bytes(28) + POSTSCRIPT):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(PhotostyleError, match="a PostScript document: export it"):
            reader(tmp_path / name)


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
def test_formats_of_pillow_that_are_not_named_are_not_opened(reader: Callable[[Any], Any], tmp_path: Path) -> None:
    for kind, mode in (("PPM", "RGB"), ("TGA", "RGB"), ("ICO", "RGB"), ("PCX", "RGB"), ("SGI", "RGB")):
        (tmp_path / "picture.png").write_bytes(_bytes(kind, mode=mode))
        with pytest.raises(PhotostyleError, match=r"not a PNG, JPEG, TIFF, WebP, AVIF, GIF or BMP image"):
            reader(tmp_path / "picture.png")


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
def test_what_is_no_regular_file_is_refused_at_once(reader: Callable[[Any], Any], tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "link.png").symlink_to(tmp_path / "pipe.png")
    with socket.socket(socket.AF_UNIX) as end:
        end.bind(str(tmp_path / "socket.png"))
        for name in ("pipe.png", "folder.png", "link.png", "socket.png"):
            with pytest.raises(PhotostyleError, match=r"an image file is required|cannot be read"):
                reader(tmp_path / name)
    with pytest.raises(PhotostyleError, match="not a regular file"):
        reader("/dev/zero")  # would never end


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP", "GIF", "BMP"])
def test_photos_and_masks_are_read_in_the_same_formats_whatever_their_names(kind: str, tmp_path: Path) -> None:
    (tmp_path / "picture.txt").write_bytes(_bytes(kind))
    assert read_photo(tmp_path / "picture.txt").size == (30, 40)
    assert read_labels(tmp_path / "picture.txt").size == (30, 40)


def _claiming(kind: str, width: int, height: int) -> bytes:
    """A small file whose header states another size."""
    data = bytearray(_bytes(kind, (64, 64), "L" if kind == "JPEG" else "P"))
    if kind == "GIF":
        struct.pack_into("<HH", data, 6, width, height)
    elif kind == "JPEG":
        at = data.find(b"\xff\xc0")
        struct.pack_into(">HH", data, at + 5, height, width)
    else:
        struct.pack_into(">II", data, 16, width, height)
        struct.pack_into(">I", data, 29, zlib.crc32(bytes(data[12:29])))
    return bytes(data)


@pytest.mark.parametrize("reader", [read_photo, read_labels])
@pytest.mark.parametrize(
    ("kind", "size"),
    [("GIF", (65535, 2500)), ("JPEG", (20000, 20000)), ("PNG", (20000, 19000))],
)
def test_a_small_file_that_states_a_huge_size_is_not_decoded(
    kind: str, size: tuple[int, int], reader: Callable[[Any], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bomb").write_bytes(_claiming(kind, *size))
    monkeypatch.setattr(Image.Image, "load", lambda _: pytest.fail("it was decoded"))
    with pytest.raises(PhotostyleError, match=rf"\d+ bytes of {kind} cannot hold {size[0]} x {size[1]} pixels"):
        reader(tmp_path / "bomb")


@pytest.mark.parametrize("kind", ["PNG", "GIF", "WEBP", "BMP", "TIFF"])
def test_a_large_picture_of_one_colour_is_no_bomb(kind: str, tmp_path: Path) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    (tmp_path / "mask").write_bytes(_bytes(kind, (6000, 4000), "RGB" if kind == "WEBP" else "L", **options))
    assert read_labels(tmp_path / "mask").size == (4000, 6000)


def test_sizes_up_to_the_limits_are_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    check_claim("image", PNG, (4, 5), 100, 3, 20)
    with pytest.raises(PhotostyleError, match="image: the image must have at most 19 pixels, got 4 x 5 = 20"):
        check_claim("image", PNG, (4, 5), 100, 3, 19)
    with pytest.raises(PhotostyleError, match=r"image: the image has no pixels \(4 x 0\)"):
        check_claim("image", GIF, (4, 0), 100, 1, 20)
    monkeypatch.setattr(picture_files, "free_bytes", lambda: 1e9)
    check_claim("image", JPEG, (9000, 9000), 10**7, 4, 10**9)
    with pytest.raises(PhotostyleError, match=r"10000 x 10000 pixels takes about 1\.2 GB of memory, and 1\.0 GB are"):
        check_claim("image", JPEG, (10000, 10000), 10**7, 4, 10**9)


def test_photos_and_masks_have_one_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture_files, "free_bytes", lambda: float("inf"))
    for kind in ("PNG", "GIF"):
        (tmp_path / "huge").write_bytes(_claiming(kind, 40001, 10000) + bytes(200_000))
        for reader in (read_photo, read_labels):
            with pytest.raises(PhotostyleError, match="must have at most 400000000 pixels, got 40001 x 10000"):
                reader(tmp_path / "huge")


def _png_with(kind: bytes, data: bytes, pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    plain = buffer.getvalue()
    chunk = struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return plain[:33] + chunk + plain[33:]


XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><r:Description tiff:Orientation="6"/></x:xmpmeta>'
ELEMENT = b"<x:xmpmeta><tiff:Orientation>6</tiff:Orientation></x:xmpmeta>"


@pytest.mark.parametrize("packet", [XMP, ELEMENT])
def test_photo_and_mask_have_one_way_up(packet: bytes, tmp_path: Path) -> None:
    pixels = np.repeat(np.repeat(np.arange(0, 240, 80, np.uint8)[None], 32, 1), 64, 0)[..., None].repeat(3, 2)
    exif, other = Image.Exif(), Image.Exif()
    exif[0x0112], other[0x010F] = 6, "Maker"
    digits = exif.tobytes().hex()
    lines = [digits[i : i + 72] for i in range(0, len(digits), 72)]
    text = f"\nexif\n{len(digits) // 2:8}\n".encode() + "\n".join(lines).encode() + b"\n"

    def saved(kind: str, **options: Any) -> bytes:
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, kind, **options)
        return buffer.getvalue()

    files = {
        "PNG, EXIF": _png_with(b"eXIf", exif.tobytes()[6:], pixels),
        "PNG, EXIF as compressed text": _png_with(
            b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(text), pixels
        ),
        "PNG, EXIF as text": _png_with(b"tEXt", b"Raw profile type exif\0" + text, pixels),
        "PNG, XMP": _png_with(b"iTXt", b"XML:com.adobe.xmp" + bytes(5) + packet, pixels),
        "JPEG, XMP": saved("JPEG", xmp=packet),
        "JPEG, XMP and EXIF without orientation": saved("JPEG", xmp=packet, exif=other),
        "JPEG, EXIF": saved("JPEG", exif=exif),
        "WebP, XMP": saved("WEBP", xmp=packet),
        "WebP, EXIF": saved("WEBP", exif=exif),
        "TIFF, XMP": saved("TIFF", tiffinfo={700: packet}),
        "TIFF": saved("TIFF", tiffinfo={274: 6}),
    }
    for name, data in files.items():
        (tmp_path / "picture").write_bytes(data)
        assert read_photo(tmp_path / "picture").size == (96, 64), name
        assert read_labels(tmp_path / "picture").size == (96, 64), name
