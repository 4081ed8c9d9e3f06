// half storage and its two conversions, done by the compiler's own type.
#pragma once

#include "cuda_runtime.h"

struct __half {
  unsigned short bits;
};

inline float __half2float(__half value) {
  _Float16 half;
  std::memcpy(&half, &value.bits, 2);
  return static_cast<float>(half);
}

inline __half __float2half_rn(float value) {
  const _Float16 half = static_cast<_Float16>(value);
  __half result;
  std::memcpy(&result.bits, &half, 2);
  return result;
}
inline __half __float2half(float value) { return __float2half_rn(value); }
