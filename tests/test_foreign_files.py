"""What is said about files of other kinds."""

from __future__ import annotations

import re

import pytest

from photostyle_native.foreign_files import what_it_is

BOX = b"\0\0\0\x20ftyp"


@pytest.mark.parametrize(
    ("head", "said"),
    [
        (BOX + b"heic" + bytes(16), r"a HEIC image: install photostyle-native\[heif\], or export"),
        (BOX + b"mif1" + bytes(16), r"a HEIC image: install photostyle-native\[heif\], or export"),
        (BOX + b"crx " + bytes(16), r"a camera's raw file: install photostyle-native\[raw\], or develop"),
        (BOX + b"isom" + bytes(16), "a video or audio file"),
        (b"II*\0\x10\0\0\0CR\x02\0", r"a camera's raw file: install photostyle-native\[raw\], or develop"),
        (b"FUJIFILMCCD-RAW 0201", r"a camera's raw file: install photostyle-native\[raw\], or develop"),
        (b"\xff\x0a\x10\x20", "a JPEG XL image: export"),
        (b"\x76\x2f\x31\x01\x02", "an OpenEXR image, .* tone-map"),
        (b"8BPS\0\1", "a Photoshop document: export"),
        (b"%PDF-1.7", "a PDF document: export"),
        (b'<?xml version="1.0"?><svg>', "an XML document, perhaps an SVG drawing: export"),
        (b"\xef\xbb\xbf  <svg xmlns=", "an SVG drawing: export"),
        (b"<!DOCTYPE html><html>", "a web page"),
        (b"P6\n4 4\n255\n", "a Netpbm image: export"),
    ],
)
def test_kinds_of_files(head: bytes, said: str) -> None:
    assert (found := what_it_is(head)) is not None
    assert re.match(said, found)


@pytest.mark.parametrize(
    "head",
    [b"", b"P", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08", b"no image"],
)
def test_what_is_read_or_not_known(head: bytes) -> None:
    assert what_it_is(head) is None
