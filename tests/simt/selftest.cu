// Small kernels, right and wrong, on which the emulation itself is tested (tests/test_simt.py).
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include <cstring>

#include "common/cuda_fragments.h"
#include "common/cuda_launch.h"

namespace photostyle {
namespace cuda {
namespace {

constexpr int kThreads = 64;

struct Row {
  float values[kThreads];
};

// out = in, reversed within a block, through shared memory.
template <bool Barrier, int Off>
__global__ void reverse(const float* in, float* out) {
  auto& row = shared_memory<Row>();
  const int i = static_cast<int>(threadIdx.x);
  row.values[i + Off] = in[blockIdx.x * kThreads + i];
  if (Barrier) __syncthreads();
  out[blockIdx.x * kThreads + i] = row.values[kThreads - 1 - i];
}

// The second barrier is missing: a fast thread overwrites what a slow one has not yet read.
__global__ void rotates_twice(const float* in, float* out) {
  auto& row = shared_memory<Row>();
  const int i = static_cast<int>(threadIdx.x);
  float value = in[i];
  for (int turn = 0; turn < 2; ++turn) {
    row.values[i] = value;
    __syncthreads();
    value = row.values[(i + 1) % kThreads];
  }
  out[blockIdx.x * kThreads + i] = value;
}

__global__ void reads_past_the_end(const float* in, float* out) {
  const unsigned i = blockIdx.x * kThreads + threadIdx.x;
  out[i] = in[i + 1];
}

__global__ void barrier_for_some(const float* in, float* out) {
  const unsigned i = threadIdx.x;
  out[i] = in[i];
  if (i < 32) __syncthreads();
}

__global__ void reads_unwritten_shared(const float*, float* out) {
  out[threadIdx.x] = shared_memory<Row>().values[threadIdx.x];
}

__global__ void all_blocks_write_one_place(const float*, float* out) {
  if (threadIdx.x == 0) out[0] = static_cast<float>(blockIdx.x);
}

// The copy is used before it has been waited for.
template <bool Waits>
__global__ void copies(const float* in, float* out) {
  auto& row = shared_memory<Row>();
  const unsigned i = threadIdx.x;
  copy_async<4>(&row.values[i], in + i, i != 5);
  copy_commit();
  if (Waits) copy_wait<0>();
  out[i] = row.values[i];
}

// One warp: the 16x8 product of a 16x8 matrix in[0..127] and an 8x8 matrix in[128..191], both by rows.
__global__ void multiplies(const float* in, float* out) {
  if (threadIdx.x >= 32) return;
  const int g = static_cast<int>(threadIdx.x) / 4, t = static_cast<int>(threadIdx.x) % 4;
  const float a[4] = {in[g * 8 + t], in[(g + 8) * 8 + t], in[g * 8 + t + 4], in[(g + 8) * 8 + t + 4]};
  const float b[2] = {in[128 + t * 8 + g], in[128 + (t + 4) * 8 + g]};
  float d[4] = {0, 0, 0, 0};
  mma_tf32(d, a, b);
  for (int i = 0; i < 4; ++i) out[(g + 8 * (i / 2)) * 8 + 2 * t + i % 2] = d[i];
}

// One warp: a b + c for a 16x16 matrix in[0..255] and a 16x8 matrix in[256..383], both by rows, and c = 1. The values
// are rounded to bfloat16 (kBrain) or half, and go through shared memory: a lies there by rows, and b both by rows,
// from where it is loaded transposed, and by columns.
struct Factors {
  alignas(16) uint16_t a[16][16], b[16][8], b_transposed[8][16];
};
template <bool kBrain>
__device__ uint16_t narrowed(float value) {
  uint16_t bits;
  if constexpr (kBrain) {
    const __nv_bfloat16 narrow = __float2bfloat16_rn(value);
    memcpy(&bits, &narrow, 2);
  } else {
    const __half narrow = __float2half_rn(value);
    memcpy(&bits, &narrow, 2);
  }
  return bits;
}
template <bool kBrain>
__global__ void multiplies_halves(const float* in, float* out) {
  Factors& shared = shared_memory<Factors>();
  if (threadIdx.x >= 32) return;
  const int lane = static_cast<int>(threadIdx.x), g = lane / 4, t = lane % 4, r = lane % 8, i = lane / 8;
  for (int at = lane; at < 256; at += 32) shared.a[at / 16][at % 16] = narrowed<kBrain>(in[at]);
  for (int at = lane; at < 128; at += 32) {
    shared.b[at / 8][at % 8] = narrowed<kBrain>(in[256 + at]);
    shared.b_transposed[at % 8][at / 8] = shared.b[at / 8][at % 8];
  }
  __syncwarp();
  uint32_t a[4], b[4], same[4];
  load_matrices(a, &shared.a[i % 2 * 8 + r][i / 2 * 8]);
  load_matrices_transposed(b, &shared.b[i % 2 * 8 + r][0]);
  load_matrices(same, &shared.b_transposed[r][i % 2 * 8]);
  const uint32_t two[2] = {b[0], b[1]};
  const float one[4] = {1, 1, 1, 1};
  float d[4];
  if constexpr (kBrain)
    mma_bfloat16(d, a, two, one);
  else
    mma_half(d, a, two, one);
  for (int i = 0; i < 4; ++i) out[(g + 8 * (i / 2)) * 8 + 2 * t + i % 2] = b[i] == same[i] ? d[i] : -1.0f;
}

// Warp collectives: out = {sum over the warp by xor, value from lane 3, from the lane below, above, ballot of odd
// lanes}.
__global__ void collects(const float* in, float* out) {
  const int i = static_cast<int>(threadIdx.x);
  float sum = in[i];
  for (int d = 16; d > 0; d /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, d);
  out[i] = sum;
  out[kThreads + i] = __shfl_sync(0xffffffffu, in[i], 3);
  out[2 * kThreads + i] = __shfl_up_sync(0xffffffffu, in[i], 1);
  out[3 * kThreads + i] = __shfl_down_sync(0xffffffffu, in[i], 1);
  out[4 * kThreads + i] = static_cast<float>(__popc(__ballot_sync(0xffffffffu, i % 2)));
}

using Kernel = void (*)(const float*, float*);
struct Named {
  const char* name;
  Kernel kernel;
};
constexpr Named kKernels[] = {
    {"reverse", reverse<true, 0>},
    {"no barrier", reverse<false, 0>},
    {"shared index off by one", reverse<true, 1>},
    {"reads past the end", reads_past_the_end},
    {"late barrier", rotates_twice},
    {"barrier for some", barrier_for_some},
    {"reads unwritten shared", reads_unwritten_shared},
    {"all blocks write one place", all_blocks_write_one_place},
    {"copies", copies<true>},
    {"copies without waiting", copies<false>},
    {"multiplies", multiplies},
    {"multiplies bfloat16", multiplies_halves<true>},
    {"multiplies half", multiplies_halves<false>},
    {"collects", collects},
};

}  // namespace

// Runs the kernel of that name with blocks of 64 threads.
cudaError_t run_selftest(const char* name, const float* in, float* out, unsigned blocks) {
  for (const Named& n : kKernels)
    if (std::strcmp(n.name, name) == 0) return launch<Row>(n.kernel, dim3(blocks), dim3(kThreads), nullptr, in, out);
  return cudaErrorInvalidValue;
}

}  // namespace cuda
}  // namespace photostyle
