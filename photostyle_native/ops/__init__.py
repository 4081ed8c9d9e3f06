"""The package's operators: native kernels behind `torch.library` ops with autograd.

Each module holds one family: argument checks, the registered op (namespace ``photostyle``), its gradient,
and the choice of the kernel by device.
"""

from ._runtime import FallbackWarning, backend
from .bilateral_grid import slice_bilateral_grid
from .local_affine import (
    apply_local_affine,
    fit_local_affine,
    smooth_affine_coefficients,
    smooth_local_affine,
    upsample_local_affine,
)
from .masked_gram import masked_gram
from .masked_gram_loss import masked_gram_loss
from .matting_laplacian import guided_filter, matting_energy, matting_laplacian

__all__ = [
    "FallbackWarning",
    "apply_local_affine",
    "backend",
    "fit_local_affine",
    "guided_filter",
    "masked_gram",
    "masked_gram_loss",
    "matting_energy",
    "matting_laplacian",
    "slice_bilateral_grid",
    "smooth_affine_coefficients",
    "smooth_local_affine",
    "upsample_local_affine",
]
