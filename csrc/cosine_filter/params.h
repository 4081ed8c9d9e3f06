// The middle of cosine_filter, CUDA only: cosine coefficients multiplied by a gain, between two Fourier transforms.
//
// Makhoul's way to the cosine transform (DCT-II) takes the Fourier transform V of the picture whose rows and columns
// have been put into the order 0, 2, 4, ..., 5, 3, 1. With w(k, n) = exp(-i pi k / (2 n)) and
//
//     A = w(k, H) w(l, W) V(k, l),  B = conj(w(k, H)) w(l, W) V(-k, l),  P = A + B,  M = A - B
//
// Re P, Im P, Im M and Re M are, up to sign and a common factor, the coefficients (k, l), (k, W - l), (H - k, l) and
// (H - k, W - l). So the kernel multiplies each by its gain and goes the same way back, in place.
//
// Source: Makhoul, A fast cosine transform in one and two dimensions (1980).
#pragma once

#include <cstddef>
#include <cstdint>

#include "common/fields.h"

namespace photostyle {

struct CosineFilterParams {
  void* spectrum = nullptr;      // [batch, height, width / 2 + 1] complex float or double, changed in place
  const void* gain = nullptr;    // [height, width], float or double
  std::byte* scratch = nullptr;  // not used
  int64_t batch = 0;
  int64_t height = 0;
  int64_t width = 0;
  bool is_double = false;

  PHOTOSTYLE_FIELDS(spectrum, gain, batch, height, width, is_double)
};

}  // namespace photostyle
