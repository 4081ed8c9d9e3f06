"""Photos in and out without loss: any common file or array to upright RGB, and back to a file.

The rules: samples stay as they are stored (8 or 16 bits, in their own colour space), and whatever could not
be kept is said in `Photo.notes`. Output carries the ICC profile, EXIF data and alpha of the photo that it was
made from.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import torch
from PIL import Image

from .errors import PhotostyleError
from .image_codecs import FORMATS, Decoded, Format, decode, decoding, encode
from .image_codecs.atomic import write_atomically
from .image_codecs.colour import convert_samples, to_rgb
from .image_codecs.exif import upright, upright_exif
from .image_codecs.pillow import decode_image
from .image_codecs.samples import change_depth, quantise

Path: TypeAlias = "str | os.PathLike[str]"

__all__ = [
    "Photo",
    "as_photo",
    "check_writable",
    "read_photo",
    "resize",
    "working_size",
    "write_photo",
]


@dataclass(frozen=True, eq=False)
class Photo:
    """An upright RGB photo at its own depth, with what its file said about it."""

    pixels: np.ndarray
    """(H, W, 3) uint8 or uint16, contiguous, RGB values as stored in the photo's own colour space."""
    alpha: np.ndarray | None = None
    """(H, W) of the same dtype; colours are not premultiplied."""
    icc_profile: bytes | None = None
    """RGB profile of `pixels`; None = sRGB, or untagged and taken for sRGB."""
    exif: bytes | None = None
    r"""EXIF block from its ``Exif\0\0`` prefix on, with orientation 1 and no thumbnail."""
    name: str = "<array>"
    """For messages: file path or ``<array>``."""
    notes: tuple[str, ...] = ()
    """A sentence for each thing that could not be kept on the way in."""

    @property
    def height(self) -> int:
        """Rows."""
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        """Columns."""
        return int(self.pixels.shape[1])

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        return self.height, self.width

    @property
    def bit_depth(self) -> int:
        """8 or 16."""
        return 8 * self.pixels.dtype.itemsize

    def tensor(self, size: tuple[int, int] | None = None) -> torch.Tensor:
        """The pixels as a (3, H, W) float32 tensor in [0, 1]; resized by `resize` to `size` if given."""
        top = np.float32(np.iinfo(self.pixels.dtype).max)
        values = np.empty((3, *self.size), np.float32)
        np.divide(self.pixels.transpose(2, 0, 1), top, out=values, dtype=np.float32)
        image = torch.from_numpy(values)
        return image if size is None else resize(image, size)

    def converted_to(self, icc_profile: bytes | None) -> Photo:
        """This photo with its colours converted to another RGB profile; None = sRGB.

        Relative colorimetric, with black point compensation. The same object where the profiles are equal.

        Raises:
            PhotostyleError: one of the profiles is damaged, or cannot be converted to.
        """
        if icc_profile == self.icc_profile:
            return self
        try:
            pixels = convert_samples(self.pixels, self.icc_profile, icc_profile)
        except ValueError as error:
            raise PhotostyleError(f"{self.name}: its colours cannot be converted: {error}") from error
        return replace(self, pixels=pixels, icc_profile=icc_profile)


def read_photo(path: Path, *, max_pixels: int = 400_000_000) -> Photo:
    """Read a PNG, JPEG, TIFF or WebP file.

    Grey, bilevel, palette and CMYK images become RGB, EXIF rotation is applied, 16 bits stay 16 bits; of
    files with several pictures the first is taken. CMYK, and grey with a profile of its own, are converted to
    sRGB.

    Args:
        path: the file.
        max_pixels: a larger image, by its header, is refused before anything is decoded.

    Raises:
        PhotostyleError: there is no such file, or it holds no whole image of these kinds.
    """
    name = _name(path)
    try:
        mode = os.stat(path).st_mode
        if not stat.S_ISREG(mode):
            kind = "a directory" if stat.S_ISDIR(mode) else "not a regular file"
            raise PhotostyleError(f"{name}: an image file is required, this is {kind}")
        with open(path, "rb") as file:
            decoded = decode(file, name, max_pixels)
    except FileNotFoundError as error:
        raise PhotostyleError(f"{name}: no such file") from error
    except OSError as error:
        raise PhotostyleError(f"{name}: cannot be read ({error.strerror or error})") from error
    return _photo(decoded, name)


def _name(path: Path) -> str:
    name = os.fsdecode(path)
    if "\0" in name:
        raise PhotostyleError(f"{name!r}: a file name cannot contain a null character")
    return name


