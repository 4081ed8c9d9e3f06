// The engines that multiply panels of features, which both directions of masked_gram/params.h share on a GPU.
//
// An engine is a block of 128 threads with a 64x64 tile of sums in their registers. MmaEngine uses tensor cores: a
// float is split into two TF32 values, v = high + low, and the product is low high' + high low' + high high', whose
// relative error is 2^-22. A tensor core truncates its sums instead of rounding them; therefore these start from zero
// in every step and are added to the tile by ordinary additions. FmaEngine does the same with plain multiply-adds,
// for double and in code for devices below compute capability 8.0.
#pragma once

#include "common/cuda_fragments.h"
#include "common/loaded_code.h"
#include "masked_gram/panels.cuh"

namespace photostyle {
namespace cuda {
namespace gram {

#if defined(__CUDA_ARCH__)
constexpr bool kTensorCores = __CUDA_ARCH__ >= 800;
constexpr bool kPlainFloat = !kTensorCores;
#else  // the emulation compiles both engines, and so does nvcc for the host
constexpr bool kTensorCores = true, kPlainFloat = true;
#endif

template <typename F, int kProducts>
struct MmaEngine {
  using Feature = F;
  using Sum = float;
  static constexpr bool kCompiled = kTensorCores;
  static constexpr int kBlocks = 3;               // blocks of a multiprocessor, for __launch_bounds__
  static constexpr bool kQuarters = true;         // every warp has a quarter of the tile of its own
  static constexpr bool kExact = sizeof(F) == 2;  // features are TF32 values already

  // Each of the four warps has a quarter of the tile: 2 x 4 fragments of 16 x 8.
  float sums[2][4][4], parts[2][4][4];
  int first_row, first_column, g, t;

  __device__ __forceinline__ explicit MmaEngine(int quarter) {
    const int lane = static_cast<int>(threadIdx.x) % 32;
    first_row = quarter / 2 * 32;
    first_column = quarter % 2 * 32;
    g = lane / 4;
    t = lane % 4;
    clear(sums);
  }

  static __device__ __forceinline__ void clear(float (&d)[2][4][4]) {
#pragma unroll
    for (int m = 0; m < 2; ++m)
#pragma unroll
      for (int n = 0; n < 4; ++n)
#pragma unroll
        for (int i = 0; i < 4; ++i) d[m][n][i] = 0.0f;
  }
  __device__ __forceinline__ void clear() { clear(sums); }

  // Loads the fragments of this warp's 32 rows at a slab, times the weights of its elements 2t and 2t + 1. Lane t
  // takes these two elements where the instruction means t and t + 4. Both operands do so; it only permutes the sum's
  // terms.
  template <typename T>
  __device__ __forceinline__ void load_rows(const Panel<T>& panel, int slab, float wx, float wy, float (&high)[2][4],
                                            float (&low)[2][4]) const {
    const int at = swizzled<T>(g, slab);
#pragma unroll
    for (int m = 0; m < 2; ++m)
#pragma unroll
      for (int h = 0; h < 2; ++h) {
        const auto two = *reinterpret_cast<const Pair<T>*>(&panel[first_row + 16 * m + 8 * h + g][at][2 * t]);
        split(widen(two.x) * wx, high[m][h], low[m][h]);
        split(widen(two.y) * wy, high[m][h + 2], low[m][h + 2]);
      }
  }

  // The hardware reads 10 bits of the mantissa, so `low` needs no rounding. Rounding to TF32 can turn a NaN into
  // zero; then `low` is NaN, or, where only `high` is used, 0 times the value is added to it.
  static __device__ __forceinline__ void split(float value, float& high, float& low) {
    high = to_tf32(value);
    low = value - high;
    if constexpr (kProducts == 1) high = fmaf(value, 0.0f, high);
  }
  static __device__ __forceinline__ void split_feature(float value, float& high, float& low) {
    if constexpr (kExact)
      high = value;
    else
      split(value, high, low);
  }

  // parts += a b for two of the four fragments of columns. The small products are added first.
  __device__ __forceinline__ void multiply(int n0, const float (&a_high)[2][4], const float (&a_low)[2][4],
                                           const float (&b_high)[2][2], const float (&b_low)[2][2]) {
    if constexpr (kProducts >= 2) multiply_once(n0, a_low, b_high);
    if constexpr (kProducts == 3) multiply_once(n0, a_high, b_low);
    multiply_once(n0, a_high, b_high);
  }
  __device__ __forceinline__ void multiply_once(int n0, const float (&a)[2][4], const float (&b)[2][2]) {
#pragma unroll
    for (int n = 0; n < 2; ++n)
#pragma unroll
      for (int m = 0; m < 2; ++m) mma_tf32(parts[m][n0 + n], a[m], b[n]);
  }

