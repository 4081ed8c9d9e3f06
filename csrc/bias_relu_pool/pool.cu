// The kernels of bias_relu_pool/params.h. A thread has one window and as many channels as 16 bytes hold, or one
// channel where channels or addresses are no multiple of that.
#include <cuda_runtime.h>

#include "bias_relu_pool/params.h"
#include "common/cuda_launch.h"
#include "common/feature_types.cuh"
#include "common/integers.h"

namespace photostyle {
namespace cuda {
namespace {

constexpr int kThreads = 256;
constexpr int64_t kMostThreads = 0x7fffffff;

template <typename T, int kCount>
struct alignas(kCount * sizeof(T)) Vector {
  T at[kCount];
};

struct Windows {
  int batch, height, width, rows, columns;  // of x, and of windows
  int groups;                               // vectors of channels
  int64_t threads;

  Windows(int64_t batch, int64_t height, int64_t width, int64_t channels, int vector)
      : batch(static_cast<int>(batch)),
        height(static_cast<int>(height)),
        width(static_cast<int>(width)),
        rows(static_cast<int>(ceil_div(height, 2))),
        columns(static_cast<int>(ceil_div(width, 2))),
        groups(static_cast<int>(channels / vector)),
        threads(batch * ceil_div(height, 2) * ceil_div(width, 2) * (channels / vector)) {}
};

// The place of this thread: which vector of the pooled picture it has, and where its window begins in x.
struct Place {
  bool live;
  bool below, beside;  // whether the window has a second row and a second column
  int64_t window, corner, row;

