// Makes the lists of masked_gram/slabs.cuh.
#include "masked_gram/slabs.cuh"

namespace photostyle {
namespace cuda {
namespace gram {
namespace {

constexpr int kScanThreads = 1024;

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

}  // namespace

cudaError_t make_lists(const SlabLists& p, FeatureType type, cudaStream_t stream) {
  const int64_t segments = p.mask_batch * p.segments;
  const dim3 grid(static_cast<unsigned>(ceil_div(segments, 8)));
  const cudaError_t error = launch<NoShared>(type == FeatureType::kDouble ? list_slabs<double> : list_slabs<float>,
                                             grid, dim3(256), stream, p);
  if (error != cudaSuccess) return error;
  return launch<ScanShared>(scan_steps, dim3(static_cast<unsigned>(p.mask_batch)), dim3(kScanThreads), stream, p);
}

}  // namespace gram
}  // namespace cuda
}  // namespace photostyle
