"""Reading of photos, from any common file or array, as upright RGB without loss.

Samples keep their stored depth (8 or 16 bits) and their colour space. `Photo.notes` tells what could not be kept.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import torch
from PIL import Image

from ..errors import PhotostyleError
from ..picture_files import MAX_PIXELS, decoding, file_name, open_file
from .codecs import decode
from .codecs.color_tags import from_exif
from .codecs.exif import srgb_exif, upright, upright_exif
from .codecs.icc import convert_samples, to_rgb
from .codecs.metadata import Metadata
from .codecs.pillow import decode_image
from .codecs.samples import Decoded, quantise
from .resize import resize
from .transparency import fill_hidden

Path: TypeAlias = "str | os.PathLike[str]"


def _top(pixels: np.ndarray) -> np.float32:
    return np.float32(np.iinfo(pixels.dtype).max)


def _planes_on(device: torch.device, pixels: np.ndarray) -> torch.Tensor:
    """Samples (H, W, 3) as planes (3, H, W) in [0, 1]; what crosses the bus is a quarter or half of the result."""
    samples = torch.from_numpy(pixels if pixels.flags.writeable else pixels.copy()).to(device)
    planes = torch.empty(3, *pixels.shape[:2], dtype=torch.float32, device=device)
    return planes.copy_(samples.permute(2, 0, 1)).div_(float(_top(pixels)))


@dataclass(frozen=True, eq=False)
class Photo:
    """An upright RGB photo at its stored depth, with the metadata of its file."""

    pixels: np.ndarray
    """(H, W, 3) uint8 or uint16, contiguous: RGB values in the colour space of `icc_profile`."""
    alpha: np.ndarray | None = None
    """The opacity, (H, W) of the same dtype, or None; colours are not multiplied by it."""
    icc_profile: bytes | None = None
    """The RGB profile of `pixels`. None means sRGB, which is also assumed for a file that does not say."""
    exif: bytes | None = None
    r"""The EXIF block, including its ``Exif\0\0`` prefix, with orientation 1 and no thumbnail."""
    name: str = "<array>"
    """The file's path, or another name for messages."""
    notes: tuple[str, ...] = ()
    """A sentence for each thing that was converted or could not be kept when the photo was read."""
    metadata: Metadata = field(default_factory=Metadata)
    """What else the file says about the photo: XMP, IPTC, text and resolution."""

    @property
    def height(self) -> int:
        """The number of rows."""
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        """The number of columns."""
        return int(self.pixels.shape[1])

    @property
    def size(self) -> tuple[int, int]:
        """The pair (height, width), in pixels."""
        return self.height, self.width

    @property
    def bit_depth(self) -> int:
        """The bits of a sample, 8 or 16."""
        return 8 * self.pixels.dtype.itemsize

    @property
    def has_transparency(self) -> bool:
        """Whether some pixels are more transparent than others."""
        return self.alpha is not None and bool(self.alpha.min() < self.alpha.max())

    def tensor(self, size: tuple[int, int] | None = None, device: torch.device | str = "cpu") -> torch.Tensor:
        """The pixels as a tensor, in the photo's colour space.

        Wholly transparent pixels have the colours of the nearest pixel that is not, because nobody sees their own.

        Args:
            size: (height, width) to resize to, see `images.resize.resize`; by default the photo's own.
            device: where to make the tensor. A GPU receives the stored samples, and converts and resizes them.

        Returns:
            (3, H, W), float32 in [0, 1], on `device`.

        Raises:
            PhotostyleError: a side of `size` is below 1, or every pixel is wholly transparent.
        """
        device = torch.device(device)
        image = self._planes() if device.type == "cpu" else _planes_on(device, self._shown)
        return image if size is None else resize(image, size)

    def opacity(self, size: tuple[int, int] | None = None, device: torch.device | str = "cpu") -> torch.Tensor | None:
        """The alpha as a tensor, by which a pixel counts in masks and statistics.

        Args:
            size: (height, width) to resize to; by default the photo's own.
            device: where to make the tensor.

        Returns:
            (H, W), float32 in [0, 1], on `device`; None if no pixel is more transparent than others.

        Raises:
            PhotostyleError: a side of `size` is below 1, or no pixel is visible, or none at this size.
        """
        if self.alpha is None or not (self.has_transparency or self.alpha.max() == 0):
            return None
        values = torch.from_numpy(self.alpha.astype(np.float32) / _top(self.alpha))[None]
        values = values if size is None else resize(values, size)
        if not bool(values.any()):
            raise PhotostyleError(f"{self.name}: no pixel is visible, every one is transparent")
        return values[0].to(device)

    @cached_property
    def _shown(self) -> np.ndarray:
        """`pixels` without the colours that nobody sees."""
        if self.alpha is None:
            return self.pixels
        try:
            return fill_hidden(self.pixels, self.alpha)
        except ValueError as error:
            raise PhotostyleError(f"{self.name}: no pixel is visible, every one is transparent") from error

    def _planes(self) -> torch.Tensor:
        values = np.empty((3, *self.size), np.float32)
        np.divide(self._shown.transpose(2, 0, 1), _top(self.pixels), out=values, dtype=np.float32)
        return torch.from_numpy(values)

    def converted_to(self, icc_profile: bytes | None) -> Photo:
        """This photo with its colours converted to another colour space.

        The conversion is relative colorimetric, with black point compensation.

        Args:
            icc_profile: the RGB profile to convert to; None means sRGB.

        Returns:
            A new photo, or this one if the profiles are equal.

        Raises:
            PhotostyleError: one of the profiles is damaged, or does not allow the conversion.
        """
        if icc_profile == self.icc_profile:
            return self
        try:
            pixels = convert_samples(self.pixels, self.icc_profile, icc_profile)
        except ValueError as error:
            raise PhotostyleError(f"{self.name}: its colours cannot be converted: {error}") from error
        return replace(self, pixels=pixels, icc_profile=icc_profile)


