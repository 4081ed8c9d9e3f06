"""Sharpening an enlarged low-resolution edit by the guided filter, with the original as guide, on NumPy arrays.

- result = guided_filter_of_box_means(enlarged, original, radius, eps)
+ result = ops.guided_filter(enlarged, original, radius=radius, eps=eps, layout="channels_last")
"""

from __future__ import annotations

import numpy as np
from _recipe import arguments, compare, photo
from PIL import Image
from scipy import ndimage

from photostyle_native import ops

RADIUS, EPS = 8, 1e-3


def before(original: np.ndarray, enlarged: np.ndarray) -> np.ndarray:
    """Colour guided filter by box means that are cut at the border (He, Sun, Tang 2010, eqs. 14-16)."""

    def mean(x: np.ndarray) -> np.ndarray:
        size = (2 * RADIUS + 1, 2 * RADIUS + 1, *(1 for _ in x.shape[2:]))
        return ndimage.uniform_filter(x, size, mode="constant")

    guide, x = original.astype(np.float64), enlarged.astype(np.float64)
    count = mean(np.ones(guide.shape[:2]))[..., None]
    mean_i, mean_x = mean(guide) / count, mean(x) / count
    outer = mean(guide[..., :, None] * guide[..., None, :]) / count[..., None]
    covariance = outer - mean_i[..., :, None] * mean_i[..., None, :] + EPS * np.eye(3)
    cross = (
        mean(guide[..., :, None] * x[..., None, :]) / count[..., None] - mean_i[..., :, None] * mean_x[..., None, :]
    )
    slopes = np.linalg.solve(covariance, cross)
    offset = mean_x - np.einsum("hwi,hwic->hwc", mean_i, slopes)
    slopes, offset = mean(slopes) / count[..., None], mean(offset) / count
    return np.einsum("hwi,hwic->hwc", guide, slopes) + offset


def after(original: np.ndarray, enlarged: np.ndarray) -> np.ndarray:
    return ops.guided_filter(enlarged, original, radius=RADIUS, eps=EPS, layout="channels_last")


def main(argv: list[str] | None = None) -> None:
    options = arguments(__doc__ or "", 1600, argv)
    original = photo(options.width)
    height = len(original)
    edit = Image.fromarray((photo(max(8, options.width // 8))[..., ::-1] ** 1.3 * 255).astype(np.uint8))
    enlarged = np.asarray(edit.resize((options.width, height), Image.Resampling.BICUBIC), dtype=np.float32) / 255
    print(f"guided filter of an edit made at {edit.width} x {edit.height}, at {options.width} x {height}")
    compare(before, after, (original, enlarged), 1e-4, options.quick)


if __name__ == "__main__":
    main()
