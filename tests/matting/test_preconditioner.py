"""The affine preconditioner."""

from __future__ import annotations

from matting.dense import DOUBLE
from pictures import smooth_picture

from photostyle_native import MattingLaplacian


def test_the_affine_preconditioner_needs_far_fewer_iterations() -> None:
    image = smooth_picture(120, 160, DOUBLE)
    counts = {}
    for method in ("jacobi", "affine"):
        seen: list[int] = []
        MattingLaplacian(image).propagate(
            image.flip(2), preconditioner=method, callback=lambda step, _, seen=seen: seen.append(step)
        )
        counts[method] = seen[-1]
    assert counts["affine"] < counts["jacobi"] / 2.5
