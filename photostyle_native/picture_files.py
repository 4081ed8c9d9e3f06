"""The one door through which every file with a picture is read: photos, masks, strokes, pictures of other programs.

Only the formats of `FORMATS` are opened, recognised by a file's first bytes and never by its name. Pillow would open
some fifty formats, among them PostScript, for which it starts another program. A file whose header states more pixels
than its bytes can hold, or than the free memory can, is refused before it is decoded.
"""

from __future__ import annotations

import os
import stat
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any, TypeAlias

from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from . import foreign_files
from .errors import PhotostyleError, lacks_memory, reason
from .foreign_files import what_it_is

AnyPath: TypeAlias = "str | os.PathLike[str]"

MAX_PIXELS = 400_000_000
HEAD = 64  # bytes that suffice to recognise a file
_STDERR = threading.Lock()
_FIXED = 1 << 20  # pixels that a file of any size may state
_WORKING_BYTES = 8  # of a pixel, for a copy of the picture and what a decoder needs


@dataclass(frozen=True)
class PictureFormat:
    """A format that is read.

    Args:
        name: as messages write it.
        plugin: Pillow's class for it. `Image.open` would have a limit on the number of pixels that only a global
            variable can change, and could pass a file to any of Pillow's decoders.
        pixels_per_byte: the most that its compression can do, with a margin.
    """

    name: str
    plugin: Callable[[IO[bytes]], Image.Image]
    pixels_per_byte: int


PNG = PictureFormat("PNG", PngImagePlugin.PngImageFile, 10_000)  # one bit a pixel, and 1 : 1032 by deflate
JPEG = PictureFormat("JPEG", JpegImagePlugin.JpegImageFile, 2_000)  # 64 pixels need one bit at least
TIFF = PictureFormat("TIFF", TiffImagePlugin.TiffImageFile, 1_000_000)  # an empty line of a fax is one bit
WEBP = PictureFormat("WebP", WebPImagePlugin.WebPImageFile, 10_000_000)  # one colour takes no bits at all
GIF = PictureFormat("GIF", GifImagePlugin.GifImageFile, 5_000)  # a code of twelve bits stands for 4096 pixels
BMP = PictureFormat("BMP", BmpImagePlugin.BmpImageFile, 300)  # a pair of bytes stands for 255 pixels
AVIF = PictureFormat("AVIF", AvifImagePlugin.AvifImageFile, 10_000_000)  # as WebP


def _heic(file: IO[bytes]) -> Image.Image:
    from pillow_heif import HeifImageFile  # an extra

    return HeifImageFile(file)


HEIC = PictureFormat("HEIC", _heic, 10_000_000)  # as WebP; needs the package pillow-heif
RAW = PictureFormat("a camera's raw file", TIFF.plugin, 100)  # only photos; needs the package rawpy
FORMATS = (PNG, JPEG, TIFF, WEBP, AVIF, HEIC, GIF, BMP, RAW)
NAMES = "PNG, JPEG, TIFF, WebP, AVIF, GIF or BMP"

