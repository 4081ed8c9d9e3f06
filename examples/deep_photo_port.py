"""The photorealism term of a plain-PyTorch port of Deep Photo Style Transfer, without its sparse Laplacian.

- laplacian = torch.sparse_coo_tensor(...)  # of cf_laplacian(photo), some 500 bytes per pixel
- loss = sum(c @ torch.sparse.mm(laplacian, c[:, None])[:, 0] for c in x.flatten(1))
+ photorealism = MattingLoss(photo)
+ loss = photorealism(x)

The results differ by a percent or two, because the entries of the port's matrix are rounded to float32 and cancel.
"""

from __future__ import annotations

import numpy as np
import pymatting
import torch
from _recipe import arguments, compare, photo

from photostyle_native import MattingLoss

STEPS = 20  # gradients for one photo; a transfer computes about a thousand


def before(image: np.ndarray, start: np.ndarray) -> np.ndarray:
    entries = pymatting.cf_laplacian(image.astype(np.float64)).tocoo()
    index = torch.from_numpy(np.stack([entries.row, entries.col]).astype(np.int64))
    values = torch.from_numpy(entries.data.astype(np.float32))
    laplacian = torch.sparse_coo_tensor(index, values, entries.shape, check_invariants=False).coalesce()
    x = torch.from_numpy(start).requires_grad_()
    for _ in range(STEPS):
        loss = sum(c @ torch.sparse.mm(laplacian, c[:, None])[:, 0] for c in x.flatten(1))
        (gradient,) = torch.autograd.grad(loss, x)
    return gradient.numpy()


def after(image: np.ndarray, start: np.ndarray) -> np.ndarray:
    photorealism = MattingLoss(torch.from_numpy(image).permute(2, 0, 1))
    x = torch.from_numpy(start).requires_grad_()
    for _ in range(STEPS):
        loss = photorealism(x)
        (gradient,) = torch.autograd.grad(loss, x)
    return gradient.numpy()


def main(argv: list[str] | None = None) -> None:
    options = arguments(__doc__ or "", 700, argv)
    image = photo(options.width)
    start = np.ascontiguousarray(image.transpose(2, 0, 1)[::-1]) * 0.9
    print(f"photorealism loss and gradient, {options.width} x {len(image)}, {STEPS} times, building included")
    compare(before, after, (image, start), 5e-2, options.quick)


if __name__ == "__main__":
    main()
