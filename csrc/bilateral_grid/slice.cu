// CUDA side of bilateral_grid/params.h: the slice. The gradient to the grid is in bilateral_grid/backward.cu.
//
// A block owns a tile of pixels. It interpolates the part of the grid that the tile sees in y, once per row of
// pixels, into shared memory; a pixel then mixes 4 maps from there, a float4 per output channel. Neighbours in z lie
// 12 floats apart, so 8 levels hit different banks. Where the tile sees too much of the grid (few pixels per cell,
// many levels), or in double precision, every pixel mixes its 8 maps straight from memory.
//
// Per pixel 12 loads of 16 bytes from shared memory and 60 multiply-adds; device traffic is 28 bytes per pixel.
#include "bilateral_grid/coordinates.h"
#include "bilateral_grid/params.h"
#include "common/cuda_launch.h"

namespace photostyle {
namespace cuda {
namespace {

constexpr int kCoefs = 12;
constexpr int kColumns = 64, kRows = 8;             // of a tile
constexpr int kStrips = 2;                          // threads per column
constexpr int kSmallSlab = 384, kLargeSlab = 1024;  // floats of the grid that a row of a tile may see
constexpr int kDirectThreads = 128;

template <typename T>
struct Slice {
  const T* grid;
  const T* guide;
  const T* image;
  const T* upstream;
  T* out;
  int64_t grid_stride;  // from a batch item's grid to the next, 0 if all share one
  int64_t height, width, plane, across, down;
  int depth, grid_height, grid_width;
  int64_t grid_plane, grid_level;  // strides of coefficients and levels
  bool derivative, transposed;
};

struct RowPosition {
  int cell;
  float fraction;
};

template <int kSlab>
struct SliceShared {
  alignas(16) float slab[kRows][kSlab];  // [column of vertices, level, coefficient]
  RowPosition rows[kRows];
};

template <typename T>
__device__ __forceinline__ GridLevel<T> level_of(const Slice<T>& p, int64_t pixel) {
  return grid_level(__ldg(p.guide + pixel), p.depth, p.derivative);
}

// Applies the map to the pixel `at` of batch item `item`.
template <typename T>
__device__ __forceinline__ void put(const Slice<T>& p, int64_t item, int64_t at, const T (&map)[kCoefs]) {
  const int64_t first = item * 3 * p.plane + at;
  T in[3], result[3];
#pragma unroll
  for (int c = 0; c < 3; ++c) in[c] = __ldg(p.image + first + c * p.plane);
#pragma unroll
  for (int c = 0; c < 3; ++c)
    result[c] = p.transposed ? map[c] * in[0] + map[4 + c] * in[1] + map[8 + c] * in[2]
                             : map[4 * c] * in[0] + map[4 * c + 1] * in[1] + map[4 * c + 2] * in[2] + map[4 * c + 3];
  if (!p.upstream) {
#pragma unroll
    for (int c = 0; c < 3; ++c) p.out[first + c * p.plane] = result[c];
    return;
  }
  T sum = T(0);
#pragma unroll
  for (int c = 0; c < 3; ++c) sum += result[c] * __ldg(p.upstream + first + c * p.plane);
  p.out[item * p.plane + at] = sum;
}

// ---- tiles

// The part of the grid that the columns of a tile see, interpolated in y for each of its rows. Adjacent threads take
// adjacent vertices.
template <int kSlab>
__device__ __forceinline__ void fill_slab(const Slice<float>& p, const float* grid, int first, int vertices,
                                          SliceShared<kSlab>& shared) {
  const int count = vertices * p.depth * kCoefs, threads = kColumns * kStrips;
  for (int e = static_cast<int>(threadIdx.x); e < count; e += threads) {
    const int column = e % vertices, plane = e / vertices, level = plane % p.depth;  // plane: 12 depth of them
    const float* from = grid + plane * p.grid_level + first + column;
    const int to = (column * p.depth + level) * kCoefs + plane / p.depth;
    float above = 0.0f, step = 0.0f;
    int held = -1;
#pragma unroll
    for (int r = 0; r < kRows; ++r) {
      const RowPosition row = shared.rows[r];
      if (row.cell != held) {
        held = row.cell;
        above = __ldg(from + int64_t{held} * p.grid_width);
        step = __ldg(from + int64_t{min(held + 1, p.grid_height - 1)} * p.grid_width) - above;
      }
      shared.slab[r][to] = fmaf(row.fraction, step, above);
    }
  }
}

__device__ __forceinline__ void add_map(float weight, const float* from, float (&map)[kCoefs]) {
#pragma unroll
  for (int c = 0; c < 3; ++c) {
    const float4 v = reinterpret_cast<const float4*>(from)[c];
    map[4 * c] = fmaf(weight, v.x, map[4 * c]);
    map[4 * c + 1] = fmaf(weight, v.y, map[4 * c + 1]);
    map[4 * c + 2] = fmaf(weight, v.z, map[4 * c + 2]);
    map[4 * c + 3] = fmaf(weight, v.w, map[4 * c + 3]);
  }
}

// Grid: items x down x across tiles. Block: kColumns x kStrips threads, in one dimension.
template <int kSlab>
__global__ void __launch_bounds__(kColumns* kStrips) slice_tile_kernel(const Slice<float> p) {
  auto& shared = shared_memory<SliceShared<kSlab>>();
  const int thread = static_cast<int>(threadIdx.x);
  const int64_t tile = blockIdx.x, item = tile / (p.across * p.down);
  const int64_t x0 = tile % p.across * kColumns, y0 = tile / p.across % p.down * kRows;
  if (thread < kRows) {
    const GridPosition at = grid_position(min(y0 + thread, p.height - 1), p.height, p.grid_height);
    shared.rows[thread] = {static_cast<int>(at.cell), static_cast<float>(at.fraction)};
  }
  const int first = static_cast<int>(grid_cell(x0, p.width, p.grid_width));
  const int last = static_cast<int>(grid_cell(min(x0 + kColumns, p.width) - 1, p.width, p.grid_width));
  __syncthreads();
  fill_slab(p, p.grid + item * p.grid_stride, first, min(last + 1, p.grid_width - 1) - first + 1, shared);
  __syncthreads();

  const int64_t x = x0 + thread % kColumns;
  if (x >= p.width) return;  // no barrier follows
  const GridPosition column = grid_position(x, p.width, p.grid_width);
  const float after = static_cast<float>(column.fraction), before = 1.0f - after;
  const int start = (static_cast<int>(column.cell) - first) * p.depth;
  const int next_level = p.depth > 1 ? kCoefs : 0, next_column = p.grid_width > 1 ? p.depth * kCoefs : 0;
#pragma unroll 1
  for (int r = thread / kColumns; r < kRows && y0 + r < p.height; r += kStrips) {
    const int64_t at = (y0 + r) * p.width + x;
    const GridLevel<float> level = level_of(p, item * p.plane + at);
    const float* from = shared.slab[r] + (start + level.index) * kCoefs;
    float map[kCoefs] = {};
    add_map(before * level.lower, from, map);
    add_map(before * level.upper, from + next_level, map);
    add_map(after * level.lower, from + next_column, map);
    add_map(after * level.upper, from + next_column + next_level, map);
    put(p, item, at, map);
  }
}

// ---- pixel by pixel

// Grid: pixels of all items. Block: kDirectThreads threads.
template <typename T>
__global__ void __launch_bounds__(kDirectThreads) slice_direct_kernel(const Slice<T> p, int64_t pixels) {
  const int64_t i = int64_t{blockIdx.x} * kDirectThreads + threadIdx.x;
  if (i >= pixels) return;
  const int64_t item = i / p.plane, at = i % p.plane;
  const GridPosition row = grid_position(at / p.width, p.height, p.grid_height);
  const GridPosition column = grid_position(at % p.width, p.width, p.grid_width);
  const GridLevel<T> level = level_of(p, i);
  const int64_t next_level = p.depth > 1 ? p.grid_level : 0;
  const T* from = p.grid + item * p.grid_stride + level.index * p.grid_level + row.cell * p.grid_width + column.cell;
  T map[kCoefs] = {};
#pragma unroll 1
  for (int corner = 0; corner < 4; ++corner) {
    const bool below = corner / 2, after = corner % 2;
    if ((below && p.grid_height == 1) || (after && p.grid_width == 1)) continue;
    const T* vertex = from + (below ? p.grid_width : 0) + after;
    const T weight = static_cast<T>((below ? row.fraction : 1.0 - row.fraction) *
                                    (after ? column.fraction : 1.0 - column.fraction));
    const T lower = weight * level.lower, upper = weight * level.upper;
#pragma unroll
    for (int q = 0; q < kCoefs; ++q) {
      const T* value = vertex + q * p.grid_plane;
      map[q] += lower * __ldg(value) + upper * __ldg(value + next_level);
    }
  }
  put(p, item, at, map);
}

template <typename T>
Slice<T> arguments(const SliceBilateralGridParams& p) {
  Slice<T> s;
  s.grid = static_cast<const T*>(p.grid);
  s.guide = static_cast<const T*>(p.guide);
  s.image = static_cast<const T*>(p.image);
  s.upstream = static_cast<const T*>(p.upstream);
  s.out = static_cast<T*>(p.out);
  s.grid_level = p.grid_height * p.grid_width;
  s.grid_plane = p.depth * s.grid_level;
  s.grid_stride = p.grid_batch > 1 ? kCoefs * s.grid_plane : 0;
  s.height = p.height;
  s.width = p.width;
  s.plane = p.height * p.width;
  s.across = (p.width + kColumns - 1) / kColumns;
  s.down = (p.height + kRows - 1) / kRows;
  s.depth = static_cast<int>(p.depth);
  s.grid_height = static_cast<int>(p.grid_height);
  s.grid_width = static_cast<int>(p.grid_width);
  s.derivative = p.derivative;
  s.transposed = p.transposed;
  return s;
}

template <typename T>
cudaError_t slice_direct(const Slice<T>& s, int64_t batch, cudaStream_t stream) {
  const int64_t pixels = batch * s.plane, blocks = (pixels + kDirectThreads - 1) / kDirectThreads;
  if (blocks > INT32_MAX) return cudaErrorInvalidConfiguration;
  return launch<NoShared>(slice_direct_kernel<T>, dim3(static_cast<unsigned>(blocks)), dim3(kDirectThreads), stream,
                          s, pixels);
}

template <int kSlab>
cudaError_t slice_tiles(const Slice<float>& s, int64_t batch, cudaStream_t stream) {
  const int64_t blocks = batch * s.across * s.down;
  if (blocks > INT32_MAX) return cudaErrorInvalidConfiguration;
  return launch<SliceShared<kSlab>>(slice_tile_kernel<kSlab>, dim3(static_cast<unsigned>(blocks)),
                                    dim3(kColumns * kStrips), stream, s);
}

}  // namespace

size_t slice_bilateral_grid_scratch(const SliceBilateralGridParams&) { return 0; }

cudaError_t slice_bilateral_grid(const SliceBilateralGridParams& p, cudaStream_t stream) {
  if (p.batch * p.height * p.width == 0) return cudaSuccess;
  if (p.is_double) return slice_direct(arguments<double>(p), p.batch, stream);
  const Slice<float> s = arguments<float>(p);
  // Columns of vertices that a tile sees at most: cells are crossed (kColumns - 1) cells / width times, rounded up.
  const int64_t columns = p.width < kColumns ? p.width : kColumns;
  const int64_t crossed = ((columns - 1) * (p.grid_width - 1) + p.width - 1) / p.width + 2;
  const int64_t seen = (crossed < p.grid_width ? crossed : p.grid_width) * p.depth * kCoefs;
  if (seen <= kSmallSlab) return slice_tiles<kSmallSlab>(s, p.batch, stream);
  if (seen <= kLargeSlab) return slice_tiles<kLargeSlab>(s, p.batch, stream);
  return slice_direct(s, p.batch, stream);
}

}  // namespace cuda
}  // namespace photostyle
