// How the CPU kernels of the masked Gram matrices cut a call into tasks.
#pragma once

#include <cstdint>

#include "common/integers.h"
#include "masked_gram/params.h"

namespace photostyle {
namespace PHOTOSTYLE_ISA {
namespace {

// Cuts the forward pass into independent tasks. It depends on the shape only, and so does the order of every sum.
struct GramTiling {
  static constexpr int64_t kStripRows = 128;  // rows of G that one task computes
  static constexpr int64_t kBlock = 192;      // packed pixels: two panels of them fit the L1 cache
  static constexpr int64_t kPad = 32;         // channels are padded to whole panels of any instruction set
  int64_t padded, strips, splits, tasks;

  explicit GramTiling(const MaskedGramParams& p) {
    padded = round_up(p.channels, kPad);
    strips = ceil_div(padded, kStripRows);
    splits = most(least(p.pixels / 4096, 32 / strips), 1);
    tasks = p.batch * p.masks_count * splits * strips;
  }
};

// Cuts the backward pass into independent tasks.
struct GramBackwardTiling {
  static constexpr int64_t kStripRows = 128;  // channels of dF that one task computes
  static constexpr int64_t kRange = 256;      // pixels of one task: packed, they fit the L2 cache
  static constexpr int64_t kPad = 4;          // channels are padded to whole blocks of rows
  int64_t padded, strips, ranges, tasks;

  explicit GramBackwardTiling(const MaskedGramBackwardParams& p) {
    padded = round_up(p.channels, kPad);
    strips = ceil_div(padded, kStripRows);
    ranges = ceil_div(p.pixels, kRange);
    tasks = p.batch * ranges * strips;
  }
};

}  // namespace
}  // namespace PHOTOSTYLE_ISA
}  // namespace photostyle
