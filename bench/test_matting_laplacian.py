"""Matting-Laplacian product, 700 x 525, three channels: ours against sparse matrices that hold L."""

from __future__ import annotations

import warnings
from typing import Any

import pymatting
import pytest
import scipy.sparse
import torch
from conftest import photo

from photostyle_native import ops
from photostyle_native.reference import matting_laplacian as reference

WIDTH, HEIGHT = 700, 525


@pytest.fixture(scope="module")
def image() -> torch.Tensor:
    return photo(WIDTH)


@pytest.fixture(scope="module")
def matrix(image: torch.Tensor) -> scipy.sparse.csr_matrix:
    matrix = pymatting.cf_laplacian(image.permute(1, 2, 0).double().numpy())
    return matrix.tocoo().tocsr()  # sorted, without duplicates: torch asks for it, and products run faster


def _torch_csr(matrix: scipy.sparse.csr_matrix, index: torch.dtype) -> torch.Tensor:
    with warnings.catch_warnings(), torch.sparse.check_sparse_tensor_invariants(True):
        warnings.filterwarnings("ignore", "Sparse CSR", UserWarning)  # a beta feature of torch, said once
        return torch.sparse_csr_tensor(
            torch.from_numpy(matrix.indptr).to(index),
            torch.from_numpy(matrix.indices).to(index),
            torch.from_numpy(matrix.data).float(),
            size=matrix.shape,
        )


@pytest.mark.benchmark(group="matting product 700x525x3")
@pytest.mark.parametrize("how", ["ours", "torch CSR int32", "torch CSR int64", "scipy CSR float32", "reference"])
def test_product(benchmark: Any, how: str, image: torch.Tensor, matrix: scipy.sparse.csr_matrix) -> None:
    x = torch.rand(3, HEIGHT, WIDTH)
    columns = x.flatten(1).T.contiguous()
    out = torch.empty_like(x)
    if how == "ours":

        def product() -> Any:
            return ops.matting_laplacian(x, image, out=out)
    elif how.startswith("torch"):
        sparse = _torch_csr(matrix, torch.int32 if "int32" in how else torch.int64)

        def product() -> Any:
            return (sparse @ columns).T.view_as(x)
    elif how.startswith("scipy"):
        narrow, dense = matrix.astype("float32"), columns.numpy()

        def product() -> Any:
            return torch.from_numpy(narrow @ dense).T.view_as(x)
    else:

        def product() -> Any:
            return reference.matting_laplacian(x, image)

    truth = torch.from_numpy(matrix @ columns.double().numpy()).T.view_as(x)
    assert (product().double() - truth).norm() <= 1e-4 * truth.norm()
    benchmark(product)


@pytest.mark.benchmark(group="matting product 700x525x3")
def test_building_the_matrix(benchmark: Any, image: torch.Tensor) -> None:
    pixels = image.permute(1, 2, 0).double().numpy()
    benchmark.pedantic(lambda: pymatting.cf_laplacian(pixels).tocsr(), rounds=3, warmup_rounds=1)
