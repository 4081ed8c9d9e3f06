// 2^x of a vector, for the weights of bilateral filters (common/gaussian.h).
#pragma once

#include <cstdint>

#include "common/simd.h"

namespace photostyle {
namespace PHOTOSTYLE_ISA {

template <typename T>
struct Exp2;
template <>
struct Exp2<float> {
  typedef uint32_t Bits __attribute__((vector_size(PHOTOSTYLE_VECTOR_BYTES)));
  static constexpr int mantissa = 23, degree = 6;
  static constexpr float round = 12582912.0f;  // 1.5 * 2^23: adding it leaves the nearest integer in the low bits
  static constexpr float lowest = -126.0f;
};
template <>
struct Exp2<double> {
  typedef uint64_t Bits __attribute__((vector_size(PHOTOSTYLE_VECTOR_BYTES)));
  static constexpr int mantissa = 52, degree = 12;
  static constexpr double round = 6755399441055744.0;  // 1.5 * 2^52
  static constexpr double lowest = -1022.0;
};

template <typename T>
struct Exp2Series {
  T c[Exp2<T>::degree + 1] = {};
  constexpr Exp2Series() {
    double term = 1.0;  // (ln 2)^i / i!
    for (int i = 0; i <= Exp2<T>::degree; ++i) {
      c[i] = static_cast<T>(term);
      term *= 0.693147180559945309417 / (i + 1);
    }
  }
};

// 2^x for x <= 0, and exactly 0 where 2^x is not a normal number or x is NaN. x is split into an integer, which goes
// to the exponent bits, and a rest of at most 1/2. The Taylor series of the rest ends where its error is below 1.3e-7
// (float) or 2e-16 (double) of the value. 2^0 is exactly 1.
template <typename T>
PHOTOSTYLE_INLINE Vec<T> exp2(Vec<T> x) {
  using Bits = typename Exp2<T>::Bits;
  constexpr Exp2Series<T> series;
  constexpr int degree = Exp2<T>::degree;
  const Vec<T> shifted = x + Exp2<T>::round;
  const Vec<T> rest = x - (shifted - Exp2<T>::round);
  Vec<T> power = rest * series.c[degree] + series.c[degree - 1];
#pragma GCC unroll 12
  for (int i = degree - 2; i >= 0; --i) power = power * rest + series.c[i];
  const Bits scaled = (Bits)power + ((Bits)shifted << Exp2<T>::mantissa);
  return (Vec<T>)(scaled & (Bits)(x >= Exp2<T>::lowest));
}

}  // namespace PHOTOSTYLE_ISA
}  // namespace photostyle
