// CUDA side of lbfgs/params.h: a pass over the pairs for their products with y and g, the sums of those and the
// algebra in one block, and a pass over the pairs for the step.
#include <cuda_runtime.h>

#include "common/block_sum.cuh"
#include "common/cuda_launch.h"
#include "common/integers.h"
#include "lbfgs/algebra.h"
#include "lbfgs/params.h"

namespace photostyle {
namespace cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kWarps = kThreads / 32;
constexpr int kPerThread = 32;  // elements of a chunk, with which a thread multiplies
constexpr int kChunk = kThreads * kPerThread;
constexpr int kRows = 8;  // rows of a group, which read y and g once
constexpr int kAlgebraThreads = 256;

template <typename T>
struct Step {
  LbfgsParams params;
  LbfgsScratch scratch;
  double* parts;  // [chunks, 4 used + kLbfgsSums]: what each chunk adds to with_y, with_g and sums
  const T* x;
  const T* g;
  T* basis;
  T* last_change;
  T* last_gradient;
  T* best_x;
  int64_t chunks;
  int groups;  // of rows; one more block of a chunk makes the sums of the new vectors

  __host__ __device__ int64_t per_chunk() const { return 4 * params.used + kLbfgsSums; }
};

struct WarpSums {
  double of[2 * kRows][kWarps];
};

// The pairs that are kept.
template <typename T>
__device__ __forceinline__ int kept_pairs(const Step<T>& step) {
  const double pairs = static_cast<const double*>(step.params.numbers)[kPairs];
  return static_cast<int>(least(static_cast<int64_t>(pairs), step.params.used));
}

// Writes what a block's threads found to places in global memory, each summed over the block in a fixed order.
template <int kCount>
__device__ __forceinline__ void write_sums(const double (&values)[kCount], double* const (&to)[kCount]) {
  WarpSums& shared = shared_memory<WarpSums>();
#pragma unroll
  for (int i = 0; i < kCount; ++i) {
    const double sum = sum_warp(values[i]);
    if (threadIdx.x % 32 == 0) shared.of[i][threadIdx.x / 32] = sum;
  }
  __syncthreads();
  if (threadIdx.x < kCount) {
    double sum = 0.0;
    for (int w = 0; w < kWarps; ++w) sum += shared.of[threadIdx.x][w];
#pragma unroll
    for (int i = 0; i < kCount; ++i)
      if (threadIdx.x == i && to[i]) *to[i] = sum;
  }
}

// The products of the rows from `first` on with y and g, over one chunk.
template <typename T>
__device__ __forceinline__ void multiply_rows(const Step<T>& step, int64_t chunk, int first, double* out) {
  const int rows = static_cast<int>(least(int64_t{kRows}, 2 * step.params.used - first));
  T with_y[kRows] = {}, with_g[kRows] = {};
  if (first < 2 * kept_pairs(step)) {
    const T* row = step.basis + first * step.params.pitch;
#pragma unroll 2
    for (int k = 0; k < kPerThread; ++k) {
      const int64_t e = chunk * kChunk + k * kThreads + threadIdx.x;
      if (e >= step.params.size) break;
      const T g = step.g[e], y = g - step.last_gradient[e];
#pragma unroll
      for (int i = 0; i < kRows; ++i) {
        if (i < rows) {
          const T b = row[i * step.params.pitch + e];
          with_y[i] += b * y;
          with_g[i] += b * g;
        }
      }
    }
  }
  double values[2 * kRows];
  double* to[2 * kRows];
#pragma unroll
  for (int i = 0; i < kRows; ++i) {
    values[i] = with_y[i];
    values[kRows + i] = with_g[i];
    to[i] = i < rows ? out + first + i : nullptr;
    to[kRows + i] = i < rows ? out + 2 * step.params.used + first + i : nullptr;
  }
  write_sums(values, to);
}

// The sums of LbfgsSum over one chunk.
template <typename T>
__device__ __forceinline__ void sum_vectors(const Step<T>& step, int64_t chunk, double* out) {
  T sy = 0, yy = 0, sg = 0, yg = 0, largest = 0;
  double total = 0.0;
  for (int k = 0; k < kPerThread; ++k) {
    const int64_t e = chunk * kChunk + k * kThreads + threadIdx.x;
    if (e >= step.params.size) break;
    const T g = step.g[e], y = g - step.last_gradient[e], s = step.last_change[e];
    sy += s * y;
    yy += y * y;
    sg += s * g;
    yg += y * g;
    total += static_cast<double>(g);
    const T size = g < 0 ? -g : g;
    largest = size > largest ? size : largest;
  }
  double most = largest;
#pragma unroll
  for (int distance = 16; distance > 0; distance /= 2) {
    const double other = __shfl_xor_sync(0xffffffffu, most, distance);
    most = other > most ? other : most;
  }
  WarpSums& shared = shared_memory<WarpSums>();
  // The last row of sums is not used by those that follow.
  if (threadIdx.x % 32 == 0) shared.of[2 * kRows - 1][threadIdx.x / 32] = most;
  write_sums(
      {total, static_cast<double>(sy), static_cast<double>(yy), static_cast<double>(sg), static_cast<double>(yg)},
      {out + kSumG, out + kSY, out + kYY, out + kSG, out + kYG});
  if (threadIdx.x == 0) {
    for (int w = 0; w < kWarps; ++w) most = shared.of[2 * kRows - 1][w] > most ? shared.of[2 * kRows - 1][w] : most;
    out[kMaxG] = most;
  }
}

// blockIdx.x counts groups of rows and chunks.
template <typename T>
__global__ void __launch_bounds__(kThreads) lbfgs_products(const Step<T> step) {
  const int group = blockIdx.x % (step.groups + 1);
  const int64_t chunk = blockIdx.x / (step.groups + 1);
  double* out = step.parts + chunk * step.per_chunk();
  if (group < step.groups)
    multiply_rows(step, chunk, group * kRows, out);
  else
    sum_vectors(step, chunk, out + 4 * step.params.used);
}

struct Block {
  template <typename F>
  __device__ __forceinline__ void each(int64_t n, const F& f) const {
    for (int64_t i = threadIdx.x; i < n; i += kAlgebraThreads) f(i);
    __syncthreads();
  }
  template <typename F>
  __device__ __forceinline__ void one(const F& f) const {
    if (threadIdx.x == 0) f();
    __syncthreads();
  }
};

// One block. A warp sums up one number over the chunks at a time.
template <typename T>
__global__ void __launch_bounds__(kAlgebraThreads) lbfgs_decide(const Step<T> step) {
  const int64_t count = step.per_chunk(), at_max = 4 * step.params.used + kMaxG;
  for (int64_t i = threadIdx.x / 32; i < count; i += kAlgebraThreads / 32) {
    double sum = 0.0;
    for (int64_t chunk = threadIdx.x % 32; chunk < step.chunks; chunk += 32) {
      const double part = step.parts[chunk * count + i];
      sum = i != at_max ? sum + part : part > sum ? part : sum;
    }
#pragma unroll
    for (int distance = 16; distance > 0; distance /= 2) {
      const double other = __shfl_xor_sync(0xffffffffu, sum, distance);
      sum = i != at_max ? sum + other : other > sum ? other : sum;
    }
    if (threadIdx.x % 32 == 0) step.scratch.with_y[i] = sum;
  }
  __syncthreads();
  lbfgs_algebra(step.params, step.scratch, Block());
}

// A thread computes one element of the step.
template <typename T>
__global__ void __launch_bounds__(kThreads) lbfgs_move(const Step<T> step) {
  const int64_t e = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (e >= step.params.size) return;
  const T g = step.g[e];
  const int64_t slot = static_cast<int64_t>(step.scratch.flags[1]);
  if (slot >= 0) {
    T* row = step.basis + 2 * slot * step.params.pitch + e;
    row[0] = step.last_change[e];
    row[step.params.pitch] = g - step.last_gradient[e];
  }
  T sum = -static_cast<T>(*step.scratch.scale) * g;
  const int rows = 2 * kept_pairs(step);
  const T* row = step.basis + e;
#pragma unroll 8
  for (int i = 0; i < rows; ++i, row += step.params.pitch) sum += static_cast<T>(step.scratch.weights[i]) * *row;
  step.last_change[e] = sum;
  step.last_gradient[e] = g;
  if (step.scratch.flags[0] != 0) step.best_x[e] = step.x[e];
}

template <typename T>
cudaError_t run(const LbfgsParams& p, cudaStream_t stream) {
  Step<T> step;
  step.params = p;
  double* doubles = reinterpret_cast<double*>(p.scratch);
  step.scratch = make_lbfgs_scratch(doubles, p.used);
  step.parts = doubles + lbfgs_scratch_size(p.used);
  step.x = static_cast<const T*>(p.x);
  step.g = static_cast<const T*>(p.gradient);
  step.basis = static_cast<T*>(p.basis);
  step.last_change = static_cast<T*>(p.last_change);
  step.last_gradient = static_cast<T*>(p.last_gradient);
  step.best_x = static_cast<T*>(p.best_x);
  step.chunks = ceil_div(p.size, kChunk);
  step.groups = static_cast<int>(ceil_div(2 * p.used, kRows));
  const dim3 products(static_cast<unsigned>(step.chunks * (step.groups + 1)));
  cudaError_t error = launch<WarpSums>(lbfgs_products<T>, products, dim3(kThreads), stream, step);
  if (error != cudaSuccess) return error;
  error = launch<NoShared>(lbfgs_decide<T>, dim3(1), dim3(kAlgebraThreads), stream, step);
  if (error != cudaSuccess) return error;
  const dim3 moves(static_cast<unsigned>(ceil_div(p.size, kThreads)));
  return launch<NoShared>(lbfgs_move<T>, moves, dim3(kThreads), stream, step);
}

}  // namespace

size_t lbfgs_step_scratch(const LbfgsParams& p) {
  const int64_t parts = ceil_div(p.size, kChunk) * (4 * p.used + kLbfgsSums);
  return sizeof(double) * static_cast<size_t>(lbfgs_scratch_size(p.used) + parts);
}

cudaError_t lbfgs_step(const LbfgsParams& p, cudaStream_t stream) {
  return p.is_double ? run<double>(p, stream) : run<float>(p, stream);
}

}  // namespace cuda
}  // namespace photostyle
