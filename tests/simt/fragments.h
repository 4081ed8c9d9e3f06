// csrc/cuda_fragments.h for the CPU: the same functions, with the meaning that the PTX manual gives them.
#pragma once

#include "cuda_runtime.h"

namespace photostyle {
namespace cuda {

inline float to_tf32(float value) { return __uint_as_float((__float_as_uint(value) + 0x1000u) & 0xffffe000u); }

inline void mma_tf32(float (&d)[4], const float (&a)[4], const float (&b)[2]) {
  if (simt::capability() < 80) simt::raise_fault("mma_tf32 below compute capability 8.0");
  float mine[6];
  for (int i = 0; i < 4; ++i) mine[i] = __uint_as_float(__float_as_uint(a[i]) & 0xffffe000u);
  for (int i = 0; i < 2; ++i) mine[4 + i] = __uint_as_float(__float_as_uint(b[i]) & 0xffffe000u);
  const std::byte* slots = simt::exchange(0xffffffffu, mine, sizeof(mine));
  const auto element = [slots](int lane, int i) {
    float value;
    std::memcpy(&value, slots + lane * simt::kSlot + i * sizeof(float), sizeof(float));
    return value;
  };
  const int g = simt::lane() / 4, t = simt::lane() % 4;
  for (int i = 0; i < 4; ++i) {
    const int row = g + 8 * (i / 2), column = 2 * t + i % 2;
    double sum = 0.0;
    for (int k = 0; k < 8; ++k) {
      const double left = element(row % 8 * 4 + k % 4, row / 8 + 2 * (k / 4));
      sum += left * element(column * 4 + k % 4, 4 + k / 4);
    }
    d[i] = static_cast<float>(d[i] + sum);
  }
}

template <int Bytes>
void copy_async(void* shared, const void* global, bool live) {
  static_assert(Bytes == 4 || Bytes == 8 || Bytes == 16, "cp.async copies 4, 8 or 16 bytes");
  simt::copy_async(shared, global, Bytes, live);
}
inline void copy_commit() { simt::copy_commit(); }
template <int N>
void copy_wait() {
  simt::copy_wait(N);
}

}  // namespace cuda
}  // namespace photostyle
