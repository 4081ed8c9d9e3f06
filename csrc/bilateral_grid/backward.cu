// CUDA side of bilateral_grid/params.h: the gradient to the grid, in two launches.
//
// 1. A block owns a chunk: up to 32 columns and kChunkRows rows of pixels that all lie between the same 2 x 2 columns
//    of vertices. A warp of it owns one level, a lane one column of pixels and the 24 sums of (upstream x (image, 1))
//    that go to the vertices above and below. The pixels come through shared memory, with the weights of their two
//    levels; most warps find that a row of 32 neighbours does not touch their level, and skip it. At the end lanes
//    are added up, weighted for the vertices before and after, into the chunk's own place in scratch.
// 2. Every vertex collects from the chunks around it, in a fixed order and in double precision.
//
// Per pixel 2 to 3 levels of about 45 instructions in a photo, 28 bytes of device traffic.
#include "bilateral_grid/coordinates.h"
#include "bilateral_grid/params.h"
#include "common/cuda_launch.h"

namespace photostyle {
namespace cuda {
namespace {

constexpr int kCoefs = 12;
constexpr int kWarp = 32;
constexpr int kChunkRows = 64;   // and terms that a lane adds up in float
constexpr int kStage = 16;       // rows of pixels in shared memory at a time
constexpr int kMostLevels = 12;  // of a block, one per warp
constexpr int kOutputs = 32;     // that a block of the second launch writes
constexpr int kSlices = 8;       // threads that share the chunks of one output

// How one axis is cut into chunks: every cell into the same number of pieces, some of them empty.
struct ChunkAxis {
  int64_t pixels, vertices, cells, length, pieces, count;
};

ChunkAxis chunk_axis(int64_t pixels, int64_t vertices, int64_t length) {
  ChunkAxis a;
  a.pixels = pixels;
  a.vertices = vertices;
  a.cells = grid_cells(vertices);
  a.length = length;
  a.pieces = ((pixels + a.cells - 1) / a.cells + length - 1) / length;
  a.count = a.cells * a.pieces;
  return a;
}

struct ChunkRange {
  int begin, end;
};

__device__ __forceinline__ ChunkRange chunk_range(const ChunkAxis& a, int64_t chunk) {
  const int64_t cell = chunk / a.pieces;
  const int64_t begin = grid_first(cell, a.pixels, a.vertices) + chunk % a.pieces * a.length;
  const int64_t end = min(begin + a.length, grid_first(cell + 1, a.pixels, a.vertices));
  return {static_cast<int>(begin), static_cast<int>(end)};
}

template <typename T>
struct Backward {
  const T* upstream;
  const T* guide;
  const T* image;
  T* grad;
  T* partial;  // [batch, chunks in y, chunks in x, 4 corners (2 y + x), depth, kCoefs]
  ChunkAxis x, y;
  int64_t plane, batch, items;  // items: that add to one grid
  int depth, levels, groups;    // levels of a block, and blocks for all levels
  bool derivative;
};

template <typename T>
struct Stage {
  int level[kStage][kWarp];  // the lower of the two, below -1 where there is no pixel
  T lower[kStage][kWarp], upper[kStage][kWarp];
  T image[3][kStage][kWarp], upstream[3][kStage][kWarp];
  T below[kStage];  // weight of the vertices below
};

template <typename T>
struct BackwardShared {
  union {
    Stage<T> stage;
    T sums[kMostLevels][kCoefs][kWarp + 1];
  };
  T after[kWarp];  // weight of the vertices after a column
};

template <typename T>
__device__ __forceinline__ void stage_rows(const Backward<T>& p, const ChunkRange& columns, int y0, int rows,
                                           int64_t item, Stage<T>& stage) {
#pragma unroll 1
  for (int e = static_cast<int>(threadIdx.x); e < rows * kWarp; e += static_cast<int>(blockDim.x)) {
    const int row = e / kWarp, lane = e % kWarp;
    if (columns.begin + lane >= columns.end) {
      stage.level[row][lane] = -2;
      continue;
    }
    const int64_t at = int64_t{y0 + row} * p.x.pixels + columns.begin + lane, first = item * 3 * p.plane + at;
    const GridLevel<T> level = grid_level(__ldg(p.guide + item * p.plane + at), p.depth, p.derivative);
    stage.level[row][lane] = level.index;
    stage.lower[row][lane] = level.lower;
    stage.upper[row][lane] = level.upper;
#pragma unroll
    for (int c = 0; c < 3; ++c) {
      stage.image[c][row][lane] = __ldg(p.image + first + c * p.plane);
      stage.upstream[c][row][lane] = __ldg(p.upstream + first + c * p.plane);
    }
  }
  if (threadIdx.x < rows)
    stage.below[threadIdx.x] = static_cast<T>(grid_position(y0 + threadIdx.x, p.y.pixels, p.y.vertices).fraction);
}

// Adds what the lane's column sends to `level`.
template <typename T>
__device__ __forceinline__ void add_rows(const Stage<T>& stage, int rows, int level, int lane, T (&sums)[2][kCoefs]) {
#pragma unroll 1
  for (int row = 0; row < rows; ++row) {
    const int step = level - stage.level[row][lane];
    if (step != 0 && step != 1) continue;
    const T weight = step ? stage.upper[row][lane] : stage.lower[row][lane];
    const T below = weight * stage.below[row], above = weight - below;
    T image[3];
#pragma unroll
    for (int j = 0; j < 3; ++j) image[j] = stage.image[j][row][lane];
#pragma unroll
    for (int c = 0; c < 3; ++c) {
      const T upstream = stage.upstream[c][row][lane], up = above * upstream, down = below * upstream;
#pragma unroll
      for (int j = 0; j < 3; ++j) {
        sums[0][4 * c + j] += up * image[j];
        sums[1][4 * c + j] += down * image[j];
      }
      sums[0][4 * c + 3] += up;
      sums[1][4 * c + 3] += down;
    }
  }
}

// Grid: items x chunks in y x chunks in x x groups of levels. Block: a warp per level.
template <typename T>
__global__ void __launch_bounds__(kMostLevels* kWarp, sizeof(T) == 4 ? 2 : 1) chunk_kernel(const Backward<T> p) {
  auto& shared = shared_memory<BackwardShared<T>>();
  const int warp = static_cast<int>(threadIdx.x) / kWarp, lane = static_cast<int>(threadIdx.x) % kWarp;
  const int64_t chunk = blockIdx.x / p.groups;
  const int level = static_cast<int>(blockIdx.x % p.groups) * p.levels + warp;
  const ChunkRange columns = chunk_range(p.x, chunk % p.x.count);
  const ChunkRange rows = chunk_range(p.y, chunk / p.x.count % p.y.count);
  const int64_t item = chunk / (p.x.count * p.y.count);
  if (warp == 0) {
    const int64_t column = columns.begin + lane;
    shared.after[lane] =
        static_cast<T>(grid_position(min(column, p.x.pixels - 1), p.x.pixels, p.x.vertices).fraction);
  }
  T sums[2][kCoefs] = {};
  if (columns.begin < columns.end) {
#pragma unroll 1
    for (int y = rows.begin; y < rows.end; y += kStage) {
      const int count = min(kStage, rows.end - y);
      __syncthreads();
      stage_rows(p, columns, y, count, item, shared.stage);
      __syncthreads();
      add_rows(shared.stage, count, level, lane, sums);
    }
  }
#pragma unroll
  for (int side = 0; side < 2; ++side) {
    __syncthreads();
#pragma unroll
    for (int q = 0; q < kCoefs; ++q) shared.sums[warp][q][lane] = sums[side][q];
    __syncthreads();
    if (lane >= 2 * kCoefs || level >= p.depth) continue;
    const int after = lane / kCoefs, q = lane % kCoefs;
    T totals[4] = {};  // short sums round less
#pragma unroll
    for (int i = 0; i < kWarp; ++i) {
      const T weight = shared.after[i];
      totals[i % 4] += (after ? weight : T(1) - weight) * shared.sums[warp][q][i];
    }
    p.partial[((chunk * 4 + 2 * side + after) * p.depth + level) * kCoefs + q] =
        (totals[0] + totals[1]) + (totals[2] + totals[3]);
  }
}

// ---- second launch

struct CollectShared {
  double sums[kSlices][kOutputs];
};

// The chunks [begin, end) along one axis whose pixels see a vertex.
struct Around {
  int64_t begin, end;
};

__device__ __forceinline__ Around around(const ChunkAxis& a, int64_t vertex) {
  return {max(vertex - 1, int64_t{0}) * a.pieces, (min(vertex, a.cells - 1) + 1) * a.pieces};
}

// Grid: grids x vertices (y, x) x groups of kOutputs of a vertex's (level, coefficient). Block: kOutputs x kSlices.
template <typename T>
__global__ void __launch_bounds__(kOutputs* kSlices) collect_kernel(const Backward<T> p) {
  auto& shared = shared_memory<CollectShared>();
  const int lane = static_cast<int>(threadIdx.x) % kOutputs, slice = static_cast<int>(threadIdx.x) / kOutputs;
  const int outputs = p.depth * kCoefs, groups = (outputs + kOutputs - 1) / kOutputs;
  const int output = static_cast<int>(blockIdx.x % groups) * kOutputs + lane;
  const int64_t vertex = blockIdx.x / groups, gx = vertex % p.x.vertices, gy = vertex / p.x.vertices % p.y.vertices;
  const int64_t grid = vertex / (p.x.vertices * p.y.vertices);
  const Around columns = around(p.x, gx), rows = around(p.y, gy);
  const int64_t across = columns.end - columns.begin, down = rows.end - rows.begin;
  double sum = 0.0;
  if (output < outputs) {
    for (int64_t i = slice; i < p.items * down * across; i += kSlices) {
      const int64_t item = grid * p.items + i / (down * across);
      const int64_t cy = rows.begin + i / across % down, cx = columns.begin + i % across;
      const int64_t chunk = (item * p.y.count + cy) * p.x.count + cx;
      const int64_t corner = 2 * (gy - cy / p.y.pieces) + gx - cx / p.x.pieces;
      sum += static_cast<double>(p.partial[(chunk * 4 + corner) * outputs + output]);
    }
  }
  shared.sums[slice][lane] = sum;
  __syncthreads();
  if (slice != 0 || output >= outputs) return;
  for (int s = 1; s < kSlices; ++s) sum += shared.sums[s][lane];
  const int64_t level = output / kCoefs, q = output % kCoefs;
  const int64_t plane = (grid * kCoefs + q) * p.depth + level;
  p.grad[(plane * p.y.vertices + gy) * p.x.vertices + gx] = static_cast<T>(sum);
}

template <typename T>
Backward<T> arguments(const SliceBilateralGridBackwardGridParams& p) {
  Backward<T> b;
  b.upstream = static_cast<const T*>(p.upstream);
  b.guide = static_cast<const T*>(p.guide);
  b.image = static_cast<const T*>(p.image);
  b.grad = static_cast<T*>(p.grad);
  b.partial = reinterpret_cast<T*>(p.scratch);
  b.x = chunk_axis(p.width, p.grid_width, kWarp);
  b.y = chunk_axis(p.height, p.grid_height, kChunkRows);
  b.plane = p.height * p.width;
  b.batch = p.batch;
  b.items = p.grid_batch > 1 ? 1 : p.batch;
  b.depth = static_cast<int>(p.depth);
  b.groups = (b.depth + kMostLevels - 1) / kMostLevels;
  b.levels = (b.depth + b.groups - 1) / b.groups;
  b.derivative = p.derivative;
  return b;
}

template <typename T>
size_t scratch(const SliceBilateralGridBackwardGridParams& p) {
  const Backward<T> b = arguments<T>(p);
  return static_cast<size_t>(b.batch * b.y.count * b.x.count * 4 * b.depth * kCoefs) * sizeof(T);
}

template <typename T>
cudaError_t backward(const SliceBilateralGridBackwardGridParams& p, cudaStream_t stream) {
  const Backward<T> b = arguments<T>(p);
  const int64_t chunks = b.batch * b.y.count * b.x.count * b.groups;
  const int64_t outputs = (b.depth * kCoefs + kOutputs - 1) / kOutputs;
  const int64_t vertices = b.batch / b.items * b.y.vertices * b.x.vertices * outputs;
  if (chunks > INT32_MAX || vertices > INT32_MAX) return cudaErrorInvalidConfiguration;
  const cudaError_t error = launch<BackwardShared<T>>(chunk_kernel<T>, dim3(static_cast<unsigned>(chunks)),
                                                      dim3(static_cast<unsigned>(b.levels * kWarp)), stream, b);
  if (error != cudaSuccess) return error;
  return launch<CollectShared>(collect_kernel<T>, dim3(static_cast<unsigned>(vertices)), dim3(kOutputs * kSlices),
                               stream, b);
}

}  // namespace

size_t slice_bilateral_grid_backward_grid_scratch(const SliceBilateralGridBackwardGridParams& p) {
  return p.is_double ? scratch<double>(p) : scratch<float>(p);
}

cudaError_t slice_bilateral_grid_backward_grid(const SliceBilateralGridBackwardGridParams& p, cudaStream_t stream) {
  return p.is_double ? backward<double>(p, stream) : backward<float>(p, stream);
}

}  // namespace cuda
}  // namespace photostyle
