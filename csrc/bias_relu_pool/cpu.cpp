// CPU side of bias_relu_pool/params.h. Compiled once per instruction set (dispatch/cpu_kernels.h).
//
// A task is one channel of one picture. Nothing branches on values, which a picture's noise would make unpredictable.
#include "bias_relu_pool/params.h"
#include "common/integers.h"
#include "common/simd.h"

namespace photostyle {
namespace PHOTOSTYLE_ISA {
namespace {

// The type in which features are compared.
template <typename F>
using Wide = decltype(widen(F()));

// Makes `value` the best if it is larger; NaN wins, as in torch.
template <typename T>
PHOTOSTYLE_INLINE void challenge(T value, int code, T& best, int& which) {
  const bool stays = (value <= best) | (best != best);
  best = stays ? best : value;
  which = stays ? which : code;
}

// One window, of the values at upper[0], upper[right], lower[0] and lower[right]. A window that has no second row or
// column has its first twice, of which the first counts.
template <typename F>
PHOTOSTYLE_INLINE void pool_window(const F* upper, const F* lower, int64_t right, Wide<F> bias, F& pooled,
                                   uint8_t& code) {
  Wide<F> best = widen(upper[0]);
  int which = 0;
  challenge(widen(upper[right]), 1, best, which);
  challenge(widen(lower[0]), 2, best, which);
  challenge(widen(lower[right]), 3, best, which);
  best += bias;
  const bool negative = best <= Wide<F>(0);
  narrow(negative ? Wide<F>(0) : best, pooled);
  code = static_cast<uint8_t>(negative ? int(kNonePositive) : which);
}

template <typename F>
void pool_plane(const F* x, Wide<F> bias, int64_t height, int64_t width, F* pooled, uint8_t* codes) {
  const int64_t columns = ceil_div(width, 2), whole = width / 2;
  for (int64_t y = 0; y < height; y += 2) {
    const F* const upper = x + y * width;
    const F* const lower = y + 1 < height ? upper + width : upper;
    F* __restrict const out = pooled + y / 2 * columns;
    uint8_t* __restrict const code = codes + y / 2 * columns;
    for (int64_t j = 0; j < whole; ++j) pool_window(upper + 2 * j, lower + 2 * j, 1, bias, out[j], code[j]);
    if (whole < columns) pool_window(upper + 2 * whole, lower + 2 * whole, 0, bias, out[whole], code[whole]);
  }
}

template <typename F>
void spread_plane(const F* upstream, const uint8_t* codes, int64_t height, int64_t width, F* grad) {
  const int64_t columns = ceil_div(width, 2), whole = width / 2;
  for (int64_t y = 0; y < height; ++y) {
    const F* const values = upstream + y / 2 * columns;
    const uint8_t* const code = codes + y / 2 * columns;
    F* __restrict const out = grad + y * width;
    const uint8_t left = y % 2 ? 2 : 0;
    for (int64_t j = 0; j < whole; ++j) {
      out[2 * j] = code[j] == left ? values[j] : F{};
      out[2 * j + 1] = code[j] == left + 1 ? values[j] : F{};
    }
    if (whole < columns) out[2 * whole] = code[whole] == left ? values[whole] : F{};
  }
}

template <typename F>
void pool(const BiasReluPoolParams& p) {
  const int64_t size = p.height * p.width, pooled = ceil_div(p.height, 2) * ceil_div(p.width, 2);
#pragma omp parallel for schedule(static) num_threads(p.threads)
  for (int64_t plane = 0; plane < p.batch * p.channels; ++plane)
    pool_plane(static_cast<const F*>(p.x) + plane * size, widen(static_cast<const F*>(p.bias)[plane % p.channels]),
               p.height, p.width, static_cast<F*>(p.pooled) + plane * pooled, p.codes + plane * pooled);
}

template <typename F>
void spread(const BiasReluPoolBackwardParams& p) {
  const int64_t size = p.height * p.width, pooled = ceil_div(p.height, 2) * ceil_div(p.width, 2);
#pragma omp parallel for schedule(static) num_threads(p.threads)
  for (int64_t plane = 0; plane < p.batch * p.channels; ++plane)
    spread_plane(static_cast<const F*>(p.upstream) + plane * pooled, p.codes + plane * pooled, p.height, p.width,
                 static_cast<F*>(p.grad) + plane * size);
}

}  // namespace

size_t bias_relu_pool_scratch(const BiasReluPoolParams&) { return 0; }
size_t bias_relu_pool_backward_scratch(const BiasReluPoolBackwardParams&) { return 0; }

void bias_relu_pool(const BiasReluPoolParams& p) {
  switch (p.type) {
    case FeatureType::kDouble:
      return pool<double>(p);
    case FeatureType::kBFloat16:
      return pool<BFloat16>(p);
    default:
      return pool<float>(p);
  }
}

void bias_relu_pool_backward(const BiasReluPoolBackwardParams& p) {
  switch (p.type) {
    case FeatureType::kDouble:
      return spread<double>(p);
    case FeatureType::kBFloat16:
      return spread<BFloat16>(p);
    default:
      return spread<float>(p);
  }
}

}  // namespace PHOTOSTYLE_ISA
}  // namespace photostyle
