# csrc/bindings. The kernels are those of csrc/kernels.def, and nothing here needs a change for a new one.
from collections.abc import Callable
from types import ModuleType
from typing import Protocol

class Kernel(Protocol):
    # handle: a number of threads; in the submodule `cuda`, which only builds with CUDA have, a stream.
    # allocate: from a number of bytes to the address of scratch memory.
    # fields: those of the kernel's Params. Pointers are data_ptr() of tensors that photostyle_native.ops has checked.
    def __call__(self, handle: int, allocate: Callable[[int], int], /, **fields: int | float) -> None: ...

bfloat16: bool
isa: str
cuda_status: str
compiler: str
openmp: bool
kernels: dict[str, Kernel]
cuda: ModuleType  # has `kernels` of its own and loaded_code(), of csrc/common/loaded_code.h
