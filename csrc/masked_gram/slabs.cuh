// The lists of the pixels that masked_gram/forward.cu needs: for every mask, the slabs of 8 pixels in which it is not
// zero.
//
// A mask is cut into chunks, and a warp lists the slabs of one chunk. The pairs (mask, chunk), in this order, are the
// segments of a batch entry of the masks. Four slabs make a step, and a segment has whole steps: its list is padded
// with slab -1.
#pragma once

#include <cuda_runtime.h>

#include "common/cuda_launch.h"
#include "common/integers.h"
#include "masked_gram/panels.cuh"

namespace photostyle {
namespace cuda {
namespace gram {

constexpr int kListed = 256;  // pixels that a warp examines at once

struct SlabLists {
  const void* masks;  // [mask_batch, masks, pixels]
  int64_t mask_batch, masks_count, pixels;
  int64_t chunk, chunks, segments;  // pixels of a chunk, chunks of a mask, segments of a batch entry
  int* lists;                       // [mask_batch, segments, chunk / 8]
  int* counts;                      // [mask_batch, segments], slabs
  int* starts;                      // [mask_batch, segments + 1], steps before the segment

  // Places the lists in scratch from byte `at` on, and moves `at` behind them.
  template <typename Params>
  SlabLists(const Params& p, size_t& at) {
    masks = p.masks;
    mask_batch = p.mask_batch;
    masks_count = p.masks_count;
    pixels = p.pixels;
    // There are enough warps to read the masks at full speed, and so few segments that their padding costs little.
    const int64_t share = p.pixels * p.masks_count * p.mask_batch / 8192;
    chunk = round_up(most(share, 2048), kListed);
    chunks = most(ceil_div(p.pixels, chunk), 1);
    segments = masks_count * chunks;
    lists = take<int>(p.scratch, at, mask_batch * segments * (chunk / kSlab));
    counts = take<int>(p.scratch, at, mask_batch * segments);
    starts = take<int>(p.scratch, at, mask_batch * (segments + 1));
  }
};

// The position of a worker in the steps of a batch entry. All threads of a block hold the same values.
struct Cursor {
  int start = 0, end = 0;  // first step of the segment, and of the next
  int mask = 0;
  const int* list = nullptr;  // slabs of the segment

  // Moves to a step. The lanes of a warp search for its segment, with 32 probes at a time.
  __device__ __forceinline__ void go(const SlabLists& p, int64_t entry, int step) {
    if (step < end) return;
    const int* starts = p.starts + entry * (p.segments + 1);
    const int lane = static_cast<int>(threadIdx.x) % 32;
    int low = 0, high = static_cast<int>(p.segments);  // starts[low] <= step < starts[high]
    while (high - low > 1) {
      const int gap = ceil_div(high - low, 32), probe = low + lane * gap;
      const bool below = probe < high && starts[probe] <= step;
      low += (__popc(__ballot_sync(0xffffffffu, below)) - 1) * gap;
      high = min(low + gap, high);
    }
    start = starts[low];
    end = starts[low + 1];
    mask = low / static_cast<int>(p.chunks);
    list = p.lists + (entry * p.segments + low) * (p.chunk / kSlab);
  }

  __device__ __forceinline__ int4 slabs(int step) const {
    return *reinterpret_cast<const int4*>(list + (step - start) * kSlabs);
  }
};

// Fills the lists of p, with two kernels (slabs.cu).
cudaError_t make_lists(const SlabLists& p, FeatureType type, cudaStream_t stream);

}  // namespace gram
}  // namespace cuda
}  // namespace photostyle
