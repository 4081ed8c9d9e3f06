"""Colour tables (3D LUTs) of other programs: .cube files, and HaldCLUT pictures."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import PhotostyleError, reason
from ..picture_files import open_file
from ..torch_state import independent
from .mixing import Mix

_LARGEST = 256  # colours per axis, by the specification of .cube
_MAX_BYTES = 1 << 27  # of a .cube: a table of 129 colours per axis with eight digits has about half of it
_NUMERIC = ("LUT_1D_SIZE", "LUT_3D_SIZE", "DOMAIN_MIN", "DOMAIN_MAX", "LUT_3D_INPUT_RANGE")
_ROWS = 1 << 21  # pixels that are looked up together


@dataclass(frozen=True, eq=False)
class Table:
    """What becomes of N^3 colours; between them the change is trilinear.

    A file does not say for which colour space a table is. As in other programs, that is the photo's own.

    Args:
        colors: (3, N, N, N), float32: the new colour of (red, green, blue) = (r, g, b) / (N - 1) is
            ``colors[:, b, g, r]``. Values outside [0, 1] are cut.
    """

    colors: Tensor

    @classmethod
    @independent
    def read_cube(cls, path: str | Path) -> Table:
        """Read a .cube file.

        Raises:
            PhotostyleError: the file cannot be read, or holds no 3D table for values from 0 to 1.

        Source: Adobe, *Cube LUT Specification 1.0* (2013).
        """
        return cls(_read_cube(path))

    @classmethod
    @independent
    def from_hald(cls, picture: Tensor, name: str) -> Table:
        """The table that a HaldCLUT holds, a picture (3, level^3, level^3); messages call it `name`.

        Raises:
            PhotostyleError: the picture has another size.
        """
        height, width = picture.shape[1:]
        level = round(height ** (1 / 3))
        if height != width or level**3 != height or level < 2:
            raise PhotostyleError(
                f"{name} is not a HaldCLUT: it is {width}x{height}, and one is a square with the cube of a whole "
                "number on each side, such as 512x512"
            )
        return cls(picture.float().reshape(3, level**2, level**2, level**2))

    def fits(self, _: Tensor) -> bool:
        """True: a table treats all places alike, so it suits every photo. See `Look.fits`."""
        return True

    @independent
    def apply(
        self,
        image: Tensor,
        *,
        everywhere: bool = True,
        strength: float = 1.0,
        keep_luma: bool = False,
        keep_chroma: bool = False,
    ) -> Tensor:
        """Apply the table to an image; the arguments are those of `Look.apply`, and `everywhere` changes nothing.

        Args:
            image: (3, H, W), RGB in [0, 1]; any size.
            everywhere, strength, keep_luma, keep_chroma: as for `Look.apply`.

        Returns:
            (3, H, W), float32 in [0, 1], on the image's device.

        Raises:
            PhotostyleError: `strength` is not in [0, 1], or both are to be kept.
        """
        mix = Mix(strength, keep_luma, keep_chroma)
        image = image.float().contiguous()
        table = self.colors.to(image.device)[None]
        out = torch.empty_like(image)
        for old, new in zip(image.flatten(1).split(_ROWS, 1), out.view(3, -1).split(_ROWS, 1), strict=True):
            places = (2 * old.T - 1).view(1, 1, 1, -1, 3)
            new.copy_(F.grid_sample(table, places, padding_mode="border", align_corners=True).view(3, -1))
        return mix(image, out.clamp_(0, 1))


def _read_cube(path: str | Path) -> Tensor:
    """The colours of a .cube file, (3, N, N, N)."""
    name = Path(path).name
    with open_file(path, name, "a table (.cube)") as file:
        data = file.read(_MAX_BYTES + 1)
    if len(data) > _MAX_BYTES:
        raise PhotostyleError(f"{name}: a .cube must have at most {_MAX_BYTES} bytes")
    lines = (line.split() for line in data.decode("latin-1").splitlines() if not line.lstrip().startswith("#"))
    rows = [words for words in lines if words]
    keywords = list(takewhile(lambda words: words[0][0] not in "+-.0123456789", rows))
    try:
        header = {words[0]: [float(word) for word in words[1:]] for words in keywords if words[0] in _NUMERIC}
        numbers = np.array(rows[len(keywords) :], dtype=np.float32)
    except ValueError as error:
        raise PhotostyleError(f"{name} is not a table (.cube), or is damaged ({reason(error)})") from error
    if "LUT_1D_SIZE" in header:
        raise PhotostyleError(f"{name}: it holds curves (LUT_1D_SIZE), and a table of colours is needed")
    size = int(sum(header.get("LUT_3D_SIZE", ())))
    if not 2 <= size <= _LARGEST or numbers.shape != (size**3, 3) or not np.isfinite(numbers).all():
        raise PhotostyleError(
            f"{name} is not a table (.cube), or is damaged: its size is {size}, its rows {len(numbers)}"
        )
    ends = [*header.get("DOMAIN_MIN", (0, 0, 0)), *header.get("DOMAIN_MAX", (1, 1, 1))]
    if ends != [0, 0, 0, 1, 1, 1] or header.get("LUT_3D_INPUT_RANGE", [0, 1]) != [0, 1]:
        raise PhotostyleError(f"{name}: the table must be for values from 0 to 1")
    return torch.from_numpy(numbers.T.copy()).view(3, size, size, size)
