"""What a file is that is not read: its kind, and what a photographer can do with it."""

from __future__ import annotations

_EXPORT = "export it as PNG or TIFF"
CAMERA_RAW = "a camera's raw file: install photostyle-native[raw], or develop it to a 16-bit TIFF first"
HEIC = f"a HEIC image: install photostyle-native[heif], or {_EXPORT}"

# The first bytes of files, and what they are.
_MAGICS = (
    (b"%!PS", f"a PostScript document: {_EXPORT}"),
    (b"\xc5\xd0\xd3\xc6", f"a PostScript document: {_EXPORT}"),
    (b"%PDF", f"a PDF document: {_EXPORT}"),
    (b"8BPS", f"a Photoshop document: {_EXPORT}"),
    (b"gimp xcf", f"a GIMP document: {_EXPORT}"),
    (b"\xff\x0a", f"a JPEG XL image: {_EXPORT}"),
    (b"\0\0\0\x0cJXL ", f"a JPEG XL image: {_EXPORT}"),
    (b"\0\0\0\x0cjP  ", f"a JPEG 2000 image: {_EXPORT}"),
    (b"\xff\x4f\xff\x51", f"a JPEG 2000 image: {_EXPORT}"),
    (b"\x76\x2f\x31\x01", f"an OpenEXR image, whose light has no upper limit: tone-map it, and {_EXPORT}"),
    (b"#?RADIANCE", f"a Radiance HDR image, whose light has no upper limit: tone-map it, and {_EXPORT}"),
    (b"#?RGBE", f"a Radiance HDR image, whose light has no upper limit: tone-map it, and {_EXPORT}"),
    (b"FUJIFILMCCD-RAW", CAMERA_RAW),
    (b"IIRO", CAMERA_RAW),
    (b"IIRS", CAMERA_RAW),
    (b"MMOR", CAMERA_RAW),
    (b"IIU\0", CAMERA_RAW),
    (b"\0MRM", CAMERA_RAW),
    (b"FOVb", CAMERA_RAW),
    (b"qoif", f"a QOI image: {_EXPORT}"),
    (b"DDS ", f"a DirectDraw texture: {_EXPORT}"),
    (b"\0\0\1\0", f"an icon: {_EXPORT}"),
    (b"PK\3\4", "a ZIP archive or a document in one: unpack or export what is in it"),
    (b"\x1f\x8b", "a compressed file: unpack it"),
    (b"\x28\xb5\x2f\xfd", "a compressed file: unpack it"),
    (b"\x93NUMPY", "a NumPy array: pass it to `photostyle_native.transfer` in Python"),
)
# The brands of ISO base media files.
_BRANDS = (
    ((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"), HEIC),
    ((b"crx ",), CAMERA_RAW),
)
_PAGES = ((b"<svg", f"an SVG drawing: {_EXPORT}"), (b"<!doctype html", "a web page"), (b"<html", "a web page"))
_NETPBM = b"123456"


def what_it_is(head: bytes) -> str | None:
    """What kind of file begins with `head`, some 64 bytes, and what to do; None if it is not known, or is read."""
    if head[4:8] == b"ftyp":
        return next((kind for brands, kind in _BRANDS if head[8:12] in brands), "a video or audio file: take a frame")
    if head[:4] == b"II*\0" and head[8:10] == b"CR":
        return CAMERA_RAW
    if head[:1] == b"P" and head[1:2] in {bytes([d]) for d in _NETPBM} and head[2:3].isspace():
        return f"a Netpbm image: {_EXPORT}"
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith(b"<?xml"):
        return f"an XML document, perhaps an SVG drawing: {_EXPORT}"
    pages = (kind for start, kind in _PAGES if text.startswith(start))
    return next((kind for magic, kind in _MAGICS if head.startswith(magic)), next(pages, None))
