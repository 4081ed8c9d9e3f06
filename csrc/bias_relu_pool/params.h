// What follows the last convolution of a block of VGG-19: bias, ReLU, and the maximum of 2 x 2 pixels.
//
//     pooled(i, j, c) = max over p in window(i, j) of max(0, x(p, c) + bias(c))
//     dx(p, c)        = upstream(i, j, c) where p is the first of its window's largest and x(p, c) + bias(c) > 0,
//     else 0
//
// Windows do not overlap; those at the end of an odd side have one row or column (ceil mode). The full-size
// activation is never written: a code of one byte says which pixel of a window was the largest.
//
// Channels are innermost, as written below, for CUDA, and outermost, [batch, channels, ...], for the CPU, as the
// convolutions of both leave them. The CPU has no FeatureType::kHalf.
#pragma once

#include <cstddef>
#include <cstdint>

#include "common/feature_type.h"
#include "common/fields.h"

namespace photostyle {

constexpr uint8_t kNonePositive = 4;  // the code of a window without a positive value; others: 2 row + column

struct BiasReluPoolParams {
  const void* x = nullptr;       // [batch, height, width, channels], FeatureType
  const void* bias = nullptr;    // [channels], FeatureType
  void* pooled = nullptr;        // [batch, ceil(height / 2), ceil(width / 2), channels], FeatureType
  uint8_t* codes = nullptr;      // shaped like pooled
  std::byte* scratch = nullptr;  // not used
  int64_t batch = 0;
  int64_t height = 0;
  int64_t width = 0;
  int64_t channels = 0;
  FeatureType type = FeatureType::kFloat;
  int threads = 1;  // of the CPU

  PHOTOSTYLE_FIELDS(x, bias, pooled, codes, batch, height, width, channels, type)
};

struct BiasReluPoolBackwardParams {
  const void* upstream = nullptr;  // [batch, ceil(height / 2), ceil(width / 2), channels], FeatureType
  const uint8_t* codes = nullptr;  // shaped like upstream
  void* grad = nullptr;            // [batch, height, width, channels], FeatureType
  std::byte* scratch = nullptr;    // not used
  int64_t batch = 0;
  int64_t height = 0;
  int64_t width = 0;
  int64_t channels = 0;
  FeatureType type = FeatureType::kFloat;
  int threads = 1;  // of the CPU

  PHOTOSTYLE_FIELDS(upstream, codes, grad, batch, height, width, channels, type)
};

}  // namespace photostyle
