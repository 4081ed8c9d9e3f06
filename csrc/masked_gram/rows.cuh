// Rows of features, as they lie in memory with the channels last: what the kernels of both directions that read them
// (rows_forward.cu, rows_backward.cu) share. A row has the channels of one pixel, each of two bytes.
//
// Shared memory holds rows in pieces of 16 bytes: 8 channels, the row of an 8x8 matrix for load_matrices(). Pieces
// are permuted within a row so that 8 neighbouring rows have the same piece in different banks.
#pragma once

#include "common/cuda_fragments.h"
#include "common/loaded_code.h"
#include "masked_gram/panels.cuh"

namespace photostyle {
namespace cuda {
namespace gram {

constexpr int kPiece = 8;  // channels of a piece

#if defined(__CUDA_ARCH__)
constexpr bool kReadsRows = __CUDA_ARCH__ >= 800;
#else
constexpr bool kReadsRows = true;
#endif

// d = a b + c, as mma_half.
__device__ __forceinline__ void multiply_add(__nv_bfloat16, float (&d)[4], const uint32_t (&a)[4],
                                             const uint32_t (&b)[2], const float (&c)[4]) {
  mma_bfloat16(d, a, b, c);
}
__device__ __forceinline__ void multiply_add(__half, float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2],
                                             const float (&c)[4]) {
  mma_half(d, a, b, c);
}

// The two values of a register of a fragment.
template <typename F>
__device__ __forceinline__ float2 values_of(uint32_t bits) {
  Pair<F> pair;
  memcpy(&pair, &bits, sizeof(bits));
  return make_float2(widen(pair.x), widen(pair.y));
}

// A register with two values, rounded to F.
template <typename F>
__device__ __forceinline__ uint32_t bits_of(float x, float y) {
  Pair<F> pair;
  narrow(x, pair.x);
  narrow(y, pair.y);
  uint32_t bits;
  memcpy(&bits, &pair, sizeof(bits));
  return bits;
}

// with_row_type() calls run(F()) for features of type F with two bytes, if the loaded code has kernels for rows.
template <typename Run>
cudaError_t with_row_type(FeatureType type, Run run) {
  int version = 0;
  const cudaError_t error = loaded_code(&version);
  if (error != cudaSuccess) return error;
  if (version < 80) return cudaErrorInvalidValue;
  if (type == FeatureType::kBFloat16) return run(__nv_bfloat16());
  return type == FeatureType::kHalf ? run(__half()) : cudaErrorInvalidValue;
}

}  // namespace gram
}  // namespace cuda
}  // namespace photostyle
