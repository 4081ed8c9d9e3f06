"""Alpha matting from a trimap: the matte of pymatting, computed without its matrix.

- alpha = pymatting.estimate_alpha_cf(image, trimap)
+ alpha = MattingLaplacian(image.transpose(2, 0, 1)).matte(trimap)
"""

from __future__ import annotations

import numpy as np
import pymatting
from _recipe import arguments, compare, labels, photo
from scipy import ndimage

from photostyle_native import MattingLaplacian


def before(image: np.ndarray, trimap: np.ndarray) -> np.ndarray:
    return pymatting.estimate_alpha_cf(image.astype(np.float64), trimap)


def after(image: np.ndarray, trimap: np.ndarray) -> np.ndarray:
    return MattingLaplacian(np.ascontiguousarray(image.transpose(2, 0, 1))).matte(trimap)


def main(argv: list[str] | None = None) -> None:
    options = arguments(__doc__ or "", 870, argv)
    image, sky = photo(options.width), labels(options.width)
    band = max(2, options.width // 70)
    trimap = np.full(sky.shape, 0.5)
    trimap[ndimage.distance_transform_edt(sky) > band] = 0
    trimap[ndimage.distance_transform_edt(~sky) > band] = 1
    print(f"alpha matting, {options.width} x {len(image)}, {(trimap == 0.5).mean():.0%} of the pixels open")
    compare(before, after, (image, trimap), 1e-3, options.quick)


if __name__ == "__main__":
    main()