_MAGICS = (
    (b"\x89PNG\r\n\x1a\n", PNG),
    (b"\xff\xd8\xff", JPEG),
    # The last two are BigTIFF.
    *((magic, TIFF) for magic in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")),
    (b"GIF87a", GIF),
    (b"GIF89a", GIF),
    (b"BM", BMP),
)


def recognise(head: bytes, name: str, *, raw: bool = False) -> PictureFormat:
    """The format of a file that begins with `head`, its first `HEAD` bytes; `RAW` only if `raw` is true.

    Raises:
        PhotostyleError: it is none of `FORMATS`; the message says what it is, as far as that is known.
    """
    if not head:
        raise PhotostyleError(f"{name}: the file is empty")
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return WEBP
    if head[4:8] == b"ftyp" and {b"avif", b"avis"} & {head[at : at + 4] for at in (8, *range(16, HEAD, 4))}:
        return AVIF
    foreign = what_it_is(head)
    if foreign == foreign_files.HEIC and find_spec("pillow_heif"):
        return HEIC
    if foreign == foreign_files.CAMERA_RAW and raw and find_spec("rawpy"):
        return RAW
    if foreign is None:
        for magic, its_format in _MAGICS:
            if head.startswith(magic):
                return its_format
    raise PhotostyleError(f"{name}: not a {NAMES} image" + (f"; it is {foreign}" if foreign else ""))


@contextmanager
def open_file(path: AnyPath, name: str | None = None, wanted: str = "an image file") -> Iterator[IO[bytes]]:
    """Open a regular file to read; nothing else is opened, so that no pipe or device is waited for or changed.

    Args:
        path: the file; a symbolic link is followed.
        name: what messages call it; by default the path.
        wanted: what messages say that it has to be.

    Raises:
        PhotostyleError: there is no such file, it is not a regular one, or the system refuses to read it.
    """
    shown = file_name(path) if name is None else name
    with _opened(path, shown, wanted) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise PhotostyleError(f"{shown}: {wanted} is required, this is not a regular file")
        try:
            yield file
        except OSError as error:
            raise PhotostyleError(f"{shown}: cannot be read ({error.strerror or error})") from error


def _opened(path: AnyPath, shown: str, wanted: str) -> IO[bytes]:
    try:
        return open(path, "rb", opener=_opener)
    except FileNotFoundError as error:
        raise PhotostyleError(f"{shown}: no such file") from error
    except IsADirectoryError as error:
        raise PhotostyleError(f"{shown}: {wanted} is required, this is a directory") from error
    except (OSError, ValueError) as error:
        raise PhotostyleError(f"{shown}: cannot be read ({getattr(error, 'strerror', None) or error})") from error


def _opener(path: str, flags: int) -> int:
    """Open without waiting for what a pipe has at its other end, and without a terminal becoming this program's."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0))


def file_name(path: AnyPath) -> str:
    """The path as a string. Raises PhotostyleError if it contains a null character."""
    name = os.fsdecode(path)
    if "\0" in name:
        raise PhotostyleError(f"{name!r}: a file name cannot contain a null character")
    return name


def check_claim(
    name: str, its_format: PictureFormat, size: tuple[int, int], file_bytes: int, pixel_bytes: int, max_pixels: int
) -> None:
    """Refuse a picture by what its header states, before it is decoded.

    Args:
        name: what messages call the file.
        its_format: its format.
        size: width and height, in pixels.
        file_bytes: the length of the file.
        pixel_bytes: bytes of a decoded pixel.
        max_pixels: the largest number of pixels to accept.

    Raises:
        PhotostyleError: the picture has no pixels, or more than `max_pixels`, than a file of this length can hold, or
            than fit into the memory that is free.
    """
    width, height = size
    pixels = width * height
    if width < 1 or height < 1:
        raise PhotostyleError(f"{name}: the image has no pixels ({width} x {height})")
    if pixels > max_pixels:
        raise PhotostyleError(
            f"{name}: the image must have at most {max_pixels} pixels, got {width} x {height} = {pixels}"
        )
    if pixels > _FIXED + file_bytes * its_format.pixels_per_byte:
        raise PhotostyleError(
            f"{name}: the image is truncated, or is not what its header says: {file_bytes} bytes of "
            f"{its_format.name} cannot hold {width} x {height} pixels"
        )
    needed, free = pixels * (pixel_bytes + _WORKING_BYTES), free_bytes()
    if needed > free:
        raise PhotostyleError(
            f"{name}: to read {width} x {height} pixels takes about {needed / 1e9:.1f} GB of memory, and "
            f"{free / 1e9:.1f} GB are free"
        )


def free_bytes() -> float:
    """The bytes of memory that programs can still get, as Linux estimates it; infinite where that is not known."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(1024.0 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError, IndexError):
        return float("inf")


@contextmanager
def open_picture(path: AnyPath, name: str | None = None, max_pixels: int = MAX_PIXELS) -> Iterator[Image.Image]:
    """Open a file with Pillow, of which as a rule nothing is decoded yet. Use it in a ``with`` statement.

    Args:
        path: the file.
        name: what messages call it beside its path, such as an argument.
        max_pixels: a file whose header states more is refused.

    Raises:
        PhotostyleError: what `open_file`, `recognise` and `check_claim` raise; or the file is damaged, also if that
            is found while the image is used within the ``with`` statement.
    """
    shown = file_name(path)
    if name is not None:
        shown = name if os.path.basename(shown) in name else f"{name} ({shown})"
    with open_file(path, shown) as file, decoding(shown):
        its_format = recognise(file.read(HEAD), shown)
        length = file.seek(0, os.SEEK_END)
        file.seek(0)
        with its_format.plugin(file) as image:
            check_claim(shown, its_format, image.size, length, pixel_bytes(image), max_pixels)
            if its_format is TIFF:
                with _without_stderr():
                    image.load()
            yield image


@contextmanager
def _without_stderr() -> Iterator[None]:
    """Keep lines that libtiff writes itself, about a damaged file, from the process's stderr, which is the user's."""
    with _STDERR:  # one thread at a time, or the one that is last would restore what the other put there
        try:
            kept = os.dup(2)
        except OSError:  # it is closed
            yield
            return
        try:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, 2)
            os.close(nowhere)
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def pixel_bytes(image: Image.Image) -> int:
    """Bytes of a pixel of a Pillow image in memory."""
    return 1 if image.mode in ("1", "L", "P") else 2 if image.mode.startswith("I;16") else 4


@contextmanager
def decoding(name: str) -> Iterator[None]:
    """Turn each exception that a decoder may raise on a damaged file into a PhotostyleError about that file."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        except PhotostyleError:
            raise
        except Exception as error:
            if lacks_memory(error):
                raise PhotostyleError(f"{name}: not enough memory to decode the image") from error
            if isinstance(error, ImportError):
                # imagecodecs hides why: the file of a codec is missing, or does not fit into the memory.
                raise PhotostyleError(f"{name}: a codec that it needs cannot be loaded ({error})") from error
            raise PhotostyleError(
                f"{name}: the image is truncated, damaged or of an unsupported kind ({reason(error)})"
            ) from error


def orientation_of(image: Any) -> int:
    """The EXIF orientation, 1 to 8, of an open Pillow image: of its EXIF block, else of its XMP or text."""
    try:
        orientation = image.getexif().get(0x0112, 1)
    except Exception:  # on a damaged block Pillow raises many types of exceptions
        return 1
    return orientation if orientation in range(1, 9) else 1
