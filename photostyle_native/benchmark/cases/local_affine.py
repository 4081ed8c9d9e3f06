"""Smoothing an affine map (the authors' last step) and lifting it to a larger photo, beside plain PyTorch."""

from __future__ import annotations

from functools import partial

import torch

from ... import ops
from ...reference import local_affine as reference
from ..case import Case, Family, calls, check
from ..scenes import height_of, photo

_COPIES = 3
_RADIUS = 15
_LARGEST_PLAIN = 6e5  # pixels: plain PyTorch keeps shifted copies of the coefficients
_TOO_LARGE = "left out above 0.6 megapixels: takes minutes"


def build_smooth(device: torch.device, width: int) -> Case:
    content = photo(width).to(device)
    outputs = [(content * (0.7 + 0.1 * i) + 0.05).contiguous() for i in range(_COPIES)]
    pixels = height_of(width) * width
    taps = (2 * _RADIUS + 1) ** 2
    case = Case(pixels, bytes=36.0 * pixels, operations=taps * 38.0 * pixels)
    out, guide = (t[:, :32, :48].contiguous() for t in (outputs[0], content))
    truth = reference.smooth_local_affine(out.double(), guide.double(), radius=_RADIUS)
    check("ours", ops.smooth_local_affine(out, guide, radius=_RADIUS), truth, 1e-5)
    ours = partial(ops.smooth_local_affine, content=content, radius=_RADIUS)
    plain = partial(reference.smooth_local_affine, content=content, radius=_RADIUS)
    data = [(o,) for o in outputs]
    case.ways["ours"] = calls(ours, data)
    case.offer(
        "plain PyTorch",
        lambda: calls(plain, data),
        unless=_TOO_LARGE if pixels > _LARGEST_PLAIN else "",
    )
    return case


def build_lift(device: torch.device, low_width: int, width: int) -> Case:
    low, large = photo(low_width).to(device), photo(width).to(device)
    coefs = ops.fit_local_affine(low * 0.8, low)
    pixels = height_of(width) * width
    case = Case(pixels, bytes=24.0 * pixels, operations=25.0 * 40 * pixels)
    plain = reference.upsample_local_affine
    part = large[:, :40, :56].contiguous()
    truth = plain(coefs.double(), low.double(), part.double())
    check("ours", ops.upsample_local_affine(coefs, low, part), truth, 1e-5)
    case.ways["ours"] = [lambda: ops.upsample_local_affine(coefs, low, large)]
    case.offer(
        "plain PyTorch",
        lambda: [lambda: plain(coefs, low, large)],
        unless=_TOO_LARGE if pixels > _LARGEST_PLAIN else "",
    )
    return case


SMOOTH = Family("smooth", "Smooth local affine, radius 15", ("ours", "plain PyTorch"), build_smooth)
LIFT = Family("lift", "Lifting an affine map to a photo", ("ours", "plain PyTorch"), build_lift)
