// The CUDA launchers of kernels.def.
//
// Parameters are those of the CPU kernels with device pointers in them; `threads` means nothing here. A launcher
// allocates nothing, never synchronises and reads nothing back, so every call can be captured in a CUDA graph. Two
// runs give the same bits: sums have a fixed order, and there are no floating-point atomics.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>

#include "kernels.def"

namespace photostyle {
namespace cuda {

#define KERNEL(name, Params)            \
  size_t name##_scratch(const Params&); \
  cudaError_t name(const Params&, cudaStream_t);
#define CUDA_KERNEL KERNEL
#define CPU_KERNEL(name, Params)
#include "kernels.def"

}  // namespace cuda
}  // namespace photostyle
