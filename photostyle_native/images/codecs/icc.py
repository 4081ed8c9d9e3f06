"""ICC profiles, and the conversion of a file's colour model (grey, RGB or CMYK) to RGB."""

from __future__ import annotations

from functools import cache

import imagecodecs
import numpy as np

from .samples import Decoded, change_depth


@cache
def srgb_profile() -> bytes:
    """An sRGB profile (IEC 61966-2-1), for pixels without a profile."""
    return imagecodecs.cms_profile("srgb")


def profile_space(profile: bytes) -> str | None:
    """The colour space of a profile, ``"RGB"``, ``"GRAY"`` or ``"CMYK"``; None if the profile cannot be used.

    It can be used if Little CMS can convert from it to sRGB, which needs its tables and not only its header.
    """
    channels = {"RGB": 3, "GRAY": 1, "CMYK": 4}
    space = profile[16:20].decode("latin-1").strip()
    if space not in channels:
        return None
    try:
        convert_samples(np.zeros((1, 1, channels[space]), np.uint8), profile, None)
    except ValueError:
        return None
    return space


def _has_way_back(profile: bytes) -> bool:
    """Whether colours can be converted to an RGB profile, which those of scanners and cameras often do not allow."""
    try:
        convert_samples(np.zeros((1, 1, 3), np.uint8), None, profile)
    except ValueError:
        return False
    return True


def convert_samples(samples: np.ndarray, source: bytes | None, target: bytes | None) -> np.ndarray:
    """Convert colours from one ICC profile to another, relative colorimetric with black point compensation.

    Args:
        samples: (H, W, C) uint8 or uint16; C is 1 for grey, 3 for RGB, 4 for CMYK (the greatest value is full ink).
        source: profile of `samples`; None means sRGB.
        target: an RGB profile; None means sRGB.

    Returns:
        (H, W, 3) of the same dtype.

    Raises:
        ValueError: a profile is damaged or does not allow this direction.
    """
    space = {1: "gray", 3: "rgb", 4: "cmyk"}[samples.shape[2]]
    if space == "gray" and samples.dtype == np.uint8:
        # Little CMS fits a power to a grey curve of 8 bits, and is off by up to 10 levels; with 16 bits it is exact.
        ramp = np.arange(256, dtype=np.uint16)[None, :, None] * np.uint16(257)
        return change_depth(convert_samples(ramp, source, target), np.uint8)[0][samples[..., 0]]
    flags: int = imagecodecs.CMS.FLAGS.BLACKPOINTCOMPENSATION
    if samples.dtype == np.uint16:
        # By default Little CMS replaces a 16-bit transform by a coarse table (from Adobe RGB to sRGB: errors of up to
        # 8 % of full scale). The exact computation takes twice the time.
        flags |= imagecodecs.CMS.FLAGS.NOOPTIMIZE
    try:
        return imagecodecs.cms_transform(
            np.ascontiguousarray(samples[..., 0] if space == "gray" else samples),
            source or srgb_profile(),
            target or srgb_profile(),
            colorspace=space,
            outcolorspace="rgb",
            intent=imagecodecs.CMS.INTENT.RELATIVE_COLORIMETRIC,
            flags=flags,
        )
    except (RuntimeError, ValueError) as error:  # CmsError is a RuntimeError
        raise ValueError(f"the ICC profile cannot be used ({error})") from error


def to_rgb(decoded: Decoded, notes: list[str]) -> tuple[np.ndarray, bytes | None]:
    """Convert grey, RGB or CMYK samples to RGB, (H, W, 3) of the same dtype; also return its profile (None: sRGB).

    Adds a sentence to `notes` for each conversion by a profile, for CMYK, and for a profile that had to be dropped.
    """
    samples, profile = decoded.samples, decoded.icc_profile
    own_space = {1: "GRAY", 3: "RGB", 4: "CMYK"}[samples.shape[2]]
    space = profile_space(profile) if profile else None
    if profile and space != own_space and not (own_space == "GRAY" and space == "RGB"):
        notes.append("its ICC profile is damaged or does not fit its colour model and was dropped")
        profile = space = None
    if space == "RGB" and profile and not _has_way_back(profile):
        notes.append("it was converted to sRGB, because its ICC profile does not allow the way back to it")
        colors = samples if own_space == "RGB" else np.repeat(samples, 3, axis=2)
        return convert_samples(colors, profile, None), None
    if own_space == "RGB":
        return samples, profile
    if own_space == "CMYK":
        if profile:
            notes.append("it was converted from CMYK to sRGB by its ICC profile")
            return convert_samples(samples, profile, None), None
        notes.append("it was converted from CMYK to sRGB without an ICC profile, so its colours are approximate")
        return _rgb_from_inks(samples), None
    if space == "GRAY":
        notes.append("it was converted from grey to sRGB by its ICC profile")
        # All three channels take the green one, so that rounding inside Little CMS cannot tint the greys.
        samples, profile = convert_samples(samples, profile, None)[..., 1:2], None
    return np.repeat(samples, 3, axis=2), profile


def _rgb_from_inks(inks: np.ndarray) -> np.ndarray:
    """Convert CMYK (H, W, 4) to RGB (H, W, 3) as if each ink were an ideal filter: (1 - ink) (1 - black)."""
    top = int(np.iinfo(inks.dtype).max)
    light = (top - inks[..., :3]).astype(np.uint32) * (top - inks[..., 3:]).astype(np.uint32)
    return ((light + np.uint32(top // 2)) // np.uint32(top)).astype(inks.dtype)
