// What every .cu file needs to start a kernel: shared memory with a type, and a launch without the <<<>>> syntax.
// tests/simt can therefore compile the same files as plain C++ and run them on a CPU.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>

namespace photostyle {
namespace cuda {

constexpr size_t kStaticSharedLimit = 48 * 1024;  // a kernel that needs more must ask for it at launch
constexpr int64_t kScratchAlign = 256;            // scratch, and every part of it, starts at a multiple of this

// The block's shared memory as a T, uninitialised. A kernel uses only one T and is launched with launch<T>(). Arrays
// inside T have their sizes in the type, so that the emulation can check every index.
template <typename T>
__device__ __forceinline__ T& shared_memory() {
#ifdef PHOTOSTYLE_SIMT
  return *static_cast<T*>(simt::shared_memory(sizeof(T)));
#else
  if constexpr (sizeof(T) <= kStaticSharedLimit) {
    __shared__ __align__(16) unsigned char bytes[sizeof(T)];
    return *reinterpret_cast<T*>(bytes);
  } else {
    extern __shared__ __align__(16) unsigned char dynamic_bytes[];
    return *reinterpret_cast<T*>(dynamic_bytes);
  }
#endif
}

struct NoShared {};

// Launches `kernel` on `stream`. Shared is the T of the kernel's shared_memory<T>(), or NoShared if it uses none.
template <typename Shared, typename... Formal, typename... Actual>
cudaError_t launch(void (*kernel)(Formal...), dim3 grid, dim3 block, cudaStream_t stream,
                   const Actual&... arguments) {
  cudaLaunchConfig_t config = {};
  config.gridDim = grid;
  config.blockDim = block;
  config.stream = stream;
  if (sizeof(Shared) > kStaticSharedLimit) {
    config.dynamicSmemBytes = sizeof(Shared);
    const cudaError_t error =
        cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel), cudaFuncAttributeMaxDynamicSharedMemorySize,
                             static_cast<int>(sizeof(Shared)));
    if (error != cudaSuccess) return error;
  }
  return cudaLaunchKernelEx(&config, kernel, static_cast<Formal>(arguments)...);
}

}  // namespace cuda
}  // namespace photostyle
