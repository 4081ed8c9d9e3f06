// CUDA side of total_variation/params.h.
#include <cuda_runtime.h>

#include "common/block_sum.cuh"
#include "common/cuda_launch.h"
#include "common/integers.h"
#include "total_variation/params.h"

namespace photostyle {
namespace cuda {
namespace {

constexpr int kThreads = 128;  // columns of a tile
constexpr int kRows = 16;      // of a tile
constexpr int kSumThreads = 256;
constexpr double kSquare = 255 * 255;

template <int kWarps>
struct Sums {
  double of[kWarps];
};

template <typename T>
struct Tiles {
  const T* x;
  T* gradient;
  double* partial;  // [tiles of the call]: sums of squared differences
  int64_t height, width;
  int64_t across, down;  // tiles of a channel, in x and in y
};

// A block computes one tile; a thread walks down one of its columns. blockIdx.x counts tiles in x, tiles in y,
// channels and batch items.
template <typename T>
__global__ void __launch_bounds__(kThreads) total_variation_tiles(Tiles<T> p) {
  const int64_t tile_x = blockIdx.x % p.across, strip = blockIdx.x / p.across;
  const int64_t first = strip % p.down * kRows, plane = strip / p.down;
  const int64_t column = tile_x * kThreads + threadIdx.x;
  T energy = T(0);
  if (column < p.width) {
    const bool left = column > 0, right = column + 1 < p.width;
    int64_t at = (plane * p.height + first) * p.width + column;
    T here = p.x[at], above = first > 0 ? p.x[at - p.width] : here;
    for (int64_t y = first; y < least(first + kRows, p.height); ++y, at += p.width) {
      const bool below = y + 1 < p.height;
      const T next = below ? p.x[at + p.width] : here;
      T gradient = right ? here - above : T(0);
      if (below && left) gradient += here - p.x[at - 1];
      if (below && right) {
        const T d = p.x[at + 1] - here, e = next - here;
        gradient -= d + e;
        energy += d * d + e * e;
      }
      p.gradient[at] = static_cast<T>(kSquare) * gradient;
      above = here;
      here = next;
    }
  }
  const double sum = sum_block(shared_memory<Sums<kThreads / 32>>().of, static_cast<double>(energy));
  if (threadIdx.x == 0) p.partial[blockIdx.x] = sum;
}

// energy[item] = half of 255^2 times the sum of its `count` partial sums, in a fixed order. Each batch item has one
// block.
template <typename T>
__global__ void __launch_bounds__(kSumThreads) total_variation_sum(const double* partial, int64_t count, T* energy) {
  double sum = 0.0;
  for (int64_t at = threadIdx.x; at < count; at += kSumThreads) sum += partial[blockIdx.x * count + at];
  sum = sum_block(shared_memory<Sums<kSumThreads / 32>>().of, sum);
  if (threadIdx.x == 0) energy[blockIdx.x] = static_cast<T>(0.5 * kSquare * sum);
}

int64_t tiles_of_item(const TotalVariationParams& p) {
  return p.channels * ceil_div(p.height, kRows) * ceil_div(p.width, kThreads);
}

template <typename T>
cudaError_t run(const TotalVariationParams& p, cudaStream_t stream) {
  Tiles<T> tiles;
  tiles.x = static_cast<const T*>(p.x);
  tiles.gradient = static_cast<T*>(p.gradient);
  tiles.partial = reinterpret_cast<double*>(p.scratch);
  tiles.height = p.height;
  tiles.width = p.width;
  tiles.across = ceil_div(p.width, kThreads);
  tiles.down = ceil_div(p.height, kRows);
  const int64_t count = tiles_of_item(p);
  const cudaError_t error = launch<Sums<kThreads / 32>>(
      total_variation_tiles<T>, dim3(static_cast<unsigned>(p.batch * count)), dim3(kThreads), stream, tiles);
  if (error != cudaSuccess) return error;
  return launch<Sums<kSumThreads / 32>>(total_variation_sum<T>, dim3(static_cast<unsigned>(p.batch)),
                                        dim3(kSumThreads), stream, tiles.partial, count, static_cast<T*>(p.energy));
}

}  // namespace

size_t total_variation_scratch(const TotalVariationParams& p) {
  return sizeof(double) * static_cast<size_t>(p.batch * tiles_of_item(p));
}

cudaError_t total_variation(const TotalVariationParams& p, cudaStream_t stream) {
  return p.is_double ? run<double>(p, stream) : run<float>(p, stream);
}

}  // namespace cuda
}  // namespace photostyle
