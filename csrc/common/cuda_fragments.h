// Wrappers for the instructions that C++ has no name for: products of matrix fragments on tensor cores, and
// asynchronous copies to shared memory. tests/simt/fragments.h gives them the same meaning on a CPU.
//
// Both need compute capability 8.0. On older devices the copies are made by plain loads and stores, and mma_tf32()
// must not be called: a launcher asks compute_capability() and takes another kernel.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#ifdef PHOTOSTYLE_SIMT
#include "fragments.h"
#else

namespace photostyle {
namespace cuda {

// The float rounded to the nearest TF32 (10 bits of mantissa), ties away from zero; the low 13 bits are zero.
__device__ __forceinline__ float to_tf32(float value) {
  return __uint_as_float((__float_as_uint(value) + 0x1000u) & 0xffffe000u);
}

// d += a b for a 16x8 matrix a, an 8x8 matrix b and a 16x8 matrix d spread over the 32 lanes of a warp. With
// g = lane / 4 and t = lane % 4:
//     a = {a[g][t], a[g + 8][t], a[g][t + 4], a[g + 8][t + 4]}      b = {b[t][g], b[t + 4][g]}
//     d = {d[g][2t], d[g][2t + 1], d[g + 8][2t], d[g + 8][2t + 1]}
// a and b hold TF32 values (to_tf32). All lanes of the warp must take part.
__device__ __forceinline__ void mma_tf32(float (&d)[4], const float (&a)[4], const float (&b)[2]) {
#if __CUDA_ARCH__ >= 800
  asm volatile(
      "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(__float_as_uint(a[0])), "r"(__float_as_uint(a[1])), "r"(__float_as_uint(a[2])),
        "r"(__float_as_uint(a[3])), "r"(__float_as_uint(b[0])), "r"(__float_as_uint(b[1])));
#else
  __trap();
#endif
}

// Starts a copy of Bytes bytes (4, 8 or 16; both addresses are multiples of it) from global to shared memory; with
// `live` false it writes zeros and reads nothing. copy_commit() closes a group of copies. copy_wait<N>() waits until
// at most the last N groups of this thread are unfinished; other threads see the data after the next barrier.
template <int Bytes>
__device__ __forceinline__ void copy_async(void* shared, const void* global, bool live) {
  static_assert(Bytes == 4 || Bytes == 8 || Bytes == 16, "cp.async copies 4, 8 or 16 bytes");
#if __CUDA_ARCH__ >= 800
  const uint32_t to = static_cast<uint32_t>(__cvta_generic_to_shared(shared));
  const int bytes = live ? Bytes : 0;
  if constexpr (Bytes == 16)
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(global), "r"(bytes) : "memory");
  else
    asm volatile("cp.async.ca.shared.global [%0], [%1], %2, %3;" ::"r"(to), "l"(global), "n"(Bytes), "r"(bytes)
                 : "memory");
#else
  auto* words = static_cast<uint32_t*>(shared);
#pragma unroll
  for (int i = 0; i < Bytes / 4; ++i) words[i] = live ? static_cast<const uint32_t*>(global)[i] : 0u;
#endif
}

__device__ __forceinline__ void copy_commit() {
#if __CUDA_ARCH__ >= 800
  asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}

template <int N>
__device__ __forceinline__ void copy_wait() {
#if __CUDA_ARCH__ >= 800
  asm volatile("cp.async.wait_group %0;" ::"n"(N) : "memory");
#endif
}

}  // namespace cuda
}  // namespace photostyle
#endif