def as_photo(source: Any, name: str = "<array>") -> Photo:
    """A photo from whatever holds one. Arrays are copied.

    Args:
        source: a path; a `PIL.Image.Image`; a NumPy array (H, W), (H, W, 3) or (H, W, 4) of uint8, uint16 or
            floats in [0, 1]; a torch tensor (3, H, W) or (1, 3, H, W) of uint8 or floats in [0, 1]; or a
            Photo, returned as it is. Floats are stored at 16 bits. Arrays and tensors are taken for sRGB.
        name: what messages call it, unless it is a path.

    Raises:
        PhotostyleError: another type, dtype or shape, or float values that are not finite or outside [0, 1].
    """
    if isinstance(source, Photo):
        return source
    if isinstance(source, (str, os.PathLike)):
        return read_photo(source)
    if isinstance(source, Image.Image):
        if 0 in source.size:
            raise PhotostyleError(f"{name}: the image has no pixels ({source.width} x {source.height})")
        with decoding(name):
            decoded = decode_image(source, name)
        return _photo(decoded, name)
    if isinstance(source, torch.Tensor):
        return _photo(Decoded(_stored(_rows_from_tensor(source, name), name)), name)
    if isinstance(source, np.ndarray):
        if not (source.ndim == 2 or (source.ndim == 3 and source.shape[2] in (3, 4))):
            raise PhotostyleError(f"{name}: the array must be (H, W), (H, W, 3) or (H, W, 4), got {source.shape}")
        array = _stored(source if source.ndim == 3 else source[..., None], name)
        return _photo(Decoded(array[..., :3], array[..., 3] if array.shape[2] == 4 else None), name)
    raise PhotostyleError(
        f"{name}: a photo must be a path, a PIL image, a NumPy array or a torch tensor, got {type(source).__name__}"
    )


def _rows_from_tensor(image: torch.Tensor, name: str) -> np.ndarray:
    """(3, H, W) or (1, 3, H, W) on any device -> a (H, W, 3) view or copy in host memory."""
    shape = tuple(image.shape)
    if not (shape[-3:-2] == (3,) and (len(shape) == 3 or (len(shape) == 4 and shape[0] == 1))):
        raise PhotostyleError(f"{name}: the tensor must be (3, H, W) or (1, 3, H, W), got {shape}")
    image = image.detach().reshape(shape[-3:]).cpu()
    if image.dtype in (torch.bfloat16, torch.float16):
        image = image.float()
    return image.permute(1, 2, 0).numpy()


def _stored(array: np.ndarray, name: str) -> np.ndarray:
    """A copy of an array or tensor of uint8, uint16 or floats in [0, 1]; floats as uint16."""
    if 0 in array.shape:
        raise PhotostyleError(f"{name}: the image has no pixels, its shape is {array.shape}")
    if array.dtype.newbyteorder("=") in (np.uint8, np.uint16):
        return np.array(array, dtype=array.dtype.newbyteorder("="), order="C")
    if array.dtype.kind == "f":
        return quantise(array, np.uint16, name)
    raise PhotostyleError(f"{name}: samples must be uint8, uint16 or float, got {array.dtype}")


def _photo(decoded: Decoded, name: str) -> Photo:
    """Decoded samples as upright RGB, with metadata that fits them."""
    notes = list(decoded.notes)
    exif, orientation = None, decoded.orientation
    if decoded.exif:
        try:
            exif, from_exif = upright_exif(decoded.exif)
            orientation = from_exif if orientation == 1 else orientation
        except ValueError as error:
            notes.append(f"its EXIF data is damaged ({error}) and was dropped")
    pixels, profile = to_rgb(decoded, notes)
    alpha = None if decoded.alpha is None else upright(decoded.alpha, orientation)
    return Photo(upright(pixels, orientation), alpha, profile, exif, name, tuple(notes))


def write_photo(
    path: Path,
    pixels: torch.Tensor | np.ndarray,
    *,
    like: Photo | None = None,
    bit_depth: int | None = None,
    quality: int = 95,
) -> tuple[str, ...]:
    """Write an image file, or leave what was there untouched: the file is complete before it takes its name.

    Args:
        path: its extension says the format: .png, .jpg, .jpeg, .tif, .tiff, .webp.
        pixels: (3, H, W) float tensor, or (H, W, 3) array of uint8, uint16 or floats. Floats are meant to lie
            in [0, 1] and are clipped to it.
        like: the photo whose ICC profile, EXIF data and alpha (resized if need be) the file is to carry;
            `pixels` are values in its colour space.
        bit_depth: 8 or 16; None: 16 if the format can and `like` (without it: `pixels`) has 16 bits, else 8.
        quality: 1..100, for JPEG and WebP.

    Returns:
        A sentence for each thing of `like` that the format could not take.

    Raises:
        PhotostyleError: the options or `pixels` do not fit, or the file cannot be written.
    """
    name = _name(path)
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
        samples = quantise(array, dtype, "`pixels`", clip=True)
    else:
        samples = change_depth(array, dtype)
    notes = []
    if like is not None and like.alpha is not None:
        if file_format.alpha:
            samples = np.dstack([samples, _alpha_for(like.alpha, samples)])
        else:
            notes.append(f"{file_format.name} cannot hold the photo's transparency, which was dropped")
    profile, exif = (like.icc_profile, like.exif) if like is not None else (None, None)
    try:
        data, dropped = encode(file_format, np.ascontiguousarray(samples), profile, exif, quality)
    except Exception as error:  # encoders raise a dozen types
        reason = " ".join(str(error).split()) or type(error).__name__
        raise PhotostyleError(f"{name}: cannot be encoded as {file_format.name} ({reason})") from error
    write_atomically(name, data)
    return (*notes, *dropped)


