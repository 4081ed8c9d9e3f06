"""Products with the Matting Laplacian as a sparse matrix, by the libraries that people use for them."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..case import Call, calls


def columns_of(x: Tensor) -> Tensor:
    """Turn (C, H, W) into the matrix (H W, C) that a sparse matrix is multiplied with."""
    return x.flatten(1).T.contiguous()


def torch_csr(matrix: Tensor, xs: list[Tensor], index: torch.dtype) -> list[Call]:
    """Calls of torch's CSR product with the index type `index` (int64 is torch's default)."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse CSR", UserWarning)  # torch warns once that it is a beta feature
        parts = (matrix.crow_indices().to(index), matrix.col_indices().to(index), matrix.values())
        same = torch.sparse_csr_tensor(*parts, size=matrix.shape, check_invariants=False)
    columns = [columns_of(x) for x in xs]
    return calls(same.__matmul__, ((c,) for c in columns))


def scipy_csr(matrix: Tensor, xs: list[Tensor]) -> list[Call]:
    from scipy.sparse import csr_matrix  # type: ignore[import-untyped]

    parts = (matrix.values().numpy(), matrix.col_indices().numpy(), matrix.crow_indices().numpy())
    same = csr_matrix(parts, shape=tuple(matrix.shape))
    columns = [columns_of(x).numpy() for x in xs]
    return calls(same.__matmul__, ((c,) for c in columns))


def cusparse(matrix: Tensor, xs: list[Tensor]) -> list[Call]:
    """Calls of cuSPARSE's product through CuPy, on torch's current stream."""
    import cupy
    from cupyx.scipy.sparse import csr_matrix

    parts = (matrix.values(), matrix.col_indices(), matrix.crow_indices())
    same = csr_matrix(tuple(cupy.from_dlpack(p) for p in parts), shape=tuple(matrix.shape))
    dense = [cupy.from_dlpack(columns_of(x)) for x in xs]

    def multiply(d: Any) -> Any:
        with cupy.cuda.ExternalStream(torch.cuda.current_stream().cuda_stream):
            return same @ d

    return calls(multiply, ((d,) for d in dense))


def large_kernel(image: Tensor, xs: list[Tensor], radius: int) -> list[Call]:
    """Calls of pymatting's lkm_laplacian: box filters in float64 without a matrix, for one channel at a time."""
    import pymatting

    multiply, _ = pymatting.lkm_laplacian(image.permute(1, 2, 0).double().numpy(), epsilon=1e-7, radius=radius)

    def product(*channels: np.ndarray) -> list[np.ndarray]:
        return [multiply(channel) for channel in channels]

    return calls(product, (tuple(x.double().flatten(1).numpy()) for x in xs))
