"""Writing of photos to files, with the ICC profile, metadata and alpha of the photo that they were made from."""

from __future__ import annotations

import os

import numpy as np
import torch

from ..errors import PhotostyleError, reason
from ..files import check_file, write_atomically
from ..picture_files import file_name
from .codecs import FORMATS, Format, encode
from .codecs.metadata import Metadata
from .codecs.samples import change_depth, quantise
from .photo import Path, Photo, rows_from_tensor
from .resize import resize


def write_photo(
    path: Path,
    pixels: torch.Tensor | np.ndarray,
    *,
    like: Photo | None = None,
    bit_depth: int | None = None,
    quality: int = 95,
    dither: bool = False,
) -> tuple[str, ...]:
    """Write an image file. If that fails, a file that was there before stays untouched.

    Args:
        path: the file; its extension selects the format: .png, .jpg, .jpeg, .tif, .tiff or .webp.
        pixels: float tensor (3, H, W) or (1, 3, H, W), or array (H, W, 3) of uint8, uint16 or floats. Floats should
            lie in [0, 1], and are clipped to that range.
        like: the photo whose ICC profile, EXIF data, other metadata and alpha (resized if necessary) the file
            receives. `pixels` must be values in its colour space; without `like` they are sRGB.
        bit_depth: 8 or 16. None means 16 if the format allows it and `like` (without it: an integer array `pixels`)
            has 16 bits, else 8.
        quality: 1 to 100, for JPEG and WebP.
        dither: add noise of less than half a step before floats are rounded to 8 bits, so that smooth gradients get
            no bands. What 8 bits can hold exactly stays as it is.

    Returns:
        A sentence for each piece of metadata of `like` that the format could not hold.

    Raises:
        PhotostyleError: the options or `pixels` do not fit, or the file cannot be written.
    """
    name = file_name(path)
    file_format = _format(name, bit_depth)
    if not (isinstance(quality, int) and 1 <= quality <= 100):
        raise PhotostyleError(f"`quality` must be a whole number from 1 to 100, got {quality!r}")
    array = _rows(pixels)
    _check_side(name, file_format, array.shape[:2])
    if bit_depth is None:
        deep = like.bit_depth == 16 if like is not None else array.dtype == np.uint16
        bit_depth = 16 if deep and file_format.sixteen_bit else 8
    dtype = np.uint16 if bit_depth == 16 else np.uint8
    if array.dtype.kind == "f":
        samples = quantise(array, dtype, "`pixels`", clip=True, dither=dither and bit_depth == 8)
    else:
        samples = change_depth(array, dtype)
    notes = []
    if like is not None and like.alpha is not None:
        if file_format.alpha:
            samples = np.dstack([samples, _alpha_for(like.alpha, samples)])
        else:
            notes.append(f"{file_format.name} cannot hold the photo's transparency, which was dropped")
    profile, exif, metadata = (like.icc_profile, like.exif, like.metadata) if like else (None, None, Metadata())
    try:
        data, dropped = encode(file_format, np.ascontiguousarray(samples), profile, exif, metadata, quality)
    except Exception as error:  # encoders raise many types of exceptions
        raise PhotostyleError(f"{name}: cannot be encoded as {file_format.name} ({reason(error)})") from error
    write_atomically(name, data)
    return (*notes, *dropped)


def _rows(pixels: torch.Tensor | np.ndarray) -> np.ndarray:
    """Check the `pixels` of `write_photo` and return them as (H, W, 3) uint8, uint16 or float."""
    if isinstance(pixels, torch.Tensor):
        if not pixels.is_floating_point():
            raise PhotostyleError(f"`pixels` must be a float tensor or an array, got a tensor of {pixels.dtype}")
        array = rows_from_tensor(pixels, "`pixels`")
    else:
        array = np.asarray(pixels)
    if array.ndim != 3 or array.shape[2] != 3 or 0 in array.shape:
        raise PhotostyleError(f"`pixels` must be a (3, H, W) tensor or (H, W, 3) array, got {array.shape}")
    native = array.dtype.newbyteorder("=")
    if native not in (np.uint8, np.uint16) and native.kind != "f":
        raise PhotostyleError(f"`pixels` must be uint8, uint16 or float, got {array.dtype}")
    return array.astype(native, copy=False)


def _alpha_for(alpha: np.ndarray, samples: np.ndarray) -> np.ndarray:
    """The alpha of a photo at the size and depth of `samples`."""
    if alpha.shape != samples.shape[:2]:
        values = torch.from_numpy(alpha.astype(np.float32) / np.float32(np.iinfo(alpha.dtype).max))
        resized = resize(values[None], (samples.shape[0], samples.shape[1]))[0].numpy()
        return quantise(resized, samples.dtype, "alpha", clip=True)
    return change_depth(alpha, samples.dtype)


def check_writable(path: Path, bit_depth: int | None = None, size: tuple[int, int] | None = None) -> None:
    """Check, before minutes of work, that `write_photo` can write `path`; leaves no file behind.

    Args:
        path: the output file.
        bit_depth: 8, 16 or None, as for `write_photo`.
        size: (H, W) of the image to write, which each format limits; None skips this check.

    Raises:
        PhotostyleError: the extension is unknown, the format does not have the depth or such a size, the directory is
            missing or write-protected, the file is write-protected, or the path is a directory.
    """
    name = file_name(path)
    file_format = _format(name, bit_depth)
    if size is not None:
        _check_side(name, file_format, size)
    check_file(name, "output")


def _format(name: str, bit_depth: int | None) -> Format:
    extension = os.path.splitext(name)[1].lower()
    if extension not in FORMATS:
        raise PhotostyleError(f"{name}: the extension must be one of {', '.join(FORMATS)}, got {extension or 'none'}")
    if bit_depth not in (None, 8, 16):
        raise PhotostyleError(f"`bit_depth` must be 8 or 16, got {bit_depth!r}")
    if bit_depth == 16 and not FORMATS[extension].sixteen_bit:
        raise PhotostyleError(
            f"{name}: `bit_depth` 16 requires PNG or TIFF, {FORMATS[extension].name} has only 8 bits"
        )
    return FORMATS[extension]


def _check_side(name: str, file_format: Format, size: tuple[int, ...]) -> None:
    if max(size) > file_format.longest_side:
        raise PhotostyleError(
            f"{name}: {file_format.name} can hold at most {file_format.longest_side} pixels a side, "
            f"got {size[1]} x {size[0]}"
        )
