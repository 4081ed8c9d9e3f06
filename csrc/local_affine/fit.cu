// CUDA side of local_affine/params.h: the least-squares colour map of every (2r+1)^2 patch, cut at the border.
//
// Radius 1 is one kernel: a pixel is 6 values in and 12 out, and a thread sums its own 3x3 patch. Larger radii take
// the passes of common/window_sums.cuh, with three channels of output in the place of x.
#include "common/window_sums.cuh"
#include "local_affine/params.h"

namespace photostyle {
namespace cuda {
namespace {

using namespace window;

// ---- radius 1

constexpr int kColumns = 32, kRows = 8;  // pixels of a block, one per thread

template <typename T>
struct PatchShared {
  T pixels[6][kRows + 2][kColumns + 2];  // content, output, with a halo; zero outside the image
};

template <typename T>
struct PatchFit {
  const T* content;
  const T* output;
  T* coefs;
  int64_t height, width;
  unsigned across, down;  // tiles
  bool one_content;
  double ridge;
};

// The images of one block's tile, and its first pixel.
template <typename T>
struct PatchTile {
  const T* content;
  const T* output;
  T* coefs;
  int64_t x0, y0, plane;
};

template <typename T>
__device__ __forceinline__ PatchTile<T> find_tile(const PatchFit<T>& p) {
  const unsigned image = blockIdx.x / (p.across * p.down), place = blockIdx.x % (p.across * p.down);
  const int64_t plane = p.height * p.width;
  return {p.content + (p.one_content ? 0 : image * 3 * plane),
          p.output + image * 3 * plane,
          p.coefs + image * 12 * plane,
          int64_t{place % p.across} * kColumns,
          int64_t{place / p.across} * kRows,
          plane};
}

template <typename T>
__device__ __forceinline__ void load_tile(const PatchFit<T>& p, const PatchTile<T>& t, PatchShared<T>& s) {
  constexpr int kWide = kColumns + 2, kPixels = kWide * (kRows + 2);
  for (int i = threadIdx.x; i < kPixels; i += kColumns * kRows) {
    const int64_t y = t.y0 + i / kWide - 1, x = t.x0 + i % kWide - 1;
    const bool inside = y >= 0 && y < p.height && x >= 0 && x < p.width;
#pragma unroll
    for (int c = 0; c < 6; ++c) {
      const T* from = c < 3 ? t.content + c * t.plane : t.output + (c - 3) * t.plane;
      s.pixels[c][i / kWide][i % kWide] = inside ? from[y * p.width + x] : T(0);
    }
  }
}

// Sums over a patch relative to its own pixel: I (3), I I^T (6), and per output channel O, I O (3).
struct PatchSums {
  double guide[3], products[6], channel[3][kChannelMoments];
};

__device__ __forceinline__ void add_pixel(const double (&v)[6], PatchSums& sums) {
  int q = 0;
#pragma unroll
  for (int a = 0; a < 3; ++a) {
    sums.guide[a] += v[a];
#pragma unroll
    for (int b = a; b < 3; ++b) sums.products[q++] += v[a] * v[b];
  }
#pragma unroll
  for (int c = 0; c < 3; ++c) {
    sums.channel[c][0] += v[3 + c];
#pragma unroll
    for (int a = 0; a < 3; ++a) sums.channel[c][1 + a] += v[a] * v[3 + c];
  }
}

// Per pixel, min over A, b of sum |A I + b - O|^2 over its 3x3 patch + ridge |A|^2, relative to the pixel's own
// colours, where rounding is least: 9 multiply-adds for the guide and 12 for the output per neighbour.
//
// A block is a tile of 32x8 pixels, a thread one of them. Grid: tiles of all images. T: type of the pixels.
template <typename T>
__global__ void __launch_bounds__(kColumns* kRows, 2) fit_patches(const __grid_constant__ PatchFit<T> p) {
  auto& s = shared_memory<PatchShared<T>>();
  const PatchTile<T> t = find_tile(p);
  load_tile(p, t, s);
  __syncthreads();
  const int column = threadIdx.x % kColumns, row = threadIdx.x / kColumns;
  const int64_t x = t.x0 + column, y = t.y0 + row;
  if (x >= p.width || y >= p.height) return;  // past the only barrier
  double origin[6];
#pragma unroll
  for (int c = 0; c < 6; ++c) origin[c] = static_cast<double>(s.pixels[c][row + 1][column + 1]);
  PatchSums sums = {};
  int count = 1;  // the pixel itself, which is zero relative to itself
#pragma unroll
  for (int i = 0; i < 9; ++i) {
    const int dy = i / 3, dx = i % 3;
    if (i == 4 || y + dy < 1 || y + dy > p.height || x + dx < 1 || x + dx > p.width) continue;
    double v[6];
#pragma unroll
    for (int c = 0; c < 6; ++c) v[c] = static_cast<double>(s.pixels[c][row + dy][column + dx]) - origin[c];
    add_pixel(v, sums);
    ++count;
  }
  const double inv = 1.0 / count, ridge = p.ridge;
  const double* g = sums.guide;
  const double* q = sums.products;
  const double m0 = g[0] * inv, m1 = g[1] * inv, m2 = g[2] * inv;
  const Factor3<double> f =
      factorise3<double>(q[0] - g[0] * m0 + ridge, q[1] - g[0] * m1, q[2] - g[0] * m2, q[3] - g[1] * m1 + ridge,
                         q[4] - g[1] * m2, q[5] - g[2] * m2 + ridge, ridge);
  T* to = t.coefs + y * p.width + x;
#pragma unroll
  for (int c = 0; c < 3; ++c) {
    const double* h = sums.channel[c];
    double a0, a1, a2;
    solve3<double>(f, h[1] - m0 * h[0], h[2] - m1 * h[0], h[3] - m2 * h[0], a0, a1, a2);
    T* at = to + 4 * c * t.plane;
    at[0] = static_cast<T>(a0);
    at[t.plane] = static_cast<T>(a1);
    at[2 * t.plane] = static_cast<T>(a2);
    const double shift = a0 * (m0 + origin[0]) + a1 * (m1 + origin[1]) + a2 * (m2 + origin[2]);
    at[3 * t.plane] = static_cast<T>(h[0] * inv + origin[3 + c] - shift);
  }
}

template <typename T>
cudaError_t run_patches(const FitLocalAffineParams& p, cudaStream_t stream) {
  PatchFit<T> f = {};
  f.content = static_cast<const T*>(p.content);
  f.output = static_cast<const T*>(p.output);
  f.coefs = static_cast<T*>(p.coefs);
  f.height = p.height;
  f.width = p.width;
  f.across = static_cast<unsigned>(divide_up(p.width, kColumns));
  f.down = static_cast<unsigned>(divide_up(p.height, kRows));
  f.one_content = p.content_batch == 1;
  f.ridge = p.ridge;
  const dim3 grid(static_cast<unsigned>(int64_t{f.across} * f.down * p.batch));
  return launch<PatchShared<T>>(fit_patches<T>, grid, dim3(kColumns * kRows), stream, f);
}

// ---- any radius

struct WindowedFit {
  Band band;    // x is the output; a window per pixel
  void* coefs;  // [12, height, width], of the type of x
};

// Fits the windows of a band: see fit_row. Grid: rows x blocks of windows.
template <typename Shared>
__global__ void __launch_bounds__(Shared::kThreads, Shared::kBlocks)
    fit_windows(const __grid_constant__ WindowedFit f) {
  const Band& b = f.band;
  const auto across = static_cast<unsigned>((b.width + Shared::kThreads - 1) / Shared::kThreads);
  const int64_t row = blockIdx.x / across, first = int64_t{blockIdx.x % across} * Shared::kThreads;
  const int64_t plane = b.height * b.width, at = (b.wy0 + row) * b.width + first + threadIdx.x;
  double origin[3];
  for (int a = 0; a < 3; ++a) origin[a] = read_origin(b.guide, b.guide_type, a * plane + b.origin);
  fit_row(shared_memory<Shared>(), b, row, first, [&](int c, double a0, double a1, double a2, double offset) {
    const double shift = a0 * origin[0] + a1 * origin[1] + a2 * origin[2];
    const double values[4] = {a0, a1, a2, offset + read_origin(b.x, b.x_type, c * plane + b.origin) - shift};
#pragma unroll
    for (int q = 0; q < 4; ++q) {
      if (b.x_type == Number::kDouble)
        static_cast<double*>(f.coefs)[(4 * c + q) * plane + at] = values[q];
      else
        static_cast<float*>(f.coefs)[(4 * c + q) * plane + at] = static_cast<float>(values[q]);
    }
  });
}

constexpr int64_t kMoments = kGuideMoments + 3 * kChannelMoments;

// Rows of a band.
int64_t band_rows(const FitLocalAffineParams& p) {
  const int64_t row_bytes = kMoments * p.width * static_cast<int64_t>(sizeof(double));
  return least(most(kBandBytes / most(row_bytes, 1), segment_of(p.radius)), p.height);
}

template <typename Shared>
cudaError_t run_windows(WindowedFit f, int64_t rows, cudaStream_t stream) {
  Band& b = f.band;
  cudaError_t error = cudaSuccess;
  for (b.wy0 = 0; b.wy0 < b.height && error == cudaSuccess; b.wy0 = b.wy1) {
    b.wy1 = least(b.wy0 + rows, b.height);
    b.origin = (b.wy0 + b.wy1) / 2 * b.width + b.width / 2;
    error = launch_sum_down(b, stream);
    if (error != cudaSuccess) break;
    const dim3 grid(static_cast<unsigned>((b.wy1 - b.wy0) * divide_up(b.width, Shared::kThreads)));
    error = launch<Shared>(fit_windows<Shared>, grid, dim3(Shared::kThreads), stream, f);
  }
  return error;
}

cudaError_t run_image(const FitLocalAffineParams& p, int64_t image, cudaStream_t stream) {
  const int64_t bytes = p.height * p.width * static_cast<int64_t>(p.is_double ? sizeof(double) : sizeof(float));
  WindowedFit f = {};
  f.coefs = static_cast<std::byte*>(p.coefs) + image * 12 * bytes;
  Band& b = f.band;
  b.guide = static_cast<const std::byte*>(p.content) + (p.content_batch == 1 ? 0 : image * 3 * bytes);
  b.x = static_cast<const std::byte*>(p.output) + image * 3 * bytes;
  b.guide_type = b.x_type = p.is_double ? Number::kDouble : Number::kFloat;
  b.channels = 3;
  b.radius = p.radius;
  b.eps = p.ridge;
  b.height = p.height;
  b.width = b.wx1 = p.width;
  b.segment = segment_of(p.radius);
  b.moments = reinterpret_cast<double*>(p.scratch);
  return p.radius <= SmallRow::kReach ? run_windows<SmallRow>(f, band_rows(p), stream)
                                      : run_windows<LargeRow>(f, band_rows(p), stream);
}

}  // namespace

size_t fit_local_affine_scratch(const FitLocalAffineParams& p) {
  if (p.radius == 1) return 0;
  return static_cast<size_t>(kMoments * band_rows(p) * p.width) * sizeof(double);
}

cudaError_t fit_local_affine(const FitLocalAffineParams& p, cudaStream_t stream) {
  if (p.radius > kMostRadius) return cudaErrorInvalidValue;
  if (p.batch == 0 || p.height == 0 || p.width == 0) return cudaSuccess;
  if (p.radius == 1) return p.is_double ? run_patches<double>(p, stream) : run_patches<float>(p, stream);
  cudaError_t error = cudaSuccess;
  for (int64_t image = 0; image < p.batch && error == cudaSuccess; ++image) error = run_image(p, image, stream);
  return error;
}

}  // namespace cuda
}  // namespace photostyle
