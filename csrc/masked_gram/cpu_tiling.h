// How the CPU kernels of the masked Gram matrices cut a call into tasks, and how much scratch a task has.
#pragma once

#include <cstdint>

#include "masked_gram/params.h"

namespace photostyle {
namespace PHOTOSTYLE_ISA {
namespace {

// How the forward pass is cut into independent tasks; a function of the shape alone, so that the result is too.
struct GramTiling {
  static constexpr int64_t kStripRows = 128;  // rows of G that one task computes
  static constexpr int64_t kBlock = 192;      // packed pixels: two panels of them fit the L1 cache
  static constexpr int64_t kPad = 32;         // channels are padded to whole panels of any instruction set
  int64_t padded, strips, splits, tasks;

  explicit GramTiling(const MaskedGramParams& p) {
    padded = (p.channels + kPad - 1) / kPad * kPad;
    strips = (padded + kStripRows - 1) / kStripRows;
    const int64_t most = strips < 32 ? 32 / strips : 1;
    splits = p.pixels / 4096;
    splits = splits < 1 ? 1 : (splits > most ? most : splits);
    tasks = p.batch * p.masks_count * splits * strips;
  }
};

struct GramBackwardTiling {
  static constexpr int64_t kStripRows = 128;  // channels of dF that one task computes
  static constexpr int64_t kRange = 256;      // pixels of one task: packed, they fit the L2 cache
  static constexpr int64_t kPad = 4;          // channels are padded to whole blocks of rows
  int64_t padded, strips, ranges, tasks;

  explicit GramBackwardTiling(const MaskedGramBackwardParams& p) {
    padded = (p.channels + kPad - 1) / kPad * kPad;
    strips = (padded + kStripRows - 1) / kStripRows;
    ranges = (p.pixels + kRange - 1) / kRange;
    tasks = p.batch * ranges * strips;
  }
};

}  // namespace
}  // namespace PHOTOSTYLE_ISA
}  // namespace photostyle
