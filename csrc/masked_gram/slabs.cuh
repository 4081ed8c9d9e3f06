// Lists the pixels that masked_gram/forward.cu needs: for every mask, the slabs of 8 pixels in which it is not zero.
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
constexpr int kScanThreads = 1024;

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

// Lists the slabs of a segment in which its mask is not zero (NaN is not zero). A warp has one segment. Grid: blocks
// of 8 segments. T: the masks' type.
template <typename T>
__global__ void __launch_bounds__(256) list_slabs(const SlabLists p) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int64_t segment = static_cast<int64_t>(blockIdx.x) * 8 + threadIdx.x / 32;
  if (segment >= p.mask_batch * p.segments) return;
  const T* mask = static_cast<const T*>(p.masks) + segment / p.chunks * p.pixels;
  const int64_t begin = segment % p.chunks * p.chunk, end = min(begin + p.chunk, p.pixels);
  int* list = p.lists + segment * (p.chunk / kSlab);
  int count = 0;
  for (int64_t base = begin; base < end; base += kListed) {
    T values[8];
#pragma unroll
    for (int i = 0; i < 8; ++i) {
      const int64_t pixel = base + 32 * i + lane;
      values[i] = pixel < end ? mask[pixel] : T(0);
    }
    unsigned mine = 0;  // the 8 pixels of slab base / 8 + lane
#pragma unroll
    for (int i = 0; i < 8; ++i) {
      const unsigned set = __ballot_sync(0xffffffffu, values[i] != T(0));
      if (lane / 4 == i) mine = (set >> (lane % 4 * 8)) & 255u;
    }
    const unsigned active = __ballot_sync(0xffffffffu, mine != 0u);
    if (mine != 0u) list[count + __popc(active & ((1u << lane) - 1u))] = static_cast<int>(base / kSlab) + lane;
    count += __popc(active);
  }
  if (lane < (kSlabs - count % kSlabs) % kSlabs) list[count + lane] = -1;
  if (lane == 0) p.counts[segment] = count;
}

struct ScanShared {
  int warps[32];
};

__device__ __forceinline__ int sum_of_lanes_up_to_this(int value) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
#pragma unroll
  for (int step = 1; step < 32; step *= 2) {
    const int other = __shfl_up_sync(0xffffffffu, value, step);
    if (lane >= step) value += other;
  }
  return value;
}

// starts[s] = sum of the steps of the segments before s. Each batch entry of the masks has one block.
__global__ void __launch_bounds__(kScanThreads) scan_steps(const SlabLists p) {
  ScanShared& shared = shared_memory<ScanShared>();
  const int tid = static_cast<int>(threadIdx.x);
  const int* counts = p.counts + blockIdx.x * p.segments;
  int* starts = p.starts + blockIdx.x * (p.segments + 1);
  const int64_t each = ceil_div(p.segments, kScanThreads);
  const int64_t begin = min(tid * each, p.segments), end = min(begin + each, p.segments);
  int own = 0;
  for (int64_t s = begin; s < end; ++s) own += ceil_div(counts[s], kSlabs);
  const int inclusive = sum_of_lanes_up_to_this(own);
  if (tid % 32 == 31) shared.warps[tid / 32] = inclusive;
  __syncthreads();
  if (tid < 32) {
    const int total = shared.warps[tid];
    const int up_to = sum_of_lanes_up_to_this(total);
    shared.warps[tid] = up_to - total;
  }
  __syncthreads();
  int before = shared.warps[tid / 32] + inclusive - own;
  for (int64_t s = begin; s < end; ++s) {
    starts[s] = before;
    before += ceil_div(counts[s], kSlabs);
  }
  if (tid == kScanThreads - 1) starts[p.segments] = before;
}

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

// Fills the lists of p. T: the masks' type.
template <typename T>
cudaError_t make_lists(const SlabLists& p, cudaStream_t stream) {
  const int64_t segments = p.mask_batch * p.segments;
  const dim3 grid(static_cast<unsigned>(ceil_div(segments, 8)));
  const cudaError_t error = launch<NoShared>(list_slabs<T>, grid, dim3(256), stream, p);
  if (error != cudaSuccess) return error;
  return launch<ScanShared>(scan_steps, dim3(static_cast<unsigned>(p.mask_batch)), dim3(kScanThreads), stream, p);
}

}  // namespace gram
}  // namespace cuda
}  // namespace photostyle
