// CUDA side of local_affine/params.h: joint bilateral upsampling of the coefficients, applied to the photo.
//
//     out_P = sum_q w_Pq (A_q I_P + b_q) / sum_q w_Pq    over the (2r+1)^2 low-resolution pixels q around P in the
//     guide w_Pq  = 2^(e_Pq - max_q e_Pq),   e_Pq = space |P - q|^2 + color |I_P - G_q|^2
//
// A thread owns kRows photo pixels, one below the other, with 13 sums for each in registers: what it reads of a tap
// serves all of them that see it, and which rows do is the same for the whole block. The taps are walked twice, for
// the largest exponent and for the sums. Low-resolution values come straight through the L1 cache: the lanes of a
// warp mostly read the same few pixels, and any ratio of the two sizes works alike.
//
// Per tap and pixel: twice 8 operations for the exponent, one exponential, 13 multiply-adds. Device traffic is 24
// bytes per photo pixel; time goes to arithmetic.
#include <cmath>

#include "common/cuda_launch.h"
#include "local_affine/params.h"

namespace photostyle {
namespace cuda {
namespace {

constexpr int kCoefs = 12;
constexpr int kSums = kCoefs + 1;  // coefficients and weights
constexpr int kColumns = 128;      // of a tile, and threads of a block
constexpr int kRows = 4;           // of a tile, all owned by one thread per column

struct Upsample {
  const float* coefs;
  const float* guide;
  const float* photo;
  float* out;
  int64_t low_height, low_width, low_plane, height, width, plane, across;
  int radius;
  float color, space;
};

// Where a photo pixel lies along one axis: the nearest low-resolution pixel, and how far that is after it, in
// low-resolution pixels, -1/2 to 1/2.
struct Position {
  int64_t nearest;
  float offset;
};

struct UpsampleShared {
  int64_t x0, y0;  // first pixel of the tile
  Position rows[kRows];
};

// What a thread knows about its pixels.
struct UpsamplePixels {
  float color[kRows][3];
  float best[kRows];  // largest exponent
};

// Pixel i lies at q = (i + 1/2) low / full - 1/2. In units of 1 / (2 full), q + 1/2 is (2i + 1) low: the division by
// 2 full gives the nearest pixel, and its remainder the offset without rounding error.
__device__ __forceinline__ Position position(int64_t i, int64_t low, int64_t full) {
  const int64_t nearest = (2 * i + 1) * low / (2 * full), rest = (2 * i + 1) * low - nearest * 2 * full;
  return {nearest, static_cast<float>(full - rest) / static_cast<float>(2 * full)};
}

// Exponent of the weight of a tap. The order of its operations is fixed by fma(), so that both walks get the same
// number: where colours are far away, a difference in the last digit would be large.
__device__ __forceinline__ float exponent(const float (&mine)[3], const float (&tap)[3], float color, float space) {
  const float d0 = mine[0] - tap[0], d1 = mine[1] - tap[1], d2 = mine[2] - tap[2];
  return fmaf(fmaf(d2, d2, fmaf(d1, d1, d0 * d0)), color, space);
}

// Calls tap(at, k, space) for every tap that pixel k sees: `at` is its index in the low-resolution planes, `space`
// its spatial exponent. before(at) comes first, once for all the pixels. All: every pixel sees these taps, which lie
// in low-resolution row i; otherwise those within the radius do.
template <bool All, typename Before, typename Tap>
__device__ __forceinline__ void walk_row(const Upsample& p, const UpsampleShared& shared, const Position& column,
                                         int64_t i, const Before& before, const Tap& tap) {
  float down[kRows];
  bool sees[kRows];
#pragma unroll
  for (int k = 0; k < kRows; ++k) {
    const int dy = static_cast<int>(i - shared.rows[k].nearest);
    const float d = shared.rows[k].offset + static_cast<float>(dy);
    down[k] = d * d * p.space;
    sees[k] = All || (dy <= p.radius && -dy <= p.radius);
  }
  const int begin = static_cast<int>(max(int64_t(-p.radius), -column.nearest));
  const int end = static_cast<int>(min(int64_t(p.radius), p.low_width - 1 - column.nearest));
  int64_t at = i * p.low_width + column.nearest + begin;
#pragma unroll 1
  for (int dx = begin; dx <= end; ++dx, ++at) {
    const float d = column.offset + static_cast<float>(dx);
    before(at);
#pragma unroll
    for (int k = 0; k < kRows; ++k)
      if (sees[k]) tap(k, fmaf(d * d, p.space, down[k]));
  }
}

// The same for all rows of taps that some pixel sees.
template <typename Before, typename Tap>
__device__ __forceinline__ void walk(const Upsample& p, const UpsampleShared& shared, const Position& column,
                                     const Before& before, const Tap& tap) {
  const int64_t above = shared.rows[0].nearest, below = shared.rows[kRows - 1].nearest;
  const int64_t last = min(below + p.radius, p.low_height - 1);
#pragma unroll 1
  for (int64_t i = max(above - p.radius, int64_t(0)); i <= last; ++i) {
    if (i >= below - p.radius && i <= above + p.radius)
      walk_row<true>(p, shared, column, i, before, tap);
    else
      walk_row<false>(p, shared, column, i, before, tap);
  }
}

__device__ __forceinline__ void find_best(const Upsample& p, const UpsampleShared& shared, const Position& column,
                                          UpsamplePixels& mine) {
  float guide[3] = {};
#pragma unroll
  for (int k = 0; k < kRows; ++k) mine.best[k] = -INFINITY;
  const auto load = [&](int64_t at) {
#pragma unroll
    for (int c = 0; c < 3; ++c) guide[c] = __ldg(p.guide + c * p.low_plane + at);
  };
  walk(p, shared, column, load, [&](int k, float space) {
    mine.best[k] = max(mine.best[k], exponent(mine.color[k], guide, p.color, space));  // of a NaN and a number: that
  });
}

__device__ __forceinline__ void sum_taps(const Upsample& p, const UpsampleShared& shared, const Position& column,
                                         const UpsamplePixels& mine, float (&sums)[kRows][kSums]) {
  float guide[3] = {}, coefs[kCoefs] = {};
  const auto load = [&](int64_t at) {
#pragma unroll
    for (int c = 0; c < 3; ++c) guide[c] = __ldg(p.guide + c * p.low_plane + at);
#pragma unroll
    for (int q = 0; q < kCoefs; ++q) coefs[q] = __ldg(p.coefs + q * p.low_plane + at);
  };
  walk(p, shared, column, load, [&](int k, float space) {
    // 0 for NaN: the bound comes first, and max() then never returns NaN.
    const float w = exp2f(max(-200.0f, exponent(mine.color[k], guide, p.color, space) - mine.best[k]));
#pragma unroll
    for (int q = 0; q < kCoefs; ++q) sums[k][q] += w * coefs[q];
    sums[k][kCoefs] += w;
  });
}

// Grid: down x across tiles. Block: kColumns threads.
__global__ void __launch_bounds__(kColumns, 4) upsample_kernel(const Upsample p) {
  auto& shared = shared_memory<UpsampleShared>();
  const int thread = static_cast<int>(threadIdx.x);
  if (thread < kRows) {
    const int64_t x0 = blockIdx.x % p.across * kColumns, y0 = blockIdx.x / p.across * kRows;
    if (thread == 0) {
      shared.x0 = x0;
      shared.y0 = y0;
    }
    shared.rows[thread] = position(min(y0 + thread, p.height - 1), p.low_height, p.height);
  }
  __syncthreads();
  const int64_t x = shared.x0 + thread;
  if (x >= p.width) return;  // no barrier follows
  const Position column = position(x, p.low_width, p.width);
  const int64_t origin = shared.y0 * p.width + x;
  const int rows = static_cast<int>(min(int64_t(kRows), p.height - shared.y0));

  UpsamplePixels mine = {};
#pragma unroll
  for (int k = 0; k < kRows; ++k)
#pragma unroll
    for (int c = 0; c < 3; ++c)
      if (k < rows) mine.color[k][c] = __ldg(p.photo + c * p.plane + origin + k * p.width);
  find_best(p, shared, column, mine);
  float sums[kRows][kSums] = {};
  sum_taps(p, shared, column, mine, sums);
#pragma unroll
  for (int k = 0; k < kRows; ++k) {
    if (k >= rows) continue;
    const float* I = mine.color[k];
    const float inverse = 1.0f / sums[k][kCoefs];
#pragma unroll
    for (int c = 0; c < 3; ++c) {
      const float* row = sums[k] + 4 * c;
      const float value = row[0] * I[0] + row[1] * I[1] + row[2] * I[2] + row[3];
      p.out[c * p.plane + origin + k * p.width] = value * inverse;
    }
  }
}

// The factor k with 2^(k d^2) = exp(-d^2 / (2 sigma^2)).
float exp2_scale(double sigma) { return static_cast<float>(-1.4426950408889634074 / (2.0 * sigma * sigma)); }

}  // namespace

size_t upsample_local_affine_scratch(const UpsampleLocalAffineParams&) { return 0; }

cudaError_t upsample_local_affine(const UpsampleLocalAffineParams& p, cudaStream_t stream) {
  if (p.height * p.width == 0) return cudaSuccess;
  Upsample u;
  u.coefs = p.coefs;
  u.guide = p.guide;
  u.photo = p.photo;
  u.out = p.out;
  u.low_height = p.low_height;
  u.low_width = p.low_width;
  u.low_plane = p.low_height * p.low_width;
  u.height = p.height;
  u.width = p.width;
  u.plane = p.height * p.width;
  u.across = (p.width + kColumns - 1) / kColumns;
  u.radius = p.radius;
  u.color = exp2_scale(p.sigma_color);
  u.space = exp2_scale(p.sigma_space);
  const dim3 grid(static_cast<unsigned>((p.height + kRows - 1) / kRows * u.across));
  return launch<UpsampleShared>(upsample_kernel, grid, dim3(kColumns), stream, u);
}

}  // namespace cuda
}  // namespace photostyle
