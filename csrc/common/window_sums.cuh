// What the window filters and the locally affine fit share on a GPU: sums over (2r+1)^2 windows of any radius, and
// the fit of every window (common/window_fit.h). All of it is in double precision.
//
//   pixels   --sum_down: running sums down the columns------>  moments[q][window row][column]
//   moments  --sum_across: 2r+1 columns; factorise, solve-->   a, b per window, which the caller stores
//
// The image is processed in bands of rows, so that the planes between the passes have a limited size. Values are
// relative to the colour of one pixel of the band. Running sums start again every `segment` rows, and sums along a
// row add neighbours in pairs and subtract nothing: the rounding error stays near 1e-16 of a window's sum. What is
// not finite, or has a square that swallows all others, would stay in a running sum after it has left: a sum that the
// last such value leaves is added up anew, so that it spoils only the windows that contain it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "common/block_sum.cuh"
#include "common/cuda_launch.h"
#include "common/integers.h"
#include "common/window_fit.h"

namespace photostyle {
namespace cuda {
namespace window {

constexpr int kGroup = 3;           // channels that share one factorisation
constexpr int kGuideMoments = 9;    // I (3), I I^T (6)
constexpr int kChannelMoments = 4;  // x, I x (3)
constexpr int kFitValues = 4;       // a (3), b, per channel
constexpr int kMostRadius = 1000;
constexpr int kWalkThreads = 128;  // threads of a block in the kernels that walk down columns

// Bytes of the planes between the passes, where the radius allows it. The emulation takes less, so that the small
// images of the tests have more than one band.
#ifdef PHOTOSTYLE_SIMT
constexpr int64_t kBandBytes = int64_t{1} << 20;
#else
constexpr int64_t kBandBytes = int64_t{128} << 20;
#endif

enum class Number : int { kFloat, kDouble, kByte };

// One band of one image and up to three channels.
struct Band {
  const void* guide;  // [3, height, width]
  const void* x;      // [channels, height, width]
  Number guide_type, x_type;
  int channels, radius;
  bool ridge_per_pixel;  // the ridge is eps times the pixels of the window, else eps
  double eps;
  int64_t height, width;
  int64_t origin;    // the pixel whose colours are subtracted from all others
  int64_t wx0, wx1;  // columns at which a window has its centre
  int64_t wy0, wy1;  // rows of windows of this band
  int64_t segment;   // rows that a running sum walks before it starts again
  double* moments;   // [kGuideMoments + channels kChannelMoments, wy1 - wy0, width]
};

// A new start costs 2r+1 rows, so segments of 4r rows keep the work per row independent of r. Shorter segments give
// more threads.
inline int64_t segment_of(int radius) { return most(16, 4 * int64_t{radius}); }

__device__ __forceinline__ double read(const void* from, Number type, int64_t at) {
  if (type == Number::kFloat) return static_cast<const float*>(from)[at];
  if (type == Number::kDouble) return static_cast<const double*>(from)[at];
  return static_cast<const unsigned char*>(from)[at] * (1.0 / 255.0);
}

// The value to which all others are relative. It is 0 for NaN or infinity, which would spoil the whole band.
__device__ __forceinline__ double read_origin(const void* from, Number type, int64_t at) {
  const double value = read(from, type, at);
  return value - value == 0.0 ? value : 0.0;
}

// Whether a running sum could not get rid of a value, given the sum of the squares that are added with it.
__device__ __forceinline__ bool is_wild(double squares) { return !(squares < 1e24); }

// ---- down the columns

// The pixels that one thread walks over: the guide and, for the sums of a channel, that channel of x.
struct Walk {
  const void* x;
  int64_t plane;
  double guide_origin[3], x_origin;
};

// Adds sign times the moments of one pixel to `sums`: those of the guide alone (kGuideMoments of them) or those with
// x. Returns 1 if they are wild, else 0.
template <int kMoments>
__device__ __forceinline__ int add_pixel(const Band& b, const Walk& w, int64_t at, double sign,
                                         double (&sums)[kMoments]) {
  double guide[3], squares = 0.0;
#pragma unroll
  for (int a = 0; a < 3; ++a) {
    guide[a] = read(b.guide, b.guide_type, a * w.plane + at) - w.guide_origin[a];
    squares += guide[a] * guide[a];
  }
  if constexpr (kMoments == kGuideMoments) {
    int q = 3;
#pragma unroll
    for (int a = 0; a < 3; ++a) {
      const double signed_value = sign * guide[a];
      sums[a] += signed_value;
#pragma unroll
      for (int c = a; c < 3; ++c) sums[q++] += signed_value * guide[c];
    }
  } else {
    const double value = read(w.x, b.x_type, at) - w.x_origin, signed_value = sign * value;
    squares += value * value;
    sums[0] += signed_value;
#pragma unroll
    for (int a = 0; a < 3; ++a) sums[1 + a] += signed_value * guide[a];
  }
  return is_wild(squares);
}

// Adds up the rows around row y of a column; returns how many of them are wild.
template <int kMoments>
__device__ __forceinline__ int add_window(const Band& b, const Walk& w, int64_t column, int64_t y,
                                          double (&sums)[kMoments]) {
  int wild = 0;
#pragma unroll
  for (int q = 0; q < kMoments; ++q) sums[q] = 0.0;
  const int64_t top = max(y - b.radius, int64_t{0}), bottom = min(y + b.radius, b.height - 1);
  for (int64_t k = top; k <= bottom; ++k) wild += add_pixel(b, w, k * b.width + column, 1.0, sums);
  return wild;
}

template <int kMoments>
__device__ __forceinline__ void walk_down(const Band& b, int channel, int64_t column, int64_t first) {
  Walk w;
  w.plane = b.height * b.width;
  w.x = nullptr;
  w.x_origin = 0.0;
  for (int a = 0; a < 3; ++a) w.guide_origin[a] = read_origin(b.guide, b.guide_type, a * w.plane + b.origin);
  int64_t moment = 0;
  if constexpr (kMoments == kChannelMoments) {
    const int64_t bytes = b.x_type == Number::kDouble ? sizeof(double) : sizeof(float);
    w.x = static_cast<const unsigned char*>(b.x) + channel * w.plane * bytes;
    w.x_origin = read_origin(w.x, b.x_type, b.origin);
    moment = kGuideMoments + channel * kChannelMoments;
  }
  const int64_t r = b.radius, end = min(first + b.segment, b.wy1), moment_plane = (b.wy1 - b.wy0) * b.width;
  double* to = b.moments + moment * moment_plane + (first - b.wy0) * b.width + column;
  double sums[kMoments];
  int wild = add_window(b, w, column, first, sums);
  for (int64_t y = first;;) {
#pragma unroll
    for (int q = 0; q < kMoments; ++q) to[q * moment_plane] = sums[q];
    if (++y == end) break;
    to += b.width;
    if (y + r < b.height) wild += add_pixel(b, w, (y + r) * b.width + column, 1.0, sums);
    if (y - r > 0 && add_pixel(b, w, (y - r - 1) * b.width + column, -1.0, sums) && --wild == 0)
      add_window(b, w, column, y, sums);
  }
}

namespace {  // each file that includes this has its own copy of the kernel

// moments[q][k][j] = sum over the pixels of column j in rows wy0 + k - r ... wy0 + k + r of moment q.
//
// A thread walks `segment` rows down one column with the guide's nine sums, or the four of one channel, in registers:
// it adds the row that enters the window and subtracts the row that leaves it. Grid: (1 + channels) x blocks of
// columns x segments.
__global__ void __launch_bounds__(kWalkThreads) sum_down(const __grid_constant__ Band b) {
  const unsigned parts = 1 + b.channels, part = blockIdx.x % parts, place = blockIdx.x / parts;
  const unsigned across = static_cast<unsigned>(ceil_div(b.width, kWalkThreads));
  const int64_t column = int64_t{place % across} * kWalkThreads + threadIdx.x;
  const int64_t first = b.wy0 + place / across * b.segment;
  if (column >= b.width) return;  // there is no barrier
  if (part == 0)
    walk_down<kGuideMoments>(b, 0, column, first);
  else
    walk_down<kChannelMoments>(b, static_cast<int>(part) - 1, column, first);
}

}  // namespace

static inline cudaError_t launch_sum_down(const Band& b, cudaStream_t stream) {
  const int64_t segments = ceil_div(b.wy1 - b.wy0, b.segment), across = ceil_div(b.width, kWalkThreads);
  const dim3 grid(static_cast<unsigned>((1 + b.channels) * across * segments));
  return launch<NoShared>(sum_down, grid, dim3(kWalkThreads), stream, b);
}

// ---- along the rows

// Shared memory for sums along one row, with one window per thread. The parameters are the threads of the block, the
// largest radius, the planes that are summed at once, and the blocks that a multiprocessor should hold. Two sizes
// serve all radii: with small windows four planes share each barrier, and large ones still fit into the static 48 KB.
template <int kThreads_, int kReach_, int kPlanes_, int kBlocks_>
struct RowShared {
  static constexpr int kThreads = kThreads_, kReach = kReach_, kPlanes = kPlanes_, kBlocks = kBlocks_;
  double row[2][kPlanes][kThreads + 2 * kReach];
  double warps[kThreads / 32];
};
using SmallRow = RowShared<256, 32, 4, 3>;
using LargeRow = RowShared<512, kMostRadius, 1, 1>;

// sums[p] = sum of the 2r+1 values of plane p from column `left + threadIdx.x` on; columns outside [begin, end)
// count as zero. `half`, 0 or 1, is the half of the shared rows that is free; it is updated for the next call.
//
// Sums of 1, 2, 4, ... neighbours come from the sums of half as many, and the binary digits of 2r+1 say which of
// them make up a window: log2(2r+1) steps, no difference of large sums.
template <int kSums, typename Shared>
__device__ __forceinline__ void sum_across(Shared& s, int& half, const double* from, int64_t plane, int64_t left,
                                           int64_t begin, int64_t end, int radius, double (&sums)[kSums]) {
  constexpr int kThreads = Shared::kThreads;
  constexpr int kPlanes = Shared::kPlanes == 1 ? 1 : kSums % Shared::kPlanes == 0 ? Shared::kPlanes : 3;
  static_assert(kSums % kPlanes == 0, "planes are summed in whole groups");
  const int thread = static_cast<int>(threadIdx.x), span = 2 * radius + 1;
#pragma unroll
  for (int first = 0; first < kSums; first += kPlanes) {
    int n = kThreads + 2 * radius;
    for (int i = thread; i < n; i += kThreads) {
      const bool inside = left + i >= begin && left + i < end;
#pragma unroll
      for (int p = 0; p < kPlanes; ++p) s.row[half][p][i] = inside ? from[(first + p) * plane + left + i] : 0.0;
    }
    __syncthreads();
#pragma unroll
    for (int p = 0; p < kPlanes; ++p) sums[first + p] = 0.0;
    for (int length = 1, done = 0;; length *= 2) {
      if (span & length) {
#pragma unroll
        for (int p = 0; p < kPlanes; ++p) sums[first + p] += s.row[half][p][thread + done];
        done += length;
      }
      if (2 * length > span) break;
      n -= length;
      for (int i = thread; i < n; i += kThreads) {
#pragma unroll
        for (int p = 0; p < kPlanes; ++p) s.row[1 - half][p][i] = s.row[half][p][i] + s.row[half][p][i + length];
      }
      half = 1 - half;
      __syncthreads();
    }
    half = 1 - half;  // since the last barrier no thread reads this half
  }
}

// Fits the windows of row wy0 + row from column `first` on, one per thread, and calls
// store(channel, a_1, a_2, a_3, b) for each window that exists; a and b belong to values relative to the origin.
template <typename Shared, typename Store>
__device__ __forceinline__ void fit_row(Shared& s, const Band& b, int64_t row, int64_t first, const Store& store) {
  const int64_t column = first + threadIdx.x, y = b.wy0 + row, r = b.radius;
  const int64_t plane = (b.wy1 - b.wy0) * b.width, left = first - r;
  const double* from = b.moments + row * b.width;
  int half = 0;
  double h[3], products[6];  // sums of I, then of I I^T
  sum_across(s, half, from, plane, left, 0, b.width, b.radius, h);
  sum_across(s, half, from + 3 * plane, plane, left, 0, b.width, b.radius, products);
  const int64_t rows = min(y + r, b.height - 1) - max(y - r, int64_t{0}) + 1;
  const int64_t columns = min(column + r, b.width - 1) - max(column - r, int64_t{0}) + 1;
  const double count = static_cast<double>(rows * max(columns, int64_t{1})), inv = 1.0 / count;
  const double ridge = b.ridge_per_pixel ? b.eps * count : b.eps;
  const double m0 = h[0] * inv, m1 = h[1] * inv, m2 = h[2] * inv;
  const Factor3<double> f = factorise3<double>(products[0] - h[0] * m0 + ridge, products[1] - h[0] * m1,
                                               products[2] - h[0] * m2, products[3] - h[1] * m1 + ridge,
                                               products[4] - h[1] * m2, products[5] - h[2] * m2 + ridge, ridge);
  for (int c = 0; c < b.channels; ++c) {
    double hx[kChannelMoments];  // sums of x, I x
    const double* moments = from + (kGuideMoments + c * kChannelMoments) * plane;
    sum_across(s, half, moments, plane, left, 0, b.width, b.radius, hx);
    double a0, a1, a2;
    solve3<double>(f, hx[1] - m0 * hx[0], hx[2] - m1 * hx[0], hx[3] - m2 * hx[0], a0, a1, a2);
    if (column < b.wx1) store(c, a0, a1, a2, hx[0] * inv - a0 * m0 - a1 * m1 - a2 * m2);
  }
}

}  // namespace window
}  // namespace cuda
}  // namespace photostyle
