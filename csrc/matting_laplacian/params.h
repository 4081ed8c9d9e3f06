// Matrix-free product with the Matting Laplacian (Levin, Lischinski, Weiss 2008; the matrix-free form after He, Sun,
// Tang 2010), and the guided filter (He, Sun, Tang 2010), which is the same computation with another last line.
//
// Both fit x ~ a_w . I + b_w in every (2 radius + 1)^2 window w (common/window_fit.h) and gather over the windows
// that contain pixel p:
//
//     matting Laplacian   out_p = sum_w (x_p - a_w . I_p - b_w)      windows wholly inside the image, ridge = eps
//     guided filter       out_p = mean_w (a_w . I_p + b_w)           windows cut at the border,       ridge = n eps
//
// The launcher allocates nothing and knows no framework. Results do not depend on the number of threads.
#pragma once

#include <cstddef>
#include <cstdint>

#include "common/fields.h"

namespace photostyle {

enum class WindowFilter : int { kMattingLaplacian = 0, kGuidedFilter = 1 };

struct MattingLaplacianParams {
  const void* image = nullptr;   // [image_batch, 3, height, width], the guide I: the type of x, or uint8_t (CUDA)
  const void* x = nullptr;       // [batch, channels, height, width], same type
  void* out = nullptr;           // [batch, channels, height, width], same type; null: energy only
  double* energy = nullptr;      // [batch]: sum of x * out; null: not wanted
  std::byte* scratch = nullptr;  // matting_laplacian_scratch() bytes, 64-byte aligned
  int64_t batch = 0;
  int64_t image_batch = 0;  // batch, or 1: one guide for all
  int64_t channels = 0;
  int64_t height = 0;
  int64_t width = 0;
  int radius = 1;
  double eps = 1e-7;
  WindowFilter filter = WindowFilter::kMattingLaplacian;
  bool is_double = false;
  bool image_is_uint8 = false;  // I = value / 255
  int threads = 1;

  PHOTOSTYLE_FIELDS(image, x, out, energy, batch, image_batch, channels, height, width, radius, eps, filter,
                    is_double, image_is_uint8)
};

}  // namespace photostyle
