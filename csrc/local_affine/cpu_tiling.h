// How the CPU kernels of the locally affine map cut a call into tasks, and the sizes of their scratch.
#pragma once

#include <cstdint>

#include "common/integers.h"
#include "local_affine/params.h"

namespace photostyle {
namespace PHOTOSTYLE_ISA {
namespace {

// Cuts a call into independent tasks, the same for any number of threads: tiles of columns x rows pixels.
struct AffineTiling {
  int64_t columns, rows, across, down, tasks;

  AffineTiling(int64_t batch, int64_t height, int64_t width, int64_t tile_columns, int64_t tile_rows)
      : columns(tile_columns), rows(tile_rows) {
    across = ceil_div(width, columns);
    down = ceil_div(height, rows);
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
    x1 = least(x0 + tiling.columns, width);
    y1 = least(y0 + tiling.rows, height);
  }
};

constexpr int64_t kAffineLanes = 16;  // floats of the widest vector; tiles and scratch are multiples of it

// Fit: a thread has the sums of 21 moments down the columns and along the rows; 64 columns of both fit the L1 cache.
constexpr int64_t kFitColumns = 64, kFitRows = 64, kFitMoments = 21;

inline int64_t fit_row_length(int64_t radius) { return round_up(kFitColumns + 2 * radius, 8); }

inline int64_t fit_values_per_thread(int64_t radius) { return kFitMoments * (fit_row_length(radius) + kFitColumns); }

// Smooth: a thread has one row of guide and coefficients with its margins, the colours of the tile's row, and 13
// sums.
constexpr int64_t kSmoothColumns = 128, kSmoothRows = 32;

inline int64_t smooth_row_length(int64_t radius) { return round_up(kSmoothColumns + 2 * radius, kAffineLanes); }

inline int64_t smooth_values_per_thread(int64_t radius) {
  return (3 + 12) * smooth_row_length(radius) + (3 + 13) * kSmoothColumns;
}

// Upsample: a thread has the guide, coefficients and exponent of every tap of one vector of pixels.
constexpr int64_t kUpsampleColumns = 256, kUpsampleRows = 256;

inline int64_t upsample_values_per_thread(int64_t radius) {
  const int64_t span = 2 * radius + 1;
  return (span * span * (3 + 12 + 1) + span) * kAffineLanes;
}

}  // namespace
}  // namespace PHOTOSTYLE_ISA
}  // namespace photostyle