  __device__ __forceinline__ explicit Place(const Windows& w) {
    const unsigned index = blockIdx.x * kThreads + threadIdx.x;
    live = index < w.threads;
    const unsigned group = index % w.groups, pixel = index / w.groups;
    const unsigned column = pixel % w.columns, line = pixel / w.columns;  // over all pictures
    const unsigned picture = line / w.rows, y = line % w.rows;
    below = 2 * static_cast<int>(y) + 1 < w.height;
    beside = 2 * static_cast<int>(column) + 1 < w.width;
    window = index;
    row = static_cast<int64_t>(w.width) * w.groups;
    corner = ((static_cast<int64_t>(picture) * w.height + 2 * y) * w.width + 2 * column) * w.groups + group;
  }
};

template <typename F, int kCount>
__global__ void __launch_bounds__(kThreads)
    pool_windows(const Windows w, const Vector<F, kCount>* x, const Vector<F, kCount>* bias,
                 Vector<F, kCount>* pooled, Vector<uint8_t, kCount>* codes) {
  using Sum = typename SumOf<F>::Type;
  const Place place(w);
  if (!place.live) return;
  const bool there[4] = {true, place.beside, place.below, place.below && place.beside};
  Vector<F, kCount> values[4];
#pragma unroll
  for (int i = 0; i < 4; ++i)
    if (there[i]) values[i] = x[place.corner + i / 2 * place.row + i % 2 * w.groups];
  const Vector<F, kCount> shift = bias[place.window % w.groups];
  Vector<F, kCount> out;
  Vector<uint8_t, kCount> code;
#pragma unroll
  for (int c = 0; c < kCount; ++c) {
    Sum best = widen(values[0].at[c]);
    uint8_t which = 0;
#pragma unroll
    for (int i = 1; i < 4; ++i) {
      if (!there[i]) continue;
      const Sum value = widen(values[i].at[c]);
      if (value > best || value != value) {  // NaN wins, as in torch
        best = value;
        which = static_cast<uint8_t>(i);
      }
    }
    best += widen(shift.at[c]);
    if (best <= Sum(0)) {
      best = Sum(0);
      which = kNonePositive;
    }
    narrow(best, out.at[c]);
    code.at[c] = which;
  }
  pooled[place.window] = out;
  codes[place.window] = code;
}

template <typename F, int kCount>
__global__ void __launch_bounds__(kThreads)
    spread_windows(const Windows w, const Vector<F, kCount>* upstream, const Vector<uint8_t, kCount>* codes,
                   Vector<F, kCount>* grad) {
  const Place place(w);
  if (!place.live) return;
  const Vector<F, kCount> value = upstream[place.window];
  const Vector<uint8_t, kCount> code = codes[place.window];
  const bool there[4] = {true, place.beside, place.below, place.below && place.beside};
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    if (!there[i]) continue;
    Vector<F, kCount> out;
#pragma unroll
    for (int c = 0; c < kCount; ++c) {
      if (code.at[c] == i)
        out.at[c] = value.at[c];
      else
        narrow(typename SumOf<F>::Type(0), out.at[c]);
    }
    grad[place.corner + i / 2 * place.row + i % 2 * w.groups] = out;
  }
}

bool aligned(const void* pointer, size_t bytes) { return reinterpret_cast<uintptr_t>(pointer) % bytes == 0; }

template <int kCount>
struct Count {
  static constexpr int kValue = kCount;
};

// Calls run(F(), Count<vector length>()) for the type of the features: 16 bytes at once where all is aligned to that.
template <typename Run>
cudaError_t with_vectors(FeatureType type, int64_t channels, bool is_aligned, Run run) {
  const auto choose = [&](auto zero) {
    using F = decltype(zero);
    constexpr int kCount = static_cast<int>(16 / sizeof(F));
    return is_aligned && channels % kCount == 0 ? run(zero, Count<kCount>()) : run(zero, Count<1>());
  };
  switch (type) {
    case FeatureType::kDouble:
      return choose(double());
    case FeatureType::kBFloat16:
      return choose(__nv_bfloat16());
    case FeatureType::kHalf:
      return choose(__half());
    default:
      return choose(float());
  }
}

bool too_many(const Windows& w) { return w.threads > kMostThreads; }

dim3 blocks_of(const Windows& w) { return dim3(static_cast<unsigned>(ceil_div(w.threads, int64_t(kThreads)))); }

}  // namespace

size_t bias_relu_pool_scratch(const BiasReluPoolParams&) { return 0; }
size_t bias_relu_pool_backward_scratch(const BiasReluPoolBackwardParams&) { return 0; }

cudaError_t bias_relu_pool(const BiasReluPoolParams& p, cudaStream_t stream) {
  const bool is_aligned = aligned(p.x, 16) && aligned(p.bias, 16) && aligned(p.pooled, 16) && aligned(p.codes, 8);
  return with_vectors(p.type, p.channels, is_aligned, [&](auto zero, auto count) {
    using F = decltype(zero);
    using V = Vector<F, decltype(count)::kValue>;
    using C = Vector<uint8_t, decltype(count)::kValue>;
    const Windows w(p.batch, p.height, p.width, p.channels, decltype(count)::kValue);
    if (w.threads == 0) return cudaSuccess;
    if (too_many(w)) return cudaErrorInvalidConfiguration;
    return launch<NoShared>(pool_windows<F, decltype(count)::kValue>, blocks_of(w), dim3(kThreads), stream, w,
                            static_cast<const V*>(p.x), static_cast<const V*>(p.bias), static_cast<V*>(p.pooled),
                            reinterpret_cast<C*>(p.codes));
  });
}

cudaError_t bias_relu_pool_backward(const BiasReluPoolBackwardParams& p, cudaStream_t stream) {
  const bool is_aligned = aligned(p.upstream, 16) && aligned(p.codes, 8) && aligned(p.grad, 16);
  return with_vectors(p.type, p.channels, is_aligned, [&](auto zero, auto count) {
    using F = decltype(zero);
    using V = Vector<F, decltype(count)::kValue>;
    using C = Vector<uint8_t, decltype(count)::kValue>;
    const Windows w(p.batch, p.height, p.width, p.channels, decltype(count)::kValue);
    if (w.threads == 0) return cudaSuccess;
    if (too_many(w)) return cudaErrorInvalidConfiguration;
    return launch<NoShared>(spread_windows<F, decltype(count)::kValue>, blocks_of(w), dim3(kThreads), stream, w,
                            static_cast<const V*>(p.upstream), reinterpret_cast<const C*>(p.codes),
                            static_cast<V*>(p.grad));
  });
}

}  // namespace cuda
}  // namespace photostyle
