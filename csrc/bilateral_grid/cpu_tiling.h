// How the CPU kernels of the bilateral grid cut a call into tasks, and how much scratch a task has.
#pragma once

#include <cstdint>

#include "bilateral_grid/coordinates.h"
#include "bilateral_grid/params.h"

namespace photostyle {
namespace PHOTOSTYLE_ISA {
namespace {

constexpr int64_t kBilateralWide = 16;    // 12 coefficients as 4 groups of 3 and a filler
constexpr int64_t kBilateralChunk = 64;   // pixels of a row that are staged together, and most terms of a float sum
constexpr int64_t kBilateralTasks = 128;  // of the backward pass, if every one then has
constexpr int64_t kBilateralWork = 8192;  // pixels

PHOTOSTYLE_GRID_INLINE int64_t bilateral_row_values(const BilateralShape& p) {
  return p.grid_width * p.depth * kBilateralWide;
}

// Offsets and fractions of the columns.
PHOTOSTYLE_GRID_INLINE int64_t bilateral_column_values(const BilateralShape& p) {
  return 2 * ((p.width + 15) / 16 * 16);
}

// Per thread: one row of the grid; per staged pixel an offset, 4 weights, 16 coefficients or products, 4 results.
PHOTOSTYLE_GRID_INLINE int64_t bilateral_thread_values(const BilateralShape& p) {
  return bilateral_row_values(p) + kBilateralChunk * (1 + 4 + kBilateralWide + 4);
}

// Parts into which the rows around one row of vertices are cut.
PHOTOSTYLE_GRID_INLINE int64_t bilateral_parts(const BilateralShape& p) {
  const int64_t rows = 2 * p.height / grid_cells(p.grid_height), most = rows * p.width / kBilateralWork;
  const int64_t wanted = (kBilateralTasks + p.grid_height - 1) / p.grid_height, limit = most < rows ? most : rows;
  const int64_t parts = wanted < limit ? wanted : limit;
  return parts > 1 ? parts : 1;
}

}  // namespace
}  // namespace PHOTOSTYLE_ISA
}  // namespace photostyle
