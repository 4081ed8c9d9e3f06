# csrc/bindings/kernels.h. Addresses are data_ptr() of tensors that photostyle_native.ops has checked. The last argument is a
# number of threads; in the submodule `cuda`, which only builds with CUDA have, it is a stream.
from types import ModuleType

bfloat16: bool
isa: str
cuda_status: str
compiler: str
openmp: bool
cuda: ModuleType

def matting_laplacian_scratch(
    batch: int, channels: int, height: int, width: int, radius: int, filter: int, is_double: bool, threads: int, /
) -> int: ...
def matting_laplacian(
    image: int, x: int, out: int, energy: int, scratch: int, batch: int, image_batch: int, channels: int,
    height: int, width: int, radius: int, eps: float, filter: int, is_double: bool, image_is_uint8: bool,
    threads: int, /,
) -> None: ...  # fmt: skip
def masked_gram_scratch(
    batch: int, mask_batch: int, mask_count: int, channels: int, pixels: int, type: int, threads: int, /
) -> int: ...
def masked_gram(
    features: int, masks: int, out: int, scratch: int, batch: int, mask_batch: int, mask_count: int, channels: int,
    pixels: int, type: int, tf32: bool, threads: int, /,
) -> None: ...  # fmt: skip
def masked_gram_backward_scratch(
    batch: int, mask_batch: int, mask_count: int, channels: int, pixels: int, type: int, threads: int, /
) -> int: ...
def masked_gram_backward(
    features: int, masks: int, upstream: int, grad: int, scratch: int, batch: int, mask_batch: int, mask_count: int,
    channels: int, pixels: int, type: int, tf32: bool, threads: int, /,
) -> None: ...  # fmt: skip
def local_affine_fit_scratch(
    batch: int, height: int, width: int, radius: int, is_double: bool, threads: int, /
) -> int: ...
def local_affine_fit(
    content: int, output: int, coefs: int, scratch: int, batch: int, content_batch: int, height: int, width: int,
    radius: int, ridge: float, is_double: bool, threads: int, /,
) -> None: ...  # fmt: skip
def local_affine_smooth_scratch(
    batch: int, height: int, width: int, radius: int, is_double: bool, threads: int, /
) -> int: ...
def local_affine_smooth(
    coefs: int, guide: int, out: int, applied: int, scratch: int, batch: int, guide_batch: int, height: int,
    width: int, radius: int, sigma_space: float, sigma_color: float, is_double: bool, threads: int, /,
) -> None: ...  # fmt: skip
def local_affine_upsample_scratch(
    low_height: int, low_width: int, height: int, width: int, radius: int, threads: int, /
) -> int: ...
def local_affine_upsample(
    coefs: int, guide: int, photo: int, out: int, scratch: int, low_height: int, low_width: int, height: int,
    width: int, radius: int, sigma_space: float, sigma_color: float, threads: int, /,
) -> None: ...  # fmt: skip
def bilateral_slice_scratch(
    batch: int, grid_batch: int, depth: int, grid_height: int, grid_width: int, height: int, width: int,
    derivative: bool, is_double: bool, threads: int, /,
) -> int: ...  # fmt: skip
def bilateral_slice(
    grid: int, guide: int, image: int, upstream: int, out: int, scratch: int, batch: int, grid_batch: int, depth: int,
    grid_height: int, grid_width: int, height: int, width: int, derivative: bool, is_double: bool, transposed: bool,
    threads: int, /,
) -> None: ...  # fmt: skip
def bilateral_grid_backward_scratch(
    batch: int, grid_batch: int, depth: int, grid_height: int, grid_width: int, height: int, width: int,
    derivative: bool, is_double: bool, threads: int, /,
) -> int: ...  # fmt: skip
def bilateral_grid_backward(
    upstream: int, guide: int, image: int, grad: int, scratch: int, batch: int, grid_batch: int, depth: int,
    grid_height: int, grid_width: int, height: int, width: int, derivative: bool, is_double: bool, threads: int, /,
) -> None: ...  # fmt: skip
