// The locally affine colour map from a content photo to an output, and what is done with it:
//
//     fit        per pixel, least squares over the (2 radius + 1)^2 patch cut at the border:
//                min_{A,b} sum_p |A I_p + b - O_p|^2 + ridge |A|_F^2        (ridge on the colour part only)
//     smooth     joint bilateral filter of the 12 coefficients, guided by the content:
//                weight exp(-|p - q|^2 / (2 sigma_space^2) - |I_p - I_q|^2 / (2 sigma_color^2))
//     upsample   joint bilateral upsampling (Kopf et al. 2007) of the 12 coefficients, guided by a larger photo,
//                applied to that photo
//
// The first two, applied to the content itself, are the last step of Luan et al.'s released code. Coefficients are
// stored as planes: 3 rows of (A_r, A_g, A_b, b) for the red, green and blue output.
//
// The launchers allocate nothing and know no framework. Results do not depend on the number of threads.
#pragma once

#include <cstddef>
#include <cstdint>

#include "common/fields.h"

namespace photostyle {

struct FitLocalAffineParams {
  const void* content = nullptr;  // [content_batch, 3, height, width], float or double
  const void* output = nullptr;   // [batch, 3, height, width], same type
  void* coefs = nullptr;          // [batch, 12, height, width], same type
  std::byte* scratch = nullptr;   // fit_local_affine_scratch() bytes, 64-byte aligned
  int64_t batch = 0;
  int64_t content_batch = 0;  // batch, or 1: one content for all
  int64_t height = 0;
  int64_t width = 0;
  int radius = 1;
  double ridge = 1e-3;
  bool is_double = false;
  int threads = 1;

  PHOTOSTYLE_FIELDS(content, output, coefs, batch, content_batch, height, width, radius, ridge, is_double)
};

struct SmoothAffineCoefficientsParams {
  const void* coefs = nullptr;   // [batch, 12, height, width], float or double
  const void* guide = nullptr;   // [guide_batch, 3, height, width], same type
  void* out = nullptr;           // [batch, 12, height, width], same type; null: not wanted
  void* applied = nullptr;       // [batch, 3, height, width], same type: the smoothed map applied to guide; or null
  std::byte* scratch = nullptr;  // smooth_affine_coefficients_scratch() bytes, 64-byte aligned
  int64_t batch = 0;
  int64_t guide_batch = 0;  // batch, or 1: one guide for all
  int64_t height = 0;
  int64_t width = 0;
  int radius = 15;
  double sigma_space = 5.0;  // pixels
  double sigma_color = 0.01;
  bool is_double = false;
  int threads = 1;

  PHOTOSTYLE_FIELDS(coefs, guide, out, applied, batch, guide_batch, height, width, radius, sigma_space, sigma_color,
                    is_double)
};

// Pixel P of the photo lies at q = (P + 1/2) low / full - 1/2 among the low-resolution pixels; the window is centred
// at the nearest of them, floor(q + 1/2). Weights are relative to the largest one of the window, so the colour of a
// photo may be far from all of them.
struct UpsampleLocalAffineParams {
  const float* coefs = nullptr;  // [12, low_height, low_width]
  const float* guide = nullptr;  // [3, low_height, low_width]: the photo at the coefficients' size
  const float* photo = nullptr;  // [3, height, width]
  float* out = nullptr;          // [3, height, width]
  std::byte* scratch = nullptr;  // upsample_local_affine_scratch() bytes, 64-byte aligned
  int64_t low_height = 0;
  int64_t low_width = 0;
  int64_t height = 0;
  int64_t width = 0;
  int radius = 2;            // low-resolution pixels
  double sigma_space = 0.7;  // low-resolution pixels
  double sigma_color = 0.15;
  int threads = 1;

  PHOTOSTYLE_FIELDS(coefs, guide, photo, out, low_height, low_width, height, width, radius, sigma_space, sigma_color)
};

}  // namespace photostyle