def _rows(pixels: torch.Tensor | np.ndarray) -> np.ndarray:
    """`pixels` of `write_photo`, checked, as (H, W, 3) uint8, uint16 or float."""
    if isinstance(pixels, torch.Tensor):
        if not pixels.is_floating_point():
            raise PhotostyleError(f"`pixels` must be a float tensor or an array, got a tensor of {pixels.dtype}")
        array = _rows_from_tensor(pixels, "`pixels`")
    else:
        array = np.asarray(pixels)
    if array.ndim != 3 or array.shape[2] != 3 or 0 in array.shape:
        raise PhotostyleError(f"`pixels` must be a (3, H, W) tensor or (H, W, 3) array, got {array.shape}")
    native = array.dtype.newbyteorder("=")
    if native not in (np.uint8, np.uint16) and native.kind != "f":
        raise PhotostyleError(f"`pixels` must be uint8, uint16 or float, got {array.dtype}")
    return array.astype(native, copy=False)


def _alpha_for(alpha: np.ndarray, samples: np.ndarray) -> np.ndarray:
    """A photo's alpha at the size and depth of `samples`."""
    if alpha.shape != samples.shape[:2]:
        values = torch.from_numpy(alpha.astype(np.float32) / np.float32(np.iinfo(alpha.dtype).max))
        resized = resize(values[None], (samples.shape[0], samples.shape[1]))[0].numpy()
        return quantise(resized, samples.dtype, "alpha", clip=True)
    return change_depth(alpha, samples.dtype)


def check_writable(path: Path, bit_depth: int | None = None, size: tuple[int, int] | None = None) -> None:
    """Find out before minutes of work whether `write_photo` can write `path`; leaves nothing behind.

    Args:
        path: the output file.
        bit_depth: 8, 16 or None, as for `write_photo`.
        size: (H, W) of the image to come; formats have a longest side. None: not checked.

    Raises:
        PhotostyleError: unknown extension, depth that the format has not, missing or write-protected
            directory or file, or the path is a directory.
    """
    name = _name(path)
    file_format = _format(name, bit_depth)
    if size is not None:
        _check_side(name, file_format, size)
    if os.path.isdir(name):
        raise PhotostyleError(f"{name}: the output must be a file, this is a directory")
    if os.path.exists(name) and not os.access(name, os.W_OK):
        raise PhotostyleError(f"{name}: the file is write-protected")
    write_atomically(name, None)


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


def working_size(size: tuple[int, int], longest: int) -> tuple[int, int]:
    """(H, W) reduced in proportion to a longest side of `longest` pixels; never enlarged, no side below 1."""
    height, width = size
    if height < 1 or width < 1:
        raise PhotostyleError(f"`size` must be at least 1 x 1, got {height} x {width}")
    if longest < 1:
        raise PhotostyleError(f"`longest` must be at least 1, got {longest}")
    side = max(height, width)
    if side <= longest:
        return height, width
    half_up = [(2 * length * longest + side) // (2 * side) for length in size]
    return max(1, half_up[0]), max(1, half_up[1])


def resize(image: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Bicubic (Catmull-Rom, a = -0.5), antialiased where it shrinks, half-pixel centres, clamped to [0, 1].

    Args:
        image: (..., C, H, W) float32 or float64.
        size: the new (H, W).

    Returns:
        (..., C, *size), of the same dtype and device; differentiable.
    """
    if image.ndim < 3 or not image.is_floating_point() or 0 in image.shape:
        raise PhotostyleError(
            f"`image` must be a float (..., C, H, W) tensor, got {image.dtype} {tuple(image.shape)}"
        )
    if min(size) < 1:
        raise PhotostyleError(f"`size` must be at least 1 x 1, got {size[0]} x {size[1]}")
    if tuple(image.shape[-2:]) == tuple(size):
        return image.clamp(0, 1)
    batch = image.reshape(-1, *image.shape[-3:])
    # With `antialias`, torch widens the filter by the reduction and leaves it alone when enlarging.
    resized = torch.nn.functional.interpolate(batch, size=tuple(size), mode="bicubic", antialias=True)
    return resized.clamp(0, 1).reshape(*image.shape[:-2], *size)
