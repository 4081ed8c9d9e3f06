// How the CPU kernels of the bilateral grid cut a call into tasks, and the sizes of their scratch.
#pragma once

#include <cstdint>

#include "bilateral_grid/coordinates.h"
#include "bilateral_grid/params.h"
#include "common/integers.h"

namespace photostyle {
namespace PHOTOSTYLE_ISA {
namespace {

constexpr int64_t kBilateralWide = 16;    // 12 coefficients as 4 groups of 3 and a filler
constexpr int64_t kBilateralChunk = 64;   // pixels of a row that are staged together, and most terms of a float sum
constexpr int64_t kBilateralTasks = 128;  // tasks wanted for the backward pass ...
constexpr int64_t kBilateralWork = 8192;  // ... each with at least this many pixels

PHOTOSTYLE_INLINE int64_t bilateral_row_values(const BilateralShape& p) {
  return p.grid_width * p.depth * kBilateralWide;
}

// Values that hold the offsets and fractions of all columns.
PHOTOSTYLE_INLINE int64_t bilateral_column_values(const BilateralShape& p) { return 2 * round_up(p.width, 16); }

// Values of a thread: one row of the grid and, per staged pixel, an offset, 4 weights, 16 coefficients or products,
// and 4 results.
PHOTOSTYLE_INLINE int64_t bilateral_thread_values(const BilateralShape& p) {
  return bilateral_row_values(p) + kBilateralChunk * (1 + 4 + kBilateralWide + 4);
}

// The number of parts into which the pixel rows around one row of vertices are cut.
PHOTOSTYLE_INLINE int64_t bilateral_parts(const BilateralShape& p) {
  const int64_t rows = 2 * p.height / grid_cells(p.grid_height), limit = least(rows * p.width / kBilateralWork, rows);
  return most(least(ceil_div(kBilateralTasks, p.grid_height), limit), 1);
}

}  // namespace
}  // namespace PHOTOSTYLE_ISA
}  // namespace photostyle
