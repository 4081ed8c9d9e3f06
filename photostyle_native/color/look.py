"""Looks: the change of colours of a transfer, stored so that other photos and other programs can use it.

A look is a bilateral grid of affine colour maps (Chen, Paris, Durand: *Real-time edge-aware image processing with the
bilateral grid*, 2007). The map of a pixel depends only on its position in the frame and on its brightness. So a look
can be applied to a photo of any size.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .. import ops
from ..errors import PhotostyleError
from ..files import write_atomically
from ..numerics.conjugate_gradients import conjugate_gradients
from ..picture_files import open_file
from ..torch_state import independent, own
from .look_file import pack, unpack
from .mixing import Mix, shares_of
from .structure import same_scene, structure

_LUMINANCE = (0.2126, 0.7152, 0.0722)  # weights of Rec. 709, applied to encoded values
_KEEP = 1e-3  # weight of a map's squared difference from its start, like noise of this variance in the photo
_STEPS = 150  # iterations of conjugate gradients


@dataclass(frozen=True, eq=False)
class Look:
    """Affine colour maps that depend on position and brightness.

    Args:
        grid: (12, D, Gh, Gw), float32: at every vertex the rows of a 3 x 4 map, see `ops.slice_bilateral_grid`.
        tone: (12, D, 1, 1), float32: the same, but fitted independently of position, for a colour table, which cannot
            hold more.
        icc_profile: the RGB profile of the photo's colour space; None means sRGB.
        structure: (h, w), float32: the photo's `color.structure.structure`, by which `fits` knows its scene again;
            None if that is not known.
        tone_share: the share of the change that `tone` makes of what the look was fitted to, see `explained`; None if
            that is not known.
    """

    grid: Tensor
    tone: Tensor
    icc_profile: bytes | None = None
    structure: Tensor | None = None
    tone_share: float | None = None

    @classmethod
    @independent
    def fit(
        cls,
        content: Tensor,
        result: Tensor,
        *,
        cells: int = 32,
        bins: int = 8,
        smoothness: float = 1e-4,
        icc_profile: bytes | None = None,
    ) -> Look:
        """Fit the look that turns `content` into `result` with the least squared error.

        Args:
            content, result: (3, H, W), RGB in [0, 1], on one device.
            cells: number of cells of the grid along the longer side; it has one vertex more.
            bins: number of steps of brightness; the grid has D = bins + 1 vertices in this direction.
            smoothness: weight of the squared differences between neighbouring vertices (mean over the grid), relative
                to the squared error of the colours (mean over the photo). It also determines the maps of positions
                and brightnesses that do not occur in the photo.
            icc_profile: RGB profile of the photos, which the look keeps; None means sRGB.

        Returns:
            The look, on the CPU.

        Raises:
            PhotostyleError: the shapes or options cannot be used.
        """
        if content.dim() != 3 or content.shape[0] != 3 or content.shape != result.shape:
            raise PhotostyleError(
                f"`content` and `result` must have one shape (3, H, W), got {tuple(content.shape)} and "
                f"{tuple(result.shape)}"
            )
        if cells < 1 or bins < 1 or not smoothness > 0:
            raise PhotostyleError(
                f"`cells`, `bins` and `smoothness` must be positive, got {cells}, {bins} and {smoothness}"
            )
        height, width = content.shape[-2:]
        across = max(1, round(cells * width / max(height, width)))
        down = max(1, round(cells * height / max(height, width)))
        content, result = (own(image.float().contiguous()) for image in (content, result))
        identity = torch.eye(3, 4, device=content.device).view(12, 1, 1, 1)
        tone = _fit(content, result, identity.expand(-1, bins + 1, 1, 1), smoothness)
        # For brightnesses that do not occur at a position, the grid keeps the map fitted to the whole photo.
        grid = _fit(content, result, tone.expand(-1, -1, down + 1, across + 1), smoothness)
        look = cls(grid.cpu(), tone.cpu(), icc_profile, structure(_luminance(content)))
        return replace(look, tone_share=look.explained(content, result, everywhere=True))

    @classmethod
    @independent
    def mixed(cls, looks: Sequence[Look], weights: Sequence[float] | None = None, *, strength: float = 1.0) -> Look:
        """The look whose change is the weighted mean of the changes of others.

        Args:
            looks: at least one. If they were not all made from one scene, the mixture treats all places alike.
            weights: how much each counts, relative to the others; by default all the same.
            strength: the share of that change, from 0 (nothing changes) to 1.

        Returns:
            A look that gives the weighted mean of what the looks give, but for values that these cut at 0 or 1.

        Raises:
            PhotostyleError: the numbers are out of range, or the looks are for different colour spaces.
        """
        shares = shares_of(weights, len(looks), "`weights`", "looks")
        Mix(strength)
        first = looks[0]
        if any(look.icc_profile != first.icc_profile for look in looks):
            raise PhotostyleError("the looks are for photos of different colour spaces, and cannot be mixed")
        one_scene = first.structure is not None and all(
            look.structure is not None and same_scene(first.structure, look.structure) for look in looks
        )
        tones = [look.tone for look in looks]
        grids = [look.grid for look in looks] if one_scene else tones
        grid, tone = (_mean_grid(maps, shares, strength) for maps in (grids, tones))
        return cls(grid, tone, first.icc_profile, first.structure if one_scene else None)

    @independent
    def fits(self, image: Tensor) -> bool:
        """Whether an image, (3, H, W) of any size, shows the scene that the look was made from, in the same frame.

        Elsewhere the maps by place would paint the borders of one scene's things over those of another: use
        ``everywhere``. True also for a look of which the scene is not known.
        """
        return self.structure is None or same_scene(self.structure, structure(_luminance(image.float())))

    @independent
    def explained(self, content: Tensor, result: Tensor, *, everywhere: bool = False) -> float:
        """The share of the change from `content` to `result` that the look makes, of the squared differences.

        Args:
            content, result: (3, H, W), RGB in [0, 1], on one device.
            everywhere: as for `apply`: what a colour table keeps.

        Returns:
            1 if the look turns one into the other exactly, also if they are equal; 0 if it does no better than
            nothing, and less if it does worse.

        Raises:
            PhotostyleError: the shapes differ.
        """
        if content.shape != result.shape:
            raise PhotostyleError(
                f"`result` must have the shape of `content`, {tuple(content.shape)}, got {tuple(result.shape)}"
            )
        change = (result - content).double().square().sum()
        left = (result - self.apply(content, everywhere=everywhere)).double().square().sum()
        return 1 - float(left / change) if change > 0 else float(left == 0)

    @independent
    def apply(
        self,
        image: Tensor,
        *,
        everywhere: bool = False,
        strength: float = 1.0,
        keep_luma: bool = False,
        keep_chroma: bool = False,
    ) -> Tensor:
        """Apply this look to an image.

        Args:
            image: (3, H, W), RGB in [0, 1] in the colour space of the look; any size.
            everywhere: use `tone` instead of `grid`, so that the map does not depend on position, as in a colour
                table.
            strength: the share of the change that is taken, from 0 (the image itself) to 1.
            keep_luma: keep the image's lightness, L* of CIELAB.
            keep_chroma: keep the image's hues and chroma, a* and b* of CIELAB. See `color.mixing.Mix`.

        Returns:
            (3, H, W), float32 in [0, 1], on the image's device.

        Raises:
            PhotostyleError: `strength` is not in [0, 1], or both are to be kept.
        """
        mix = Mix(strength, keep_luma, keep_chroma)
        grid = self.tone if everywhere else self.grid
        image = image.float().contiguous()
        return mix(image, ops.slice_bilateral_grid(grid.to(image.device), _luminance(image), image).clamp_(0, 1))

    def save(self, path: str | Path) -> None:
        """Write the look as a NumPy archive (.npz).

        Raises:
            PhotostyleError: `path` does not end in .npz, the file cannot be written, or the look is larger than
                `look_file.MAX_BYTES`.
        """
        if Path(path).suffix.lower() != ".npz":
            raise PhotostyleError(f"a look is written as .npz, got {Path(path).name!r}")
        write_atomically(str(path), pack(self._parts(), self.icc_profile or b"", Path(path).name))

    @classmethod
    @independent
    def load(cls, path: str | Path) -> Look:
        """Read a look that `save` wrote.

        Raises:
            PhotostyleError: the file is missing, is not a regular file, or is not a look. Code in the file is never
                executed.
        """
        with open_file(path, Path(path).name, "a look (.npz)") as file:
            parts, profile = unpack(file, Path(path).name)
        share = parts.pop("tone_share", None)
        tensors = {name: torch.from_numpy(part) for name, part in parts.items()}
        return cls(**tensors, icc_profile=profile or None, tone_share=None if share is None else float(share))

    def _parts(self) -> dict[str, np.ndarray]:
        parts = {"grid": self.grid, "tone": self.tone, "structure": self.structure}
        arrays = {name: part.numpy() for name, part in parts.items() if part is not None}
        return arrays if self.tone_share is None else {**arrays, "tone_share": np.array(self.tone_share, np.float32)}

    @independent
    def cube(
        self,
        size: int = 33,
        title: str = "photostyle",
        *,
        strength: float = 1.0,
        keep_luma: bool = False,
        keep_chroma: bool = False,
    ) -> str:
        """The part of the look that does not depend on position (`tone`) as a .cube 3D lookup table.

        Args:
            size: number of colours along each axis, 2 to 256.
            title: the name of the table; only printable ASCII without quotation marks is kept.
            strength, keep_luma, keep_chroma: as for `apply`.

        Returns:
            The text of the file.

        Raises:
            PhotostyleError: an option is out of range.

        Source: Adobe, *Cube LUT Specification 1.0* (2013).
        """
        if not 2 <= size <= 256:
            raise PhotostyleError(f"`size` of a .cube must be from 2 to 256, got {size}")
        table = self._table(size, Mix(strength, keep_luma, keep_chroma))
        rows = "\n".join("{:.6f} {:.6f} {:.6f}".format(*row) for row in table.T.tolist())
        name = "".join(c for c in title if " " <= c <= "~" and c != '"')
        return f'TITLE "{name}"\nLUT_3D_SIZE {size}\nDOMAIN_MIN 0.0 0.0 0.0\nDOMAIN_MAX 1.0 1.0 1.0\n{rows}\n'

    @independent
    def hald(
        self, size: int = 64, *, strength: float = 1.0, keep_luma: bool = False, keep_chroma: bool = False
    ) -> Tensor:
        """The part of the look that does not depend on position as a HaldCLUT, a picture of size^3 colours.

        Args:
            size: number of colours along each axis: the square of a level from 2 to 12.
            strength, keep_luma, keep_chroma: as for `apply`.

        Returns:
            (3, level^3, level^3), float32 in [0, 1]; it should be written with 16 bits.

        Raises:
            PhotostyleError: an option is out of range.

        Source: E. Quintard, *Hald CLUT* (2006), the identity of which ImageMagick makes as ``hald:8``.
        """
        level = math.isqrt(max(size, 0))
        if level**2 != size or not 2 <= level <= 12:
            raise PhotostyleError(f"`size` of a HaldCLUT must be a square from 4 to 144, got {size}")
        return self._table(size, Mix(strength, keep_luma, keep_chroma)).view(3, level**3, level**3)

    def _table(self, size: int, mix: Mix) -> Tensor:
        """What becomes of `size` values per axis, (3, size^3); red changes fastest, blue slowest."""
        axis = torch.linspace(0, 1, size)
        blue, green, red = torch.meshgrid(axis, axis, axis, indexing="ij")
        colors = torch.stack((red, green, blue)).view(3, size * size, size)
        return mix(colors, self.apply(colors, everywhere=True)).flatten(1)


def _mean_grid(grids: Sequence[Tensor], shares: Sequence[float], strength: float) -> Tensor:
    """The weighted mean of grids (12, D, Gh, Gw) of any sizes, and of the identity for the rest of `strength`."""
    size = [max(grid.shape[dim] for grid in grids) for dim in (1, 2, 3)]
    same = [F.interpolate(g[None], size, mode="trilinear", align_corners=True)[0] for g in grids]
    mean = torch.stack([share * grid for share, grid in zip(shares, same, strict=True)]).sum(0)
    identity = torch.eye(3, 4, device=mean.device).view(12, 1, 1, 1)
    return torch.lerp(identity.expand_as(mean), mean, strength)


def _luminance(image: Tensor) -> Tensor:
    return torch.einsum("c,chw->hw", image.new_tensor(_LUMINANCE), image)


def _fit(content: Tensor, result: Tensor, start: Tensor, smoothness: float) -> Tensor:
    """Fit a grid (12, D, Gh, Gw) to two photos, by conjugate gradients on the normal equations of least squares.

    Vertices that the photos do not determine stay close to `start`.
    """
    guide, pixels = _luminance(content), content[0].numel()
    start = start.contiguous()

    def adjoint(residual: Tensor, image: Tensor) -> Tensor:
        grid = torch.zeros_like(start, requires_grad=True)
        with torch.enable_grad():
            out = ops.slice_bilateral_grid(grid, guide, image)
        return torch.autograd.grad(out, grid, residual)[0] / pixels

    share = 1 / start[0].numel()

    def normal(change: Tensor) -> Tensor:
        data = adjoint(ops.slice_bilateral_grid(change, guide, content), content)
        return data + smoothness * share * _roughness(change) + _KEEP * share * change

    # The sums of interpolation weights times squared colours are close to the diagonal of the normal equations.
    diagonal = adjoint(torch.ones_like(content), content.square()) + (smoothness + _KEEP) * share
    residual = adjoint(result - ops.slice_bilateral_grid(start, guide, content), content)
    return start + conjugate_gradients(normal, residual, lambda v: v / diagonal, steps=_STEPS)


def _roughness(grid: Tensor) -> Tensor:
    """The gradient of half the sum of squared differences between neighbouring vertices."""
    out = torch.zeros_like(grid)
    for dim in (1, 2, 3):
        if grid.shape[dim] > 1:
            step = grid.diff(dim=dim)
            out.narrow(dim, 1, step.shape[dim]).add_(step)
            out.narrow(dim, 0, step.shape[dim]).sub_(step)
    return out
