// How the CPU kernel of the Matting Laplacian cuts a call into tasks, and how much scratch a task has.
#pragma once

#include <cstdint>

#include "matting_laplacian/params.h"

namespace photostyle {
namespace PHOTOSTYLE_ISA {
namespace {

// How one call is cut into independent tasks; the same for every thread count.
struct MattingTiling {
  static constexpr int64_t kColumns = 128;  // outputs of a tile in x: its buffers stay in the L2 cache
  static constexpr int64_t kRows = 64;      // and in y: 2 radius rows are recomputed per tile
  static constexpr int kGroup = 3;          // channels that share one factorisation
  int64_t columns, rows, across, down, groups, tasks;

  explicit MattingTiling(const MattingLaplacianParams& p) {
    const int64_t reach = 8 * static_cast<int64_t>(p.radius);  // keeps the recomputed rim in proportion
    columns = reach > kColumns ? reach : kColumns;
    rows = reach > kRows ? reach : kRows;
    across = (p.width + columns - 1) / columns;
    down = (p.height + rows - 1) / rows;
    groups = (p.channels + kGroup - 1) / kGroup;
    tasks = p.batch * groups * down * across;
  }

  // Row lengths of the buffers of one tile, with room for a whole vector beyond the last column.
  int64_t wide(int64_t r) const { return padded(columns + 4 * r); }
  int64_t mid(int64_t r) const { return padded(columns + 2 * r); }

  // Doubles of scratch of one thread: pixel rows, moments, a ring of coefficient rows and their sum, two rows of
  // counts and one of results.
  int64_t doubles_per_thread(int64_t r) const {
    const int64_t moments = 9 + 4 * kGroup, coefs = 4 * kGroup;
    return ((2 * r + 2) * (3 + kGroup) + moments) * wide(r) + (coefs * (2 * r + 2) + 3) * mid(r);
  }

  static constexpr int64_t padded(int64_t n) { return (n + 7) / 8 * 8 + 8; }
};

}  // namespace
}  // namespace PHOTOSTYLE_ISA
}  // namespace photostyle
