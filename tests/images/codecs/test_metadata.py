"""XMP, IPTC, text and resolution: kept where the format has a place for them, and named where it has none."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import pytest
from image_files import exif_bytes, noise, pillow_bytes, png_chunk, read, tiff_bytes
from PIL import Image, PngImagePlugin

from photostyle_native.images.codecs.metadata import Metadata
from photostyle_native.images.photo import Photo, read_photo
from photostyle_native.images.write import write_photo

XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/></rdf:RDF></x:xmpmeta>'
)
UPRIGHT_XMP = XMP.replace(b'"6"', b'"1"')
IPTC = b"\x1c\x02\x74\x00\x07Example"  # 2:116, the copyright notice
EXTENSIONS = {"JPEG": ".jpg", "PNG": ".png", "TIFF": ".tif", "WEBP": ".webp"}


def jpeg(**options: Any) -> bytes:
    plain = pillow_bytes(noise(), "JPEG", xmp=XMP, dpi=(300, 150), comment=b"by me", **options)
    payload = b"Photoshop 3.0\0" + struct.pack(">4sHHI", b"8BIM", 0x0404, 0, len(IPTC)) + IPTC
    return plain[:2] + b"\xff\xed" + struct.pack(">H", len(payload) + 2) + payload + plain[2:]


def png() -> bytes:
    info = PngImagePlugin.PngInfo()
    info.add_text("Copyright", "Zo\xeb")
    info.add_itxt("Title", "\u6771\u4eac")
    info.add_text("Comment", "long " * 50, zip=True)
    info.add_itxt("XML:com.adobe.xmp", XMP.decode())
    return pillow_bytes(noise(), "PNG", pnginfo=info, dpi=(300, 150))


def tiff() -> bytes:
    blocks: list[Any] = [(700, "B", len(XMP), XMP, True), (33723, "B", len(IPTC), IPTC, True), (274, 3, 1, 6, True)]
    return tiff_bytes(
        noise(), photometric="rgb", metadata=None, extratags=blocks, resolution=(300, 150), resolutionunit="inch"
    )


FILES = {"JPEG": jpeg, "PNG": png, "TIFF": tiff}


def through(tmp_path: Path, photo: Photo, kind: str) -> tuple[Photo, tuple[str, ...]]:
    path = tmp_path / f"out{EXTENSIONS[kind]}"
    notes = write_photo(path, photo.pixels, like=photo)
    return read_photo(path), notes


@pytest.mark.parametrize("kind", FILES)
def test_each_format_keeps_what_it_reads(kind: str, tmp_path: Path) -> None:
    photo = read(tmp_path, FILES[kind]())
    assert photo.metadata.xmp == UPRIGHT_XMP
    assert photo.metadata.iptc == (None if kind == "PNG" else IPTC)
    assert photo.metadata.resolution == pytest.approx((150, 300), abs=0.02)  # it lay on its side
    again, notes = through(tmp_path, photo, kind)
    assert notes == ()
    assert again.metadata.xmp == photo.metadata.xmp
    assert again.metadata.iptc == photo.metadata.iptc
    assert again.metadata.text == photo.metadata.text
    assert again.metadata.resolution == pytest.approx((150, 300), abs=0.02)
    assert again.size == photo.size  # the XMP data does not turn it once more


def test_texts_of_png_and_comments(tmp_path: Path) -> None:
    photo = read(tmp_path, png())
    assert photo.metadata.text == (("Copyright", "Zo\xeb"), ("Title", "\u6771\u4eac"), ("Comment", "long " * 50))
    assert read(tmp_path, jpeg()).metadata.text == (("Comment", "by me"),)
    assert read(tmp_path, pillow_bytes(noise(1), "GIF", comment=b"hello")).metadata.text == (("Comment", "hello"),)


def test_what_a_format_has_no_place_for_is_named(tmp_path: Path) -> None:
    photo = read(tmp_path, png())
    again, notes = through(tmp_path, photo, "JPEG")
    assert notes == ("JPEG cannot hold the photo's text (Copyright, Title), which was dropped",)
    assert again.metadata.text == (("Comment", "long " * 50),)
    _, notes = through(tmp_path, photo, "WEBP")
    assert notes == ("WEBP cannot hold the photo's text (Copyright, Title, Comment), which was dropped",)
    photo = read(tmp_path, tiff())
    again, notes = through(tmp_path, photo, "WEBP")
    assert notes == ("WEBP cannot hold the photo's IPTC data, which was dropped",)
    assert again.metadata.xmp == UPRIGHT_XMP
    long = tiff_bytes(noise(), photometric="rgb", extratags=[(700, "B", 70000, XMP + bytes(70000 - len(XMP)), True)])
    _, notes = through(tmp_path, read(tmp_path, long), "JPEG")
    assert notes == ("JPEG cannot hold the photo's XMP data, which was dropped",)


def test_iptc_that_is_said_to_be_numbers_and_a_resolution_in_centimetres(tmp_path: Path) -> None:
    padded = IPTC + bytes(-len(IPTC) % 4)
    numbers = struct.unpack(f"<{len(padded) // 4}I", padded)
    tags: list[Any] = [(33723, "I", len(numbers), numbers, True)]
    data = tiff_bytes(
        noise(), photometric="rgb", byteorder="<", extratags=tags, resolution=(100, 100), resolutionunit=3
    )
    photo = read(tmp_path, data)
    assert photo.metadata.iptc == padded
    assert photo.metadata.resolution == pytest.approx((254, 254))


def test_long_texts_cost_no_memory(tmp_path: Path) -> None:
    info = PngImagePlugin.PngInfo()
    for k in range(9):
        info.add_text(f"key {k}", "x" * (1 << 20), zip=True)
    photo = read(tmp_path, pillow_bytes(noise(), "PNG", pnginfo=info))
    assert sum(len(text) for _, text in photo.metadata.text) == 1 << 22
    assert "its text is longer than 4 MB, and the rest was dropped" in photo.notes


@pytest.mark.parametrize("endian", "<>")
def test_the_size_in_exif_turns_with_the_photo(endian: str, tmp_path: Path) -> None:
    for orientation, turned in ((1, False), (3, False), (6, True), (8, True)):
        exif = Image.Exif()
        exif.endian = endian
        exif[0x0112] = orientation
        exif[0x8769] = {0xA002: 23, 0xA003: 37, 0x9003: "2024:05:06 07:08:09"}
        photo = read(tmp_path, pillow_bytes(noise(), "JPEG", exif=exif.tobytes()))
        again, _ = through(tmp_path, photo, "JPEG")
        loaded = Image.Exif()
        loaded.load(again.exif or b"")
        inner = loaded.get_ifd(0x8769)
        assert (inner[0xA002], inner[0xA003]) == ((37, 23) if turned else (23, 37)) == photo.size[::-1]
        assert inner[0x9003] == "2024:05:06 07:08:09"


def test_thumbnails_of_another_picture_go() -> None:
    thumbnails = b"<xmp:Thumbnails><rdf:Alt>...</rdf:Alt></xmp:Thumbnails>\n"
    packet = XMP.replace(b"</rdf:RDF>", thumbnails + b"</rdf:RDF>")
    assert Metadata(packet).upright(1).xmp == UPRIGHT_XMP
    assert Metadata(packet, resolution=(1.0, 2.0)).upright(6).resolution == (2.0, 1.0)
    assert Metadata().upright(6) == Metadata()


def test_blocks_that_imagemagick_wrote_as_text(tmp_path: Path) -> None:
    block = exif_bytes(6)
    digits = b"\nexif\n" + str(len(block)).encode().rjust(8) + b"\n" + block.hex().encode() + b"\n"
    chunks = [(b"Raw profile type exif", digits), (b"Raw profile type iptc", b"\niptc\n 4\n00ff\n")]
    plain = pillow_bytes(noise(), "PNG")
    texts = b"".join(png_chunk(b"tEXt", keyword + b"\0" + text) for keyword, text in chunks)
    photo = read(tmp_path, plain[:33] + texts + plain[33:])
    assert photo.size == noise().shape[1::-1]
    assert photo.exif == exif_bytes(1)
    assert photo.metadata.text == ()
    assert photo.notes == ("its text `raw profile type iptc` was dropped",)
