"""Colour spaces that a file gives by other means than an ICC profile, as ICC profiles.

EXIF names Adobe RGB (DCF 2.0), PNG has the chunks cICP, sRGB, gAMA and cHRM (PNG specification, 3rd edition, 11.3.2),
AVIF has code points (ITU-T H.273), and TIFF has tags for the primaries and the curve (TIFF 6.0, section 20).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from typing import TypeAlias

import imagecodecs
import numpy as np
from PIL import ExifTags, Image

Chromaticities: TypeAlias = tuple[float, ...]  # x and y of white, red, green and blue
Curve: TypeAlias = Callable[[np.ndarray], np.ndarray]  # from encoded values to light, both from 0 to 1

_D65 = (0.3127, 0.3290)
_SRGB = (*_D65, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
_CLOSE = 0.002  # chromaticities that differ by less are the same, written with fewer digits
_STEPS = 4096  # of a curve's table
_DATE = slice(24, 36)  # of a profile's header
_AS_SRGB = "the values were taken as sRGB"


def _srgb_light(v: np.ndarray) -> np.ndarray:
    return np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4)


def _rec709_light(v: np.ndarray) -> np.ndarray:
    return np.where(v < 0.081, v / 4.5, ((v + 0.099) / 1.099) ** (1 / 0.45))


# Code points of H.273: table 2 (primaries) and table 3 (transfer characteristics).
_PRIMARIES: Mapping[int, Chromaticities] = {
    1: _SRGB,
    5: (*_D65, 0.64, 0.33, 0.29, 0.60, 0.15, 0.06),
    6: (*_D65, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070),
    7: (*_D65, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070),
    9: (*_D65, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046),
    11: (0.314, 0.351, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
    12: (*_D65, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
}
_CURVES: Mapping[int, Curve | float] = {
    **dict.fromkeys((1, 6, 14, 15), _rec709_light),
    4: 2.2,
    5: 2.8,
    8: 1.0,
    13: _srgb_light,
}
_HDR = {16: "PQ", 18: "HLG"}
_UNSPECIFIED = 2

Found: TypeAlias = "tuple[bytes | None, str | None]"  # a profile (None: sRGB), and a note


def from_code_points(primaries: int, transfer: int, full_range: bool = True) -> Found:
    """The colour space of H.273's code points, as PNG's cICP chunk and AVIF state them."""
    if transfer in _HDR:
        return None, f"it is an HDR picture ({_HDR[transfer]}), of which nothing but sRGB is read: {_AS_SRGB}"
    if _UNSPECIFIED in (primaries, transfer):
        return None, None
    if primaries not in _PRIMARIES or transfer not in _CURVES or not full_range:
        kind = f"primaries {primaries}, transfer {transfer}" + ("" if full_range else ", narrow range")
        return None, f"its colour space ({kind}) is not known, and {_AS_SRGB}"
    return _found(_PRIMARIES[primaries], _CURVES[transfer], "code points")


def from_png(gamma: int | None, chromaticities: tuple[int, ...] | None) -> Found:
    """The colour space of the chunks gAMA (100000 / exponent) and cHRM (eight numbers, times 100000)."""
    places = _SRGB if chromaticities is None else tuple(value / 1e5 for value in chromaticities)
    if gamma == 0:
        return None, f"its colour space (gAMA 0) is not known, and {_AS_SRGB}"
    # 45455, or 1 / 2.2, is what programs write for sRGB.
    usual = gamma is None or (abs(gamma - 45455) < 100 and _same(places, _SRGB))
    return _found(places, _srgb_light if usual or gamma is None else 1e5 / gamma, "chunks gAMA and cHRM")


def from_tiff(
    white: tuple[float, ...] | None, primaries: tuple[float, ...] | None, curve: np.ndarray | None
) -> Found:
    """The colour space of WhitePoint, PrimaryChromaticities and TransferFunction, (3, N) or (N,) from 0 to 65535."""
    places = (*(white or _D65), *(primaries or _SRGB[2:]))
    if len(places) != len(_SRGB):
        return None, f"its colour tags are damaged, and {_AS_SRGB}"
    if curve is not None:
        return _checked(places, (curve / 65535).astype(np.float32), "TIFF tags")
    return _found(places, _srgb_light, "TIFF tags")


def from_exif(block: bytes) -> Found:
    """The colour space that an EXIF block names; many cameras write Adobe RGB only there."""
    exif = Image.Exif()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            exif.load(block)
            space = exif.get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.ColorSpace)
        except Exception:  # on a damaged block Pillow raises many types of exceptions
            return None, None
        rules = ""
        with suppress(Exception):  # Pillow 12 raises one where there are no such rules
            rules = str(exif.get_ifd(ExifTags.IFD.Interop).get(1, ""))
    if space == 2 or (space == 0xFFFF and rules.startswith("R03")):
        return imagecodecs.cms_profile("adobergb"), "its EXIF data says that its colours are Adobe RGB"
    if space == 0xFFFF:
        return None, f"its EXIF data says that its colours are not sRGB, but not what they are: {_AS_SRGB}"
    return None, None


def _same(places: Chromaticities, others: Chromaticities) -> bool:
    return max(abs(a - b) for a, b in zip(places, others, strict=True)) < _CLOSE


def _found(places: Chromaticities, curve: Curve | float, source: str) -> Found:
    if _same(places, _SRGB) and curve is _srgb_light:
        return None, None
    return _checked(places, _table(curve) if callable(curve) else curve, source)


@cache
def _table(curve: Curve) -> np.ndarray:
    return curve(np.linspace(0, 1, _STEPS)).astype(np.float32)


def _checked(places: Chromaticities, curve: np.ndarray | float, source: str) -> Found:
    """The profile of primaries and a curve, a table or an exponent, unless they make no sense."""
    table, exponent = (curve, None) if isinstance(curve, np.ndarray) else (None, curve)
    try:
        profile = imagecodecs.cms_profile(
            "rgb", whitepoint=places[:2], primaries=list(places[2:]), transferfunction=table, gamma=exponent
        )
    except (RuntimeError, ValueError):
        return None, f"its colour space ({source}) makes no sense, and {_AS_SRGB}"
    # Without the time of its making, so that equal colour spaces are equal bytes.
    profile = profile[: _DATE.start] + bytes(_DATE.stop - _DATE.start) + profile[_DATE.stop :]
    return profile, f"its colour space was taken from its {source}"
