// Squared total variation as the released code of Luan et al. 2017 defines it, and its gradient, in one pass over x:
//
//     d_ij = x_i,j+1 - x_ij,  e_ij = x_i+1,j - x_ij      for i < height - 1, j < width - 1
//     energy = 255^2 / 2 sum_ij (d_ij^2 + e_ij^2)
//     gradient_ij = 255^2 (d_i,j-1 + e_i-1,j - d_ij - e_ij)      where a d or e that is not defined counts as zero
//
// Differences and gradient have the type of x; sums of more than a few hundred squares are double. The launchers
// allocate nothing, and results do not depend on the number of threads.
#pragma once

#include <cstddef>
#include <cstdint>

#include "common/fields.h"

namespace photostyle {

struct TotalVariationParams {
  const void* x = nullptr;       // [batch, channels, height, width], float or double
  void* gradient = nullptr;      // likewise
  void* energy = nullptr;        // [batch], type of x
  std::byte* scratch = nullptr;  // total_variation_scratch() bytes, 64-byte aligned
  int64_t batch = 0;
  int64_t channels = 0;
  int64_t height = 0;
  int64_t width = 0;
  bool is_double = false;
  int threads = 1;

  PHOTOSTYLE_FIELDS(x, gradient, energy, batch, channels, height, width, is_double)
};

}  // namespace photostyle
