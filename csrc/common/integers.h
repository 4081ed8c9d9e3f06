// Arithmetic of sizes and indices, for the CPU kernels, the launchers and the CUDA kernels.
#pragma once

#include <cstdint>

#include "common/inline.h"

namespace photostyle {

PHOTOSTYLE_INLINE constexpr int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
PHOTOSTYLE_INLINE constexpr int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }

// a / b, rounded up, for a >= 0 and b > 0. The type is that of the quotient: 32 bits stay 32 bits on a GPU.
template <typename A, typename B>
PHOTOSTYLE_INLINE constexpr auto ceil_div(A a, B b) {
  return (a + b - 1) / b;
}

// The smallest multiple of b that is not less than a.
template <typename A, typename B>
PHOTOSTYLE_INLINE constexpr auto round_up(A a, B b) {
  return ceil_div(a, b) * b;
}

}  // namespace photostyle
