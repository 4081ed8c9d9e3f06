"""The package's operators: native kernels behind `torch.library` ops with autograd.

Each module holds one family: argument checks, the registered op (namespace ``photostyle``), its gradient,
and the launch of its kernel. All take tensors or arrays of another library (`arrays`).
"""

from . import bias_relu_pool as _pool
from . import bilateral_grid, local_affine
from . import cosine_filter as _cosine
from . import guided_filter as _guided
from . import masked_gram as _gram
from . import matting_laplacian as _matting
from . import total_variation as _variation
from . import winograd as _winograd
from ._backend import FallbackWarning, backend
from .arrays import any_array

# After each function come the names of the arguments whose channels are last under layout="channels_last".
matting_laplacian = any_array(_matting.matting_laplacian, ("x", "image", "out", "return"))
matting_energy = any_array(_matting.matting_energy, ("x", "image"))
total_variation = any_array(_variation.total_variation, ("x",))
guided_filter = any_array(_guided.guided_filter, ("x", "image", "return"))
masked_gram = any_array(_gram.masked_gram, ("features", "masks"))
masked_gram_loss = any_array(_gram.masked_gram_loss, ("features", "masks"))
fit_local_affine = any_array(local_affine.fit_local_affine, ("output", "content", "return"))
apply_local_affine = any_array(local_affine.apply_local_affine, ("coefs", "image", "return"))
smooth_affine_coefficients = any_array(local_affine.smooth_affine_coefficients, ("coefs", "content", "return"))
smooth_local_affine = any_array(local_affine.smooth_local_affine, ("output", "content", "return"))
upsample_local_affine = any_array(local_affine.upsample_local_affine, ("coefs", "guide", "photo", "return"))
bias_relu_pool = any_array(_pool.bias_relu_pool, ("x", "return"))
cosine_filter = any_array(_cosine.cosine_filter, ("x", "return"))
winograd_factors = any_array(_winograd.winograd_factors, ())
winograd_convolution = any_array(_winograd.winograd_convolution, ("x", "return"))
slice_bilateral_grid = any_array(bilateral_grid.slice_bilateral_grid, ("image", "return"))

__all__ = [
    "FallbackWarning",
    "apply_local_affine",
    "backend",
    "bias_relu_pool",
    "cosine_filter",
    "fit_local_affine",
    "guided_filter",
    "masked_gram",
    "masked_gram_loss",
    "matting_energy",
    "matting_laplacian",
    "slice_bilateral_grid",
    "smooth_affine_coefficients",
    "smooth_local_affine",
    "total_variation",
    "upsample_local_affine",
    "winograd_convolution",
    "winograd_factors",
]
