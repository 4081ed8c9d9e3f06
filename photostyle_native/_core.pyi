# csrc/bindings.cpp. Addresses are data_ptr() of tensors that photostyle_native.ops has checked.
isa: str
cuda: str
compiler: str
openmp: bool

def matting_laplacian_scratch(
    batch: int, channels: int, height: int, width: int, radius: int, threads: int, /
) -> int: ...
def matting_laplacian(
    image: int, x: int, out: int, energy: int, scratch: int, batch: int, image_batch: int, channels: int,
    height: int, width: int, radius: int, eps: float, filter: int, is_double: bool, threads: int, /,
) -> None: ...  # fmt: skip
def masked_gram_scratch(batch: int, masks: int, channels: int, pixels: int, type: int, threads: int, /) -> int: ...
def masked_gram(
    features: int, masks: int, out: int, scratch: int, batch: int, mask_batch: int, mask_count: int, channels: int,
    pixels: int, type: int, threads: int, /,
) -> None: ...  # fmt: skip
def masked_gram_backward_scratch(
    batch: int, masks: int, channels: int, pixels: int, type: int, threads: int, /
) -> int: ...
def masked_gram_backward(
    features: int, masks: int, upstream: int, grad: int, scratch: int, batch: int, mask_batch: int, mask_count: int,
    channels: int, pixels: int, type: int, threads: int, /,
) -> None: ...  # fmt: skip
def local_affine_fit(*args: float) -> None: ...
def local_affine_smooth(*args: float) -> None: ...
def local_affine_upsample(*args: float) -> None: ...
