"""Development of camera raw files by LibRaw, through the package rawpy of the extra ``raw``."""

from __future__ import annotations

import os
from typing import IO, BinaryIO, cast

from tifffile import TiffPage

from ...errors import PhotostyleError
from ...foreign_files import CAMERA_RAW
from ...picture_files import RAW, check_claim
from .exif import exif_from_tiff, upright_exif
from .samples import Decoded

_DNG_VERSION, _SUB_DIRECTORIES = 50706, 330  # tags; only DNG files have the first
_SRGB_CURVE = (2.4, 12.92)  # exponent, and slope at black


def is_raw(page: TiffPage) -> bool:
    """Whether a TIFF's first page means a raw file: a DNG, or a preview beside the sensor's data."""
    return _DNG_VERSION in page.tags or bool(page.subfiletype & 1 and _SUB_DIRECTORIES in page.tags)


def decode_raw(file: IO[bytes], name: str, max_pixels: int) -> Decoded:
    """Develop a raw file to sRGB of 16 bits, upright, with the camera's white balance.

    Raises:
        PhotostyleError: rawpy is not installed, or the picture is too large.
    """
    try:
        import rawpy
    except ImportError as error:
        raise PhotostyleError(f"{name}: it is {CAMERA_RAW}") from error
    length = file.seek(0, os.SEEK_END)
    file.seek(0)
    with rawpy.imread(cast("BinaryIO", file)) as raw:
        size = raw.sizes.width, raw.sizes.height
        check_claim(name, RAW, size, length, 24, max_pixels)  # LibRaw has 4 samples twice, and we have 3
        pixels = raw.postprocess(
            use_camera_wb=True, output_bps=16, output_color=rawpy.ColorSpace.sRGB, gamma=_SRGB_CURVE
        )
    notes = ["it is a camera's raw file, and was developed to sRGB with the camera's white balance"]
    try:
        file.seek(0)
        block = exif_from_tiff(file)
        exif = upright_exif(block)[0] if block else None  # LibRaw has turned the picture
    except Exception:  # not all of these files are TIFFs
        exif = None
        notes.append("its EXIF data was not read")
    return Decoded(pixels, exif=exif, notes=notes, is_srgb=True)
