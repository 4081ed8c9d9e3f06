// CUDA side of local_affine/params.h: joint bilateral smoothing of the coefficients.
//
//     out_p = sum_q w_pq coefs_q / sum_q w_pq      over the (2r+1)^2 pixels q around p that lie in the image
//     w_pq  = 2^(space |p - q|^2 + color |I_p - I_q|^2)
//
// A block owns kColumns x kRows pixels and a thread one column of them, with 13 sums per pixel in registers. The rows
// of taps that the block sees pass through shared memory one by one, kChunk taps per pixel at a time, so any radius
// needs the same memory. What a thread reads of a tap, 3 colours and 12 coefficients, serves all of its pixels, and
// the lanes of a warp read consecutive quadruples. The taps of one row and chunk are summed by themselves and then
// added up, so rounding grows with 2r+1 and not with its square.
//
// Per tap and pixel: 13 multiply-adds, 8 operations for the exponent, one exponential. Device traffic is the planes
// read and written once, the halos come from the L2 cache; time goes to arithmetic.
#include <cmath>

#include "common/cuda_launch.h"
#include "local_affine/params.h"

namespace photostyle {
namespace cuda {
namespace {

constexpr int kCoefs = 12;
constexpr int kSums = kCoefs + 1;  // coefficients and weights
constexpr int kColumns = 128;      // of a tile, and threads of a block
constexpr int kChunk = 32;         // the 31 taps of the default radius are one chunk
constexpr int kWide = kColumns + kChunk;

// Rows of a tile: as many pixels per thread as the registers hold two sets of sums for.
template <typename T>
constexpr int kRows = 16 / static_cast<int>(sizeof(T));

// Blocks that a multiprocessor's registers must hold.
template <typename T>
constexpr int kResident = sizeof(T) == 4 ? 3 : 2;

template <typename T>
struct alignas(16) Quad {
  T v[4];
};

template <typename T>
struct Smooth {
  const T* coefs;
  const T* guide;
  T* out;
  T* applied;
  int64_t height, width, plane, across, down;
  bool one_guide;
  int radius;
  T color, space;
};

// The tile of one block. Positions are relative to its first pixel, to which the pointers point. It lives in shared
// memory: one thread does the divisions, and the registers are free for sums.
template <typename T>
struct SmoothTile {
  const T* coefs;
  const T* guide;
  int64_t image, origin;         // index of the image, and of the tile's first pixel in it
  int left, right, top, bottom;  // the pixels of the image that the tile sees
};

template <typename T>
struct SmoothShared {
  SmoothTile<T> tile;
  // A row of taps: column j is pixel column j + (first dx of the chunk).
  Quad<T> guide[kWide];     // infinitely far outside the image, which is weight zero
  Quad<T> coefs[3][kWide];  // A_r, A_g, A_b, b of the red, green and blue output
};

// The pixels of one thread.
template <typename T>
struct SmoothPixels {
  T color[kRows<T>][3];
  T sums[kRows<T>][kSums];
};

// 2^x, and 0 for NaN or a distance that is infinite. The bound comes first: max() then never returns NaN.
__device__ __forceinline__ float weight(float x) { return exp2f(max(-200.0f, x)); }
__device__ __forceinline__ double weight(double x) { return exp2(max(-2000.0, x)); }

template <typename T>
__device__ __forceinline__ void find_tile(const Smooth<T>& p, SmoothTile<T>& tile) {
  const int64_t block = blockIdx.x;
  const int64_t x0 = block % p.across * kColumns, y0 = block / p.across % p.down * kRows<T>;
  tile.image = block / (p.across * p.down);
  tile.origin = y0 * p.width + x0;
  tile.coefs = p.coefs + tile.image * kCoefs * p.plane + tile.origin;
  tile.guide = p.guide + (p.one_guide ? 0 : tile.image) * 3 * p.plane + tile.origin;
  tile.left = static_cast<int>(max(int64_t(-p.radius), -x0));
  tile.right = static_cast<int>(min(int64_t(kColumns - 1 + p.radius), p.width - 1 - x0));
  tile.top = static_cast<int>(max(int64_t(-p.radius), -y0));
  tile.bottom = static_cast<int>(min(int64_t(kRows<T> - 1 + p.radius), p.height - 1 - y0));
}

// Copies columns [dx, dx + wide) of row dy to shared memory.
template <typename T>
__device__ __forceinline__ void load_taps(const Smooth<T>& p, SmoothShared<T>& shared, int dy, int dx, int wide) {
  const SmoothTile<T>& tile = shared.tile;
#pragma unroll 1
  for (int j = static_cast<int>(threadIdx.x); j < wide; j += kColumns) {
    const int64_t at = dy * p.width + dx + j;
    const bool inside = dx + j >= tile.left && dx + j <= tile.right;
    Quad<T> guide;
#pragma unroll
    for (int c = 0; c < 3; ++c) guide.v[c] = inside ? tile.guide[c * p.plane + at] : static_cast<T>(INFINITY);
    guide.v[3] = T(0);
    shared.guide[j] = guide;
#pragma unroll
    for (int c = 0; c < 3; ++c) {
      Quad<T> coefs;
#pragma unroll
      for (int i = 0; i < 4; ++i) coefs.v[i] = inside ? tile.coefs[(4 * c + i) * p.plane + at] : T(0);
      shared.coefs[c][j] = coefs;
    }
  }
}

// Adds the n taps in shared memory, which start at dx and lie dy rows below the thread's first pixel. All: every
// pixel of the thread sees that row; otherwise those within the radius do.
template <typename T, bool All>
__device__ __forceinline__ void add_taps(const Smooth<T>& p, const SmoothShared<T>& shared, int dy, int dx, int n,
                                         SmoothPixels<T>& mine) {
  T sums[kRows<T>][kSums] = {};
  T down[kRows<T>];
#pragma unroll
  for (int k = 0; k < kRows<T>; ++k) down[k] = static_cast<T>((dy - k) * (dy - k)) * p.space;
  const int first = static_cast<int>(threadIdx.x);
  T distance = static_cast<T>(dx);
#pragma unroll 1
  for (int j = first; j < first + n; ++j, distance += T(1)) {
    const Quad<T> guide = shared.guide[j];
    const Quad<T> coefs[3] = {shared.coefs[0][j], shared.coefs[1][j], shared.coefs[2][j]};
    const T across = distance * distance * p.space;
#pragma unroll
    for (int k = 0; k < kRows<T>; ++k) {
      if (!All && (dy - k > p.radius || k - dy > p.radius)) continue;
      const T d0 = mine.color[k][0] - guide.v[0], d1 = mine.color[k][1] - guide.v[1];
      const T d2 = mine.color[k][2] - guide.v[2];
      const T w = weight((d0 * d0 + d1 * d1 + d2 * d2) * p.color + (across + down[k]));
#pragma unroll
      for (int q = 0; q < kCoefs; ++q) sums[k][q] += w * coefs[q / 4].v[q % 4];
      sums[k][kCoefs] += w;
    }
  }
#pragma unroll
  for (int k = 0; k < kRows<T>; ++k)
#pragma unroll
    for (int q = 0; q < kSums; ++q) mine.sums[k][q] += sums[k][q];
}

template <typename T>
__device__ __forceinline__ void store_pixel(const Smooth<T>& p, int64_t image, int64_t at, const T (&color)[3],
                                            const T (&sums)[kSums]) {
  const T inverse = T(1) / sums[kCoefs];
#pragma unroll
  for (int c = 0; c < 3; ++c) {
    T row[4];
#pragma unroll
    for (int i = 0; i < 4; ++i) row[i] = sums[4 * c + i] * inverse;
    if (p.out) {
      T* out = p.out + (image * kCoefs + 4 * c) * p.plane + at;
#pragma unroll
      for (int i = 0; i < 4; ++i) out[i * p.plane] = row[i];
    }
    if (p.applied)
      p.applied[(image * 3 + c) * p.plane + at] = row[0] * color[0] + row[1] * color[1] + row[2] * color[2] + row[3];
  }
}

// Grid: batch x down x across tiles. Block: kColumns threads.
template <typename T>
__global__ void __launch_bounds__(kColumns, kResident<T>) smooth_kernel(const Smooth<T> p) {
  auto& shared = shared_memory<SmoothShared<T>>();
  const SmoothTile<T>& tile = shared.tile;
  if (threadIdx.x == 0) find_tile(p, shared.tile);
  __syncthreads();
  const int column = static_cast<int>(threadIdx.x);
  SmoothPixels<T> mine = {};
#pragma unroll
  for (int k = 0; k < kRows<T>; ++k)
#pragma unroll
    for (int c = 0; c < 3; ++c)
      if (column <= tile.right && k <= tile.bottom) mine.color[k][c] = tile.guide[c * p.plane + k * p.width + column];

  const int begin = max(-p.radius, tile.left - (kColumns - 1)), end = min(p.radius, tile.right) + 1;
  for (int dy = tile.top; dy <= tile.bottom; ++dy) {
    for (int dx = begin; dx < end; dx += kChunk) {
      const int n = min(kChunk, end - dx);
      __syncthreads();
      load_taps(p, shared, dy, dx, kColumns - 1 + n);
      __syncthreads();
      if (column / 32 * 32 > tile.right) continue;  // no pixel of the warp lies in the image
      if (dy >= kRows<T> - 1 - p.radius && dy <= p.radius)
        add_taps<T, true>(p, shared, dy, dx, n, mine);
      else
        add_taps<T, false>(p, shared, dy, dx, n, mine);
    }
  }

#pragma unroll
  for (int k = 0; k < kRows<T>; ++k)
    if (column <= tile.right && k <= tile.bottom)
      store_pixel(p, tile.image, tile.origin + k * p.width + column, mine.color[k], mine.sums[k]);
}

// The factor k with 2^(k d^2) = exp(-d^2 / (2 sigma^2)).
double exp2_scale(double sigma) { return -1.4426950408889634074 / (2.0 * sigma * sigma); }

template <typename T>
cudaError_t smooth(const SmoothAffineCoefficientsParams& p, cudaStream_t stream) {
  Smooth<T> s;
  s.coefs = static_cast<const T*>(p.coefs);
  s.guide = static_cast<const T*>(p.guide);
  s.out = static_cast<T*>(p.out);
  s.applied = static_cast<T*>(p.applied);
  s.height = p.height;
  s.width = p.width;
  s.plane = p.height * p.width;
  s.across = (p.width + kColumns - 1) / kColumns;
  s.down = (p.height + kRows<T> - 1) / kRows<T>;
  s.one_guide = p.guide_batch == 1;
  s.radius = p.radius;
  s.color = static_cast<T>(exp2_scale(p.sigma_color));
  s.space = static_cast<T>(exp2_scale(p.sigma_space));
  const dim3 grid(static_cast<unsigned>(p.batch * s.down * s.across));
  return launch<SmoothShared<T>>(smooth_kernel<T>, grid, dim3(kColumns), stream, s);
}

}  // namespace

size_t smooth_affine_coefficients_scratch(const SmoothAffineCoefficientsParams&) { return 0; }

cudaError_t smooth_affine_coefficients(const SmoothAffineCoefficientsParams& p, cudaStream_t stream) {
  if (p.batch * p.height * p.width == 0 || (!p.out && !p.applied)) return cudaSuccess;
  return p.is_double ? smooth<double>(p, stream) : smooth<float>(p, stream);
}

}  // namespace cuda
}  // namespace photostyle
