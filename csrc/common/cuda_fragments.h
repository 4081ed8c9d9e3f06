// Wrappers for the instructions that C++ has no name for: products of matrix fragments on tensor cores, loads of such
// fragments, and asynchronous copies to shared memory. tests/simt/fragments.h gives them the same meaning on a CPU.
//
// They need code for compute capability 8.0. In older code the copies are made by plain loads and stores, and a
// product ends the kernel with an error: a launcher asks loaded_code() (common/loaded_code.h) and takes another
// kernel.
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
  asm("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(__float_as_uint(a[0])), "r"(__float_as_uint(a[1])), "r"(__float_as_uint(a[2])),
        "r"(__float_as_uint(a[3])), "r"(__float_as_uint(b[0])), "r"(__float_as_uint(b[1])));
#else
  __trap();
#endif
}

// d = a b + c for a 16x16 matrix a and a 16x8 matrix b of bfloat16 (mma_bfloat16) or half (mma_half) values, and 16x8
// matrices c and d of floats as in mma_tf32. A register of a and b holds two values that are neighbours in k, the
// first one in its low half:
//     a = {a[g][2t..], a[g + 8][2t..], a[g][2t + 8..], a[g + 8][2t + 8..]}      b = {b[2t..][g], b[2t + 8..][g]}
// All lanes of the warp must take part.
#if __CUDA_ARCH__ >= 800
#define PHOTOSTYLE_MMA(type)                                                                               \
  asm("mma.sync.aligned.m16n8k16.row.col.f32." type "." type                                               \
      ".f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%10,%11,%12,%13};"                                     \
      : "=f"(d[0]), "=f"(d[1]), "=f"(d[2]), "=f"(d[3])                                                     \
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]), "f"(c[0]), "f"(c[1]), "f"(c[2]), \
        "f"(c[3]))
#else
#define PHOTOSTYLE_MMA(type) __trap()
#endif
__device__ __forceinline__ void mma_bfloat16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2],
                                             const float (&c)[4]) {
  PHOTOSTYLE_MMA("bf16");
}
__device__ __forceinline__ void mma_half(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2],
                                         const float (&c)[4]) {
  PHOTOSTYLE_MMA("f16");
}
#undef PHOTOSTYLE_MMA

// Loads four 8x8 matrices of two-byte values from shared memory. Lane 8 i + r gives the address, a multiple of 16, of
// row r of matrix i. The lane gets in d[i] the values [g][2t] and [g][2t + 1] of matrix i, or, transposed, [2t][g]
// and [2t + 1][g]. All lanes of the warp must take part.
#if __CUDA_ARCH__ >= 800
#define PHOTOSTYLE_LDMATRIX(trans)                                                      \
  asm volatile("ldmatrix.sync.aligned.m8n8.x4" trans ".shared.b16 {%0,%1,%2,%3}, [%4];" \
               : "=r"(d[0]), "=r"(d[1]), "=r"(d[2]), "=r"(d[3])                         \
               : "r"(static_cast<uint32_t>(__cvta_generic_to_shared(row)))              \
               : "memory")
#else
#define PHOTOSTYLE_LDMATRIX(trans) __trap()
#endif
__device__ __forceinline__ void load_matrices(uint32_t (&d)[4], const void* row) { PHOTOSTYLE_LDMATRIX(""); }
__device__ __forceinline__ void load_matrices_transposed(uint32_t (&d)[4], const void* row) {
  PHOTOSTYLE_LDMATRIX(".trans");
}
#undef PHOTOSTYLE_LDMATRIX

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
