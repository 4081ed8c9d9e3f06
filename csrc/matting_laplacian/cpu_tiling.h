// How the CPU kernel of the Matting Laplacian cuts a call into tasks, and the sizes of its scratch.
#pragma once

#include <cstdint>

#include "common/integers.h"
#include "matting_laplacian/params.h"

namespace photostyle {
namespace PHOTOSTYLE_ISA {
namespace {

// Cuts a call into independent tasks, the same for any number of threads.
struct MattingTiling {
  static constexpr int64_t kColumns = 128;  // columns of outputs of a tile: its buffers stay in the L2 cache
  static constexpr int64_t kRows = 64;      // rows of outputs of a tile: 2 radius more are computed again per tile
  static constexpr int kGroup = 3;          // channels that share one factorisation
  int64_t columns, rows, across, down, groups, tasks;

  explicit MattingTiling(const MattingLaplacianParams& p) {
    const int64_t reach = 8 * static_cast<int64_t>(p.radius);  // keeps the share of what is computed again bounded
    columns = most(reach, kColumns);
    rows = most(reach, kRows);
    across = ceil_div(p.width, columns);
    down = ceil_div(p.height, rows);
    groups = ceil_div(p.channels, kGroup);
    tasks = p.batch * groups * down * across;
  }

  // Row lengths of the buffers of one tile, with room for a whole vector beyond the last column.
  int64_t wide(int64_t r) const { return padded(columns + 4 * r); }
  int64_t mid(int64_t r) const { return padded(columns + 2 * r); }

  // Doubles in the scratch of one thread: pixel rows, moments, a ring of coefficient rows and their sum, two rows of
  // counts and one of results; and a flag for each pixel row and each row of the ring. A multiple of 8, so that the
  // vectors of every thread are aligned.
  int64_t doubles_per_thread(int64_t r) const {
    const int64_t moments = 9 + 4 * kGroup, coefs = 4 * kGroup;
    return ((2 * r + 2) * (3 + kGroup) + moments) * wide(r) + (coefs * (2 * r + 2) + 3) * mid(r) +
           round_up(4 * r + 3, 8);
  }

  // n, with at least 8 more, as a multiple of 8.
  static constexpr int64_t padded(int64_t n) { return round_up(n, 8) + 8; }
};

}  // namespace
}  // namespace PHOTOSTYLE_ISA
}  // namespace photostyle
