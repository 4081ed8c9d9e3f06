// Vectors of the instruction set for which the file is compiled, by the vector extension that GCC and Clang share.
// CMake sets PHOTOSTYLE_VECTOR_BYTES to 16, 32 or 64.
#pragma once

#include <cstdint>
#include <cstring>

#include "common/inline.h"

namespace photostyle {
namespace PHOTOSTYLE_ISA {

template <typename T>
struct Simd;
template <>
struct Simd<float> {
  typedef float type __attribute__((vector_size(PHOTOSTYLE_VECTOR_BYTES)));
};
template <>
struct Simd<double> {
  typedef double type __attribute__((vector_size(PHOTOSTYLE_VECTOR_BYTES)));
};

template <typename T>
using Vec = typename Simd<T>::type;
template <typename T>
constexpr int kLanes = PHOTOSTYLE_VECTOR_BYTES / static_cast<int>(sizeof(T));

template <typename T>
PHOTOSTYLE_INLINE Vec<T> load(const T* p) {
  Vec<T> v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
template <typename T>
PHOTOSTYLE_INLINE void store(T* p, Vec<T> v) {
  std::memcpy(p, &v, sizeof v);
}

// bfloat16 is the upper half of a float.
struct BFloat16 {
  uint16_t bits;
};

PHOTOSTYLE_INLINE float widen(float v) { return v; }
PHOTOSTYLE_INLINE double widen(double v) { return v; }
PHOTOSTYLE_INLINE float widen(BFloat16 v) {
  const uint32_t bits = static_cast<uint32_t>(v.bits) << 16;
  float f;
  std::memcpy(&f, &bits, sizeof f);
  return f;
}

PHOTOSTYLE_INLINE void narrow(float v, float& out) { out = v; }
PHOTOSTYLE_INLINE void narrow(double v, double& out) { out = v; }
PHOTOSTYLE_INLINE void narrow(float v, BFloat16& out) {  // round to nearest even; NaN stays NaN
  uint32_t bits;
  std::memcpy(&bits, &v, sizeof bits);
  const uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  out.bits = static_cast<uint16_t>(v != v ? 0x7fc0u : rounded);
}

}  // namespace PHOTOSTYLE_ISA
}  // namespace photostyle