def read_photo(path: Path, *, max_pixels: int = MAX_PIXELS) -> Photo:
    """Read a PNG, JPEG, TIFF, WebP, AVIF, GIF or BMP file.

    With the extras ``heif`` and ``raw`` also a HEIC file and a camera's raw file, which is developed to sRGB.

    Grey, bilevel, palette and CMYK images become RGB, the EXIF rotation is applied, and more than 8 bits become 16.
    Of a file with several pictures the first is read. CMYK images, and grey ones with a grey profile, are converted
    to sRGB. A colour space that is given otherwise (EXIF's Adobe RGB, PNG's chunks, TIFF's tags, the code points of
    AVIF and HEIC) becomes an ICC profile.

    Args:
        path: the file.
        max_pixels: a file whose header states more pixels is refused before it is decoded.

    Returns:
        The photo; its `notes` tell what was converted or dropped.

    Raises:
        PhotostyleError: the file does not exist, or does not hold a complete image of these kinds.
    """
    name = file_name(path)
    with open_file(path, name) as file:
        decoded = decode(file, name, max_pixels)
    return _photo(decoded, name)


def as_photo(source: Any, name: str = "<array>") -> Photo:
    """Make a photo from a file, an image or an array. Arrays are copied.

    Args:
        source: a path; a `PIL.Image.Image`; a NumPy array (H, W), (H, W, 3) or (H, W, 4) of uint8, uint16 or
            floats in [0, 1]; a torch tensor (3, H, W) or (1, 3, H, W) of uint8 or floats in [0, 1]; or a
            Photo, which is returned unchanged. Floats are stored with 16 bits. Arrays and tensors are taken as sRGB.
        name: the name of the photo in messages, unless `source` is a path.

    Raises:
        PhotostyleError: `source` has another type, dtype or shape, holds floats that are not finite or not in
            [0, 1], or is a file that `read_photo` refuses.
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
        return _photo(Decoded(_stored(rows_from_tensor(source, name), name)), name)
    if isinstance(source, np.ndarray):
        if not (source.ndim == 2 or (source.ndim == 3 and source.shape[2] in (3, 4))):
            raise PhotostyleError(f"{name}: the array must be (H, W), (H, W, 3) or (H, W, 4), got {source.shape}")
        array = _stored(source if source.ndim == 3 else source[..., None], name)
        return _photo(Decoded(array[..., :3], array[..., 3] if array.shape[2] == 4 else None), name)
    raise PhotostyleError(
        f"{name}: a photo must be a path, a PIL image, a NumPy array or a torch tensor, got {type(source).__name__}"
    )


def rows_from_tensor(image: torch.Tensor, name: str) -> np.ndarray:
    """A tensor (3, H, W) or (1, 3, H, W) of any device as an array (H, W, 3), if possible without a copy.

    Half precision becomes float32. Raises PhotostyleError, which begins with `name`, for another shape.
    """
    shape = tuple(image.shape)
    if not (shape[-3:-2] == (3,) and (len(shape) == 3 or (len(shape) == 4 and shape[0] == 1))):
        raise PhotostyleError(f"{name}: the tensor must be (3, H, W) or (1, 3, H, W), got {shape}")
    image = image.detach().reshape(shape[-3:]).cpu()
    if image.dtype in (torch.bfloat16, torch.float16):
        image = image.float()
    return image.permute(1, 2, 0).numpy()


def _stored(array: np.ndarray, name: str) -> np.ndarray:
    """A copy of an array of uint8, uint16 or floats in [0, 1] in the machine's byte order; floats become uint16."""
    if 0 in array.shape:
        raise PhotostyleError(f"{name}: the image has no pixels, its shape is {array.shape}")
    if array.dtype.newbyteorder("=") in (np.uint8, np.uint16):
        return np.array(array, dtype=array.dtype.newbyteorder("="), order="C")
    if array.dtype.kind == "f":
        return quantise(array, np.uint16, name)
    raise PhotostyleError(f"{name}: samples must be uint8, uint16 or float, got {array.dtype}")


def _photo(decoded: Decoded, name: str) -> Photo:
    """Turn decoded samples into an upright RGB photo, with metadata that fits it."""
    notes = list(decoded.notes)
    exif, orientation = None, decoded.orientation
    if decoded.exif:
        try:
            exif, in_exif = upright_exif(decoded.exif)
            orientation = in_exif if orientation == 1 else orientation
        except ValueError as error:
            notes.append(f"its EXIF data is damaged ({error}) and was dropped")
    if exif and not (decoded.icc_profile or decoded.is_srgb) and decoded.samples.shape[2] == 3:
        decoded.icc_profile, note = from_exif(exif)
        notes += [note] if note else []
    pixels, profile = to_rgb(decoded, notes)
    if exif and profile is None and from_exif(exif)[0]:
        exif = srgb_exif(exif)  # the pixels are, and other programs believe what it says
    alpha = None if decoded.alpha is None else upright(decoded.alpha, orientation)
    metadata = decoded.metadata.upright(orientation)
    notes += metadata.notes()
    return Photo(upright(pixels, orientation), alpha, profile, exif, name, tuple(notes), metadata)
