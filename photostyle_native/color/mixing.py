"""How much of a change of colours is taken, and what of the photo is kept: its lightness, or its hues and chroma.

The colours are taken apart in CIELAB (CIE 15; white D65), by the transfer function and primaries of sRGB (IEC
61966-2-1). So `keep_luma` keeps L*, and with it the luminance Y, which a conversion to black and white or a histogram
of luminance shows; and `keep_chroma` keeps a* and b*. That is what the L*a*b* tools of raw converters do. A photo in
another RGB space is taken apart by the same formulas; its L* is then nearly, not exactly, that of CIELAB.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import PhotostyleError

_TO_XYZ = (  # of linear sRGB, divided by the white of D65, so that white has X = Y = Z = 1
    (0.412456 / 0.950470, 0.357576 / 0.950470, 0.180438 / 0.950470),
    (0.212673, 0.715152, 0.072175),
    (0.019334 / 1.088830, 0.119192 / 1.088830, 0.950304 / 1.088830),
)
_DELTA = 6 / 29  # below the cube of it CIELAB replaces the cube root by its tangent
_AT_ONCE = 1 << 20  # pixels that are taken apart together; each takes some 100 bytes
MIXING = ("strength", "keep_luma", "keep_chroma")  # the options of a `Mix`, by which `Mix(**...)` is made
_GAMUT_STEPS = 12  # of bisection: chroma is reduced to 1/4096 of itself exactly
_GAMUT_SLACK = 1e-5  # a colour this far outside [0, 1] is in gamut but for rounding


@dataclass(frozen=True)
class Mix:
    """How a photo and its recoloured version become one picture.

    Args:
        strength: the share of the change that is taken, from 0 (the photo's own pixels, exactly) to 1 (the result's).
            Between the two, every pixel moves along the straight line between its two colours, as encoded.
        keep_luma: keep the photo's lightness, CIELAB's L*, and take only hues and chroma.
        keep_chroma: keep the photo's hues and chroma, CIELAB's a* and b*, and take only lightness.

    Raises:
        PhotostyleError: `strength` is not in [0, 1], or both are to be kept.
    """

    strength: float = 1.0
    keep_luma: bool = False
    keep_chroma: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.strength <= 1:
            raise PhotostyleError(f"`strength` must be from 0 to 1, got {self.strength}")
        if self.keep_luma and self.keep_chroma:
            raise PhotostyleError("`keep_luma` and `keep_chroma` together leave nothing to change: choose one")

    @torch.no_grad()
    def __call__(self, photo: Tensor, result: Tensor) -> Tensor:
        """Mix (3, H, W) `photo` and `result`, float32 RGB in [0, 1] of one device; returns the same.

        What is kept is kept at every strength. Where L* of one and a*, b* of the other make a colour that RGB does
        not have, its chroma is reduced, at the same lightness and hue, until it does.
        """
        if self.strength == 0:
            return photo
        mixed = result if self.strength == 1 else torch.lerp(photo, result, self.strength)
        if not (self.keep_luma or self.keep_chroma):
            return mixed
        out = torch.empty_like(mixed)
        pixels = [image.flatten(1).split(_AT_ONCE, dim=1) for image in (photo, mixed, out)]
        for old, new, part in zip(*pixels, strict=True):
            light, chroma = (old, new) if self.keep_luma else (new, old)
            part.copy_(to_rgb(torch.cat((to_lab(light)[:1], to_lab(chroma)[1:]))))
        return out


def shares_of(weights: Sequence[float] | None, count: int, name: str, things: str) -> list[float]:
    """The shares of `count` things, which add up to one, from their weights; equal by default.

    Raises PhotostyleError, which calls the weights `name`, unless there is one for each of the `things`, none is
    negative or infinite, and one is positive.
    """
    if not count:
        raise PhotostyleError(f"there must be at least one of the {things}, got none")
    weights = [1.0] * count if weights is None else [float(weight) for weight in weights]
    if len(weights) != count:
        raise PhotostyleError(f"{name} must have a number for each of {count} {things}, got {len(weights)}")
    if not all(0 <= weight < math.inf for weight in weights) or not sum(weights):
        raise PhotostyleError(f"{name} must not be negative, and not all zero, got {weights}")
    return [weight / sum(weights) for weight in weights]


def to_lab(rgb: Tensor) -> Tensor:
    """sRGB values (3, N) in [0, 1] as CIELAB, (3, N): L* from 0 to 100, a* and b*."""
    linear = torch.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    t = rgb.new_tensor(_TO_XYZ) @ linear
    f = torch.where(t > _DELTA**3, t.clamp_min(0) ** (1 / 3), t / (3 * _DELTA**2) + 4 / 29)
    return torch.stack((116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])))


def to_rgb(lab: Tensor) -> Tensor:
    """The sRGB values in [0, 1] of CIELAB colours (3, N); chroma that sRGB does not have is reduced."""
    rgb = _encoded(lab)
    outside = ((rgb < -_GAMUT_SLACK) | (rgb > 1 + _GAMUT_SLACK)).any(0)
    if bool(outside.any()):
        rgb[:, outside] = _encoded(_into_gamut(lab[:, outside]))
    return rgb.clamp_(0, 1)


def _into_gamut(lab: Tensor) -> Tensor:
    """Colours (3, N) with the largest share of their chroma, by bisection, at which sRGB has them."""
    inside, beyond = torch.zeros_like(lab[0]), torch.ones_like(lab[0])
    for _ in range(_GAMUT_STEPS):
        middle = (inside + beyond) / 2
        rgb = _encoded(torch.cat((lab[:1], lab[1:] * middle)))
        fits = ((rgb >= -_GAMUT_SLACK) & (rgb <= 1 + _GAMUT_SLACK)).all(0)
        inside, beyond = torch.where(fits, middle, inside), torch.where(fits, beyond, middle)
    return torch.cat((lab[:1], lab[1:] * inside))


def _encoded(lab: Tensor) -> Tensor:
    f_y = (lab[0] + 16) / 116
    f = torch.stack((f_y + lab[1] / 500, f_y, f_y - lab[2] / 200))
    t = torch.where(f > _DELTA, f**3, 3 * _DELTA**2 * (f - 4 / 29))
    linear = torch.linalg.inv(lab.new_tensor(_TO_XYZ).double()).to(lab) @ t
    return torch.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear.clamp_min(0) ** (1 / 2.4) - 0.055)