  // sums[i][j] += sum_p weights[p]^2 rows[i][p] columns[j][p]
  __device__ __forceinline__ void add_outer(const Panel<F>& rows, const Panel<F>& columns,
                                            const float (&weights)[kDepth]) {
    clear(parts);
#pragma unroll
    for (int slab = 0; slab < kSlabs; ++slab) {
      const float wx = weights[slab * kSlab + 2 * t], wy = weights[slab * kSlab + 2 * t + 1];
      float a_high[2][4], a_low[2][4];
      load_rows(rows, slab, wx * wx, wy * wy, a_high, a_low);
#pragma unroll
      for (int n0 = 0; n0 < 4; n0 += 2) {
        float b_high[2][2], b_low[2][2];
#pragma unroll
        for (int n = 0; n < 2; ++n) {
          const F* row = columns[first_column + 8 * (n0 + n) + g][swizzled<F>(g, slab)];
          const auto two = *reinterpret_cast<const Pair<F>*>(row + 2 * t);
          split_feature(widen(two.x), b_high[n][0], b_low[n][0]);
          split_feature(widen(two.y), b_high[n][1], b_low[n][1]);
        }
        multiply(n0, a_high, a_low, b_high, b_low);
      }
    }
#pragma unroll
    for (int m = 0; m < 2; ++m)
#pragma unroll
      for (int n = 0; n < 4; ++n)
#pragma unroll
        for (int i = 0; i < 4; ++i) sums[m][n][i] += parts[m][n][i];
  }

  // sums[i][p] += weights[p]^2 sum_c rows[i][c] features[c][p]. Bit s of `live` is zero if all weights of slab s of
  // the pixels are zero.
  template <int kStride>
  __device__ __forceinline__ void add_product(const Panel<float>& rows, const F (&features)[kDepth][kStride],
                                              const float (&weights)[kTile], unsigned live) {
    const unsigned mine = live >> (first_column / kSlab);
    if ((mine & 15u) == 0u) return;
    clear(parts);
#pragma unroll 2
    for (int slab = 0; slab < kSlabs; ++slab) {
      float a_high[2][4], a_low[2][4];
      load_rows(rows, slab, 1.0f, 1.0f, a_high, a_low);
#pragma unroll
      for (int n0 = 0; n0 < 4; n0 += 2) {
        if (((mine >> n0) & 3u) == 0u) continue;
        float b_high[2][2], b_low[2][2];
#pragma unroll
        for (int n = 0; n < 2; ++n)
#pragma unroll
          for (int i = 0; i < 2; ++i)
            split_feature(widen(features[slab * kSlab + 2 * t + i][first_column + 8 * (n0 + n) + g]), b_high[n][i],
                          b_low[n][i]);
        multiply(n0, a_high, a_low, b_high, b_low);
      }
    }
#pragma unroll
    for (int n = 0; n < 4; ++n)
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const float w = weights[first_column + 8 * n + 2 * t + i % 2];
#pragma unroll
        for (int m = 0; m < 2; ++m) sums[m][n][i] = fmaf(w * w, parts[m][n][i], sums[m][n][i]);
      }
  }

  // Calls put(row, column, sum there, sum in the next column) for every pair of sums of this thread.
  template <typename Put>
  __device__ __forceinline__ void each(Put put) const {
#pragma unroll
    for (int m = 0; m < 2; ++m)
#pragma unroll
      for (int h = 0; h < 2; ++h)
#pragma unroll
        for (int n = 0; n < 4; ++n)
          put(first_row + 16 * m + 8 * h + g, first_column + 8 * n + 2 * t, sums[m][n][2 * h], sums[m][n][2 * h + 1]);
  }
};

// Thread (r, c) has rows r + 16 i and columns c + 8 j.
template <typename F>
struct FmaEngine {
  using Feature = F;
  using Sum = typename SumOf<F>::Type;
  static constexpr bool kCompiled = kPlainFloat || sizeof(F) == 8;
  static constexpr int kBlocks = 1;
  static constexpr bool kQuarters = false;

