// Matrix-free product with the Matting Laplacian (Levin, Lischinski, Weiss 2008; the matrix-free form after He, Sun,
// Tang 2010), and the guided filter (He, Sun, Tang 2010), which is the same computation with another last line.
//
// Both fit x ~ a_w . I + b_w in every (2 radius + 1)^2 window w (common/window_fit.h) and gather over the windows that
// contain pixel p:
//
//     matting Laplacian   out_p = sum_w (x_p - a_w . I_p - b_w)      windows wholly inside the image, ridge = eps
//     guided filter       out_p = mean_w (a_w . I_p + b_w)           windows cut at the border,       ridge = n eps
//
// The launcher allocates nothing and knows no framework. Results do not depend on the number of threads.
#pragma once

#include <cstddef>
#include <cstdint>

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
};

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

inline size_t matting_laplacian_scratch(const MattingLaplacianParams& p) {
  const MattingTiling tiling(p);
  return sizeof(double) * static_cast<size_t>(p.threads * tiling.doubles_per_thread(p.radius) + tiling.tasks);
}

}  // namespace photostyle
