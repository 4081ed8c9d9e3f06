// What the kernels of the forward pass are told (masked_gram/forward.cu says what they do), and what the two of them
// that compute tiles of sums share.
#pragma once

#include "masked_gram/panels.cuh"
#include "masked_gram/params.h"
#include "masked_gram/slabs.cuh"

namespace photostyle {
namespace cuda {
namespace gram {

constexpr int64_t kWorkers = 396;  // about how many blocks compute tiles of sums

// The arguments of all kernels of a call. Sizes depend on the shape only, and so does the order of every sum.
struct ForwardPlan {
  size_t bytes = 0;  // of scratch, in all
  SlabLists lists;
  const void* features;
  void* gram;  // with kLoss, the derivative of the loss in G
  int64_t batch, mask_batch, masks_count, channels, pixels;
  int64_t pairs, workers, slots;  // pairs of channel tiles; workers and slots of each
  int copy_bytes;
  void* tiles;  // [batch, pairs, slots, 64, 64]
  // For the loss only:
  const void* targets = nullptr;
  const void* scales = nullptr;
  const void* weights = nullptr;
  double* loss = nullptr;
  double* partial = nullptr;  // [batch, pairs * masks * kReduceBlocks]
  int64_t target_batch = 0;

  template <typename Params>
  explicit ForwardPlan(const Params& p) : lists(p, bytes) {
    features = p.features;
    batch = p.batch;
    mask_batch = p.mask_batch;
    masks_count = p.masks_count;
    channels = p.channels;
    pixels = p.pixels;
    copy_bytes = gram::copy_bytes(p.features, p.pixels, element_bytes(p.type));
    const int64_t tiled = ceil_div(p.channels, kTile);
    pairs = tiled * (tiled + 1) / 2;
    // Three blocks for each of about 132 multiprocessors, unless that leaves a worker less than four steps.
    workers = most(least(kWorkers / most(pairs * p.batch, 1), ceil_div(p.pixels, 4 * kDepth)), 1);
    slots = workers + p.masks_count - 1;
    const int64_t sums = batch * pairs * slots * (kTile * kTile);
    if (p.type == FeatureType::kDouble)
      tiles = take<double>(p.scratch, bytes, sums);
    else
      tiles = take<float>(p.scratch, bytes, sums);
  }
};

// Writes a tile of sums to its slot: pairs from MmaEngine, single sums from FmaEngine.
template <typename Sum>
struct StoreTile {
  Sum* tile;
  __device__ __forceinline__ void operator()(int row, int column, Sum x, Sum y) const {
    store(tile + row * kTile + column, Pair<Sum>{x, y});
  }
  __device__ __forceinline__ void operator()(int row, int column, Sum x) const { tile[row * kTile + column] = x; }
};

// The tiles (I, J), I <= J, of channels: pair 0 is (0, 0), 1 is (0, 1), 2 is (1, 1), 3 is (0, 2), ...
__device__ __forceinline__ void tiles_of_pair(int pair, int* i, int* j) {
  int column = 0;
  while (pair > column) pair -= ++column;
  *i = pair;
  *j = column;
}

// One worker's share of a batch entry's steps. A worker has a block.
struct Share {
  int step, end;

  __device__ __forceinline__ Share(const ForwardPlan& p, int64_t entry, int worker) {
    const int64_t steps = p.lists.starts[entry * (p.lists.segments + 1) + p.lists.segments];
    const int64_t working = min(p.workers, steps);
    step = end = 0;
    if (worker >= working) return;
    step = static_cast<int>(steps * worker / working);
    end = static_cast<int>(steps * (worker + 1) / working);
  }
};

// Launches the kernel that takes the place of gram_tiles() for features with channels last (rows_forward.cu).
cudaError_t gram_rows(const ForwardPlan&, FeatureType, cudaStream_t);

}  // namespace gram
}  // namespace cuda
}  // namespace photostyle