  Sum sums[4][8], parts[4][8];
  int r, c;

  __device__ __forceinline__ explicit FmaEngine(int) {
    r = static_cast<int>(threadIdx.x) / 8;
    c = static_cast<int>(threadIdx.x) % 8;
    clear(sums);
  }

  static __device__ __forceinline__ void clear(Sum (&d)[4][8]) {
#pragma unroll
    for (int i = 0; i < 4; ++i)
#pragma unroll
      for (int j = 0; j < 8; ++j) d[i][j] = Sum(0);
  }
  __device__ __forceinline__ void clear() { clear(sums); }

  __device__ __forceinline__ void multiply(const Sum (&a)[4], const Sum (&b)[8]) {
#pragma unroll
    for (int i = 0; i < 4; ++i)
#pragma unroll
      for (int j = 0; j < 8; ++j) parts[i][j] = fma(a[i], b[j], parts[i][j]);
  }

  __device__ __forceinline__ void add_outer(const Panel<F>& rows, const Panel<F>& columns,
                                            const Sum (&weights)[kDepth]) {
    clear(parts);
#pragma unroll 1
    for (int slab = 0; slab < kSlabs; ++slab)
#pragma unroll 1
      for (int p = 0; p < kSlab; ++p) {
        const Sum w = weights[slab * kSlab + p];
        Sum a[4], b[8];
#pragma unroll
        for (int i = 0; i < 4; ++i) a[i] = w * w * widen(rows[r + 16 * i][swizzled<F>(r, slab)][p]);
#pragma unroll
        for (int j = 0; j < 8; ++j) b[j] = widen(columns[c + 8 * j][swizzled<F>(c, slab)][p]);
        multiply(a, b);
      }
#pragma unroll
    for (int i = 0; i < 4; ++i)
#pragma unroll
      for (int j = 0; j < 8; ++j) sums[i][j] += parts[i][j];
  }

  template <int kStride>
  __device__ __forceinline__ void add_product(const Panel<Sum>& rows, const F (&features)[kDepth][kStride],
                                              const Sum (&weights)[kTile], unsigned) {
    clear(parts);
#pragma unroll 1
    for (int k = 0; k < kDepth; ++k) {
      Sum a[4], b[8];
#pragma unroll
      for (int i = 0; i < 4; ++i) a[i] = rows[r + 16 * i][swizzled<Sum>(r, k / kSlab)][k % kSlab];
#pragma unroll
      for (int j = 0; j < 8; ++j) b[j] = widen(features[k][c + 8 * j]);
      multiply(a, b);
    }
#pragma unroll
    for (int j = 0; j < 8; ++j) {
      const Sum w = weights[c + 8 * j];
#pragma unroll
      for (int i = 0; i < 4; ++i) sums[i][j] = fma(w * w, parts[i][j], sums[i][j]);
    }
  }

  // Calls put(row, column, sum) for every sum of this thread.
  template <typename Put>
  __device__ __forceinline__ void each(Put put) const {
#pragma unroll
    for (int i = 0; i < 4; ++i)
#pragma unroll
      for (int j = 0; j < 8; ++j) put(r + 16 * i, c + 8 * j, sums[i][j]);
  }
};

// with_engine() calls run(Tag<Engine>()) with the engine for the features' type, the flag and the code that the
// current device has loaded. A kernel whose engine is not compiled into that code ends with an error.
template <typename Engine>
struct Tag {
  using Type = Engine;
};
template <typename F, typename Run>
cudaError_t with_float_engine(bool tf32, Run run) {
  int version = 0;
  const cudaError_t error = loaded_code(&version);
  if (error != cudaSuccess) return error;
  if (version < 80) return run(Tag<FmaEngine<F>>());
  if (tf32) return run(Tag<MmaEngine<F, 1>>());
  return run(Tag<MmaEngine<F, sizeof(F) == 2 ? 2 : 3>>());
}
template <typename Run>
cudaError_t with_engine(FeatureType type, bool tf32, Run run) {
  switch (type) {
    case FeatureType::kDouble:
      return run(Tag<FmaEngine<double>>());
    case FeatureType::kBFloat16:
      return with_float_engine<__nv_bfloat16>(tf32, run);
    case FeatureType::kHalf:
      return with_float_engine<__half>(tf32, run);
    default:
      return with_float_engine<float>(tf32, run);
  }
}

}  // namespace gram
}  // namespace cuda
}  // namespace photostyle
