// Sums over the threads of a warp and of a block, in an order that never changes: two runs give the same bits.
#pragma once

#include <cuda_runtime.h>

namespace photostyle {
namespace cuda {

// The sum over a warp, all lanes of which must take part; every lane gets it.
template <typename T>
__device__ __forceinline__ T sum_warp(T value) {
#pragma unroll
  for (int distance = 16; distance > 0; distance /= 2) value += __shfl_xor_sync(0xffffffffu, value, distance);
  return value;
}

// The sum over a block of kWarps warps, all threads of which must take part; thread 0 gets it. `warps` lies in shared
// memory, and nothing else may be in it before the next barrier.
template <int kWarps, typename T>
__device__ __forceinline__ T sum_block(T (&warps)[kWarps], T value) {
  value = sum_warp(value);
  if (threadIdx.x % 32 == 0) warps[threadIdx.x / 32] = value;
  __syncthreads();
  T sum = T(0);
  if (threadIdx.x == 0)
    for (int w = 0; w < kWarps; ++w) sum += warps[w];
  return sum;
}

}  // namespace cuda
}  // namespace photostyle
