// How the CPU kernels of the locally affine map cut a call into tasks, and how much scratch a task has.
#pragma once

#include <cstdint>

#include "local_affine/params.h"

namespace photostyle {
namespace PHOTOSTYLE_ISA {
namespace {

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

// Smooth: one row of a tile of guide and coefficients with its margins, the tile's own colours, and 13 sums.
constexpr int64_t kSmoothColumns = 128, kSmoothRows = 32;

inline int64_t smooth_row_length(int64_t radius) {
  return (kSmoothColumns + 2 * radius + kAffineLanes - 1) / kAffineLanes * kAffineLanes;
}

inline int64_t smooth_values_per_thread(int64_t radius) {
  return (3 + 12) * smooth_row_length(radius) + (3 + 13) * kSmoothColumns;
}

// Upsample: guide, coefficients and exponent of every tap, for one vector of pixels.
constexpr int64_t kUpsampleColumns = 256, kUpsampleRows = 256;

inline int64_t upsample_values_per_thread(int64_t radius) {
  const int64_t span = 2 * radius + 1;
  return (span * span * (3 + 12 + 1) + span) * kAffineLanes;
}

}  // namespace
}  // namespace PHOTOSTYLE_ISA
}  // namespace photostyle
