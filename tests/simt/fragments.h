// csrc/common/cuda_fragments.h for the CPU: the same functions, with the meaning that the PTX manual gives them.
#pragma once

#include "cuda_runtime.h"

namespace photostyle {
namespace cuda {

inline float to_tf32(float value) { return __uint_as_float((__float_as_uint(value) + 0x1000u) & 0xffffe000u); }

inline void mma_tf32(float (&d)[4], const float (&a)[4], const float (&b)[2]) {
  if (simt::capability() < 80) simt::raise_fault("mma_tf32 below compute capability 8.0");
  simt::multiply_tf32(d, a, b);
}

inline void mma_bfloat16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], const float (&c)[4]) {
  if (simt::capability() < 80) simt::raise_fault("mma_bfloat16 below compute capability 8.0");
  simt::multiply_halves(d, a, b, c, true);
}
inline void mma_half(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], const float (&c)[4]) {
  if (simt::capability() < 80) simt::raise_fault("mma_half with k = 16 below compute capability 8.0");
  simt::multiply_halves(d, a, b, c, false);
}
inline void load_matrices(uint32_t (&d)[4], const void* row) { simt::load_matrices(d, row, false); }
inline void load_matrices_transposed(uint32_t (&d)[4], const void* row) { simt::load_matrices(d, row, true); }

template <int Bytes>
void copy_async(void* shared, const void* global, bool live) {
  static_assert(Bytes == 4 || Bytes == 8 || Bytes == 16, "cp.async copies 4, 8 or 16 bytes");
  simt::copy_async(shared, global, Bytes, live);
}
inline void copy_commit() { simt::copy_commit(); }
template <int N>
void copy_wait() {
  simt::copy_wait(N);
}

}  // namespace cuda
}  // namespace photostyle
