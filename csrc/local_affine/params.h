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

namespace photostyle {

struct LocalAffineFitParams {
  const void* content = nullptr;  // [content_batch, 3, height, width], float or double
  const void* output = nullptr;   // [batch, 3, height, width], same type
  void* coefs = nullptr;          // [batch, 12, height, width], same type
  std::byte* scratch = nullptr;   // local_affine_fit_scratch() bytes, 64-byte aligned
  int64_t batch = 0;
  int64_t content_batch = 0;  // batch, or 1: one content for all
  int64_t height = 0;
  int64_t width = 0;
  int radius = 1;
  double ridge = 1e-3;
  bool is_double = false;
  int threads = 1;
};

struct LocalAffineSmoothParams {
  const void* coefs = nullptr;   // [batch, 12, height, width], float or double
  const void* guide = nullptr;   // [guide_batch, 3, height, width], same type
  void* out = nullptr;           // [batch, 12, height, width], same type; null: not wanted
  void* applied = nullptr;       // [batch, 3, height, width], same type: the smoothed map applied to guide; or null
  std::byte* scratch = nullptr;  // local_affine_smooth_scratch() bytes, 64-byte aligned
  int64_t batch = 0;
  int64_t guide_batch = 0;  // batch, or 1: one guide for all
  int64_t height = 0;
  int64_t width = 0;
  int radius = 15;
  double sigma_space = 5.0;  // pixels
  double sigma_color = 0.01;
  bool is_double = false;
  int threads = 1;
};

// Pixel P of the photo lies at q = (P + 1/2) low / full - 1/2 among the low-resolution pixels; the window is centred
// at the nearest of them, floor(q + 1/2). Weights are relative to the largest one of the window, so the colour of a
// photo may be far from all of them.
struct LocalAffineUpsampleParams {
  const float* coefs = nullptr;  // [12, low_height, low_width]
  const float* guide = nullptr;  // [3, low_height, low_width]: the photo at the coefficients' size
  const float* photo = nullptr;  // [3, height, width]
  float* out = nullptr;          // [3, height, width]
  std::byte* scratch = nullptr;  // local_affine_upsample_scratch() bytes, 64-byte aligned
  int64_t low_height = 0;
  int64_t low_width = 0;
  int64_t height = 0;
  int64_t width = 0;
  int radius = 2;            // low-resolution pixels
  double sigma_space = 0.7;  // low-resolution pixels
  double sigma_color = 0.15;
  int threads = 1;
};

// How a call is cut into independent tasks, the same for every thread count: tiles of columns x rows pixels.
struct AffineTiling {
  int64_t columns, rows, across, down, tasks;

  AffineTiling(int64_t batch, int64_t height, int64_t width, int64_t tile_columns, int64_t tile_rows)
      : columns(tile_columns), rows(tile_rows) {
    across = (width + columns - 1) / columns;
    down = (height + rows - 1) / rows;
    tasks = batch * across * down;
  }
};

// The pixels [x0, x1) x [y0, y1) of one task, and the images they belong to.
struct AffineTile {
  int64_t height, width, plane, batch, x0, x1, y0, y1;

  AffineTile(const AffineTiling& tiling, int64_t task, int64_t image_height, int64_t image_width)
      : height(image_height), width(image_width), plane(height * width) {
    batch = task / (tiling.across * tiling.down);
    x0 = task % tiling.across * tiling.columns;
    y0 = task / tiling.across % tiling.down * tiling.rows;
    x1 = x0 + tiling.columns < width ? x0 + tiling.columns : width;
    y1 = y0 + tiling.rows < height ? y0 + tiling.rows : height;
  }
};

constexpr int64_t kAffineLanes = 16;  // floats of the widest vector: tiles and scratch are multiples of it

// Fit: sums down the columns and then along the rows of 21 moments; 64 columns of both fit the L1 cache.
constexpr int64_t kFitColumns = 64, kFitRows = 64, kFitMoments = 21;

inline int64_t fit_row_length(int64_t radius) { return (kFitColumns + 2 * radius + 7) / 8 * 8; }

inline int64_t fit_values_per_thread(int64_t radius) { return kFitMoments * (fit_row_length(radius) + kFitColumns); }

inline size_t local_affine_fit_scratch(const LocalAffineFitParams& p) {
  return sizeof(double) * static_cast<size_t>(p.threads * fit_values_per_thread(p.radius));
}

// Smooth: one row of a tile of guide and coefficients with its margins, the tile's own colours, and 13 sums.
constexpr int64_t kSmoothColumns = 128, kSmoothRows = 32;

inline int64_t smooth_row_length(int64_t radius) {
  return (kSmoothColumns + 2 * radius + kAffineLanes - 1) / kAffineLanes * kAffineLanes;
}

inline int64_t smooth_values_per_thread(int64_t radius) {
  return (3 + 12) * smooth_row_length(radius) + (3 + 13) * kSmoothColumns;
}

inline size_t local_affine_smooth_scratch(const LocalAffineSmoothParams& p) {
  const size_t element = p.is_double ? sizeof(double) : sizeof(float);
  return element * static_cast<size_t>(p.threads * smooth_values_per_thread(p.radius));
}

// Upsample: guide, coefficients and exponent of every tap, for one vector of pixels.
constexpr int64_t kUpsampleColumns = 256, kUpsampleRows = 256;

inline int64_t upsample_values_per_thread(int64_t radius) {
  const int64_t span = 2 * radius + 1;
  return (span * span * (3 + 12 + 1) + span) * kAffineLanes;
}

inline size_t local_affine_upsample_scratch(const LocalAffineUpsampleParams& p) {
  return sizeof(float) * static_cast<size_t>(p.threads * upsample_values_per_thread(p.radius));
}

}  // namespace photostyle
