"""Matting energy and L x of three channels and radius 1, without a matrix, beside sparse matrices and box filters."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...reference import matting_laplacian as reference
from ..case import Call, Case, Family, calls, check
from ..peers import box_filter, sparse_laplacian, sparse_products
from ..scenes import height_of, photo, views

_COPIES = 3
_OPERATIONS = 430  # per pixel of three channels, counted in the CUDA kernel of radius 1
_LARGEST_MATRIX = 1.3e6  # pixels: building a larger one takes minutes and many gigabytes
_TOO_LARGE = "left out above 1.3 megapixels: some 500 bytes per pixel to build"

_SPARSE = (
    "torch CSR, int32 indices",
    "torch CSR, int64 indices",
    "SciPy CSR",
    "cuSPARSE (CuPy)",
    "building that matrix (torch)",
    "building that matrix (pymatting)",
)
# These wait for the device: CuPy to allocate, torch to count entries.
_LAUNCHED = frozenset(("cuSPARSE (CuPy)", "building that matrix (torch)"))
WAYS = (
    "ours",
    "ours, uint8 guide",
    *_SPARSE,
    "box filters, float64",
    "box filters, float64, torch.compile",
    "pymatting lkm_laplacian",
)


def build(device: torch.device, width: int) -> Case:
    image = photo(width).to(device)
    images = views(image, _COPIES)
    xs = [torch.rand_like(image) for _ in images]
    pairs = list(zip(xs, images, strict=True))
    pixels = height_of(width) * width
    case = Case(pixels, bytes=36.0 * pixels, operations=_OPERATIONS * pixels, launched=_LAUNCHED)

    def energy(x: Tensor, guide: Tensor) -> tuple[Tensor, Tensor]:
        return torch.ops.photostyle.matting_energy(x, guide, 1e-7, 1)

    truth = reference.matting_laplacian(xs[0].double(), image.double())
    check("ours", energy(xs[0], image)[1], truth, 1e-5)
    case.ways["ours"] = calls(energy, pairs)
    coarse = [(x, (i * 255).round().to(torch.uint8)) for x, i in pairs]
    rounded = reference.matting_laplacian(xs[0].double(), coarse[0][1].double() / 255)
    check("ours, uint8 guide", energy(*coarse[0])[1], rounded, 1e-5)
    case.ways["ours, uint8 guide"] = calls(energy, coarse)
    _offer_box_filters(case, pairs, truth)
    _offer_matrices(case, pairs, truth)
    return case


def _offer_box_filters(case: Case, pairs: list[tuple[Tensor, Tensor]], truth: Tensor) -> None:
    wide = [(x.double(), i.double()) for x, i in pairs]
    check("box filters, float64", box_filter.energy_and_product(*wide[0])[1], truth, 1e-4)
    case.ways["box filters, float64"] = calls(box_filter.energy_and_product, wide)
    # Not in float32: the second moments cancel, and on this photo the result is several times too large.
    case.offer_compiled("box filters, float64, torch.compile", box_filter.energy_and_product, wide)
    x, image = pairs[0]
    case.offer(
        "pymatting lkm_laplacian",
        lambda: sparse_products.large_kernel(image, [x], 1),
        needs=["pymatting"],
        unless="CPU only" if x.is_cuda else "",
        right=lambda channels: check(
            "pymatting lkm_laplacian", torch.as_tensor(np.stack(channels)).view_as(truth), truth, 1e-4
        ),
    )


def _offer_matrices(case: Case, pairs: list[tuple[Tensor, Tensor]], truth: Tensor) -> None:
    xs, image = [x for x, _ in pairs], pairs[0][1]
    if case.pixels > _LARGEST_MATRIX:
        case.missing |= dict.fromkeys(_SPARSE, _TOO_LARGE)
        return
    matrix = sparse_laplacian.csr(image)

    def right(product: Any) -> None:  # to 1e-4 only, because the matrix's rounded entries cancel
        check("the product", torch.as_tensor(product, device=truth.device).T.reshape(truth.shape), truth, 1e-4)

    for index in (torch.int32, torch.int64):
        name = f"torch CSR, {str(index).removeprefix('torch.')} indices"
        case.offer(name, partial(sparse_products.torch_csr, matrix, xs, index), right=right)
    case.ways["building that matrix (torch)"] = [lambda: sparse_laplacian.csr(image)]
    cpu_only, gpu_only = ("CPU only", "") if image.is_cuda else ("", "GPU only")
    case.offer("SciPy CSR", lambda: sparse_products.scipy_csr(matrix, xs), ["scipy"], cpu_only, right)
    case.offer(
        "building that matrix (pymatting)",
        lambda: _pymatting_build(image),
        needs=["pymatting"],
        unless=cpu_only,
    )
    case.offer("cuSPARSE (CuPy)", lambda: sparse_products.cusparse(matrix, xs), ["cupy"], gpu_only, right)


def _pymatting_build(image: Tensor) -> list[Call]:
    import pymatting

    pixels = image.permute(1, 2, 0).double().numpy()
    return [lambda: pymatting.cf_laplacian(pixels)]


FAMILY = Family("matting", "Matting energy and L x, 3 channels", WAYS, build)
