// CPU side of masked_gram/params.h. Compiled once per instruction set (dispatch/cpu_kernels.h).
//
// Both directions are matrix products in the manner of Goto and van de Geijn (2008): operands are packed into panels
// that the innermost loop reads in order, and that loop keeps a tile of sums in registers. Packing is where the masks
// come in: it takes only the pixels whose mask is not zero and scales them on the way, so the product that
// follows is dense, and its size is the number of those pixels.
#include "common/simd.h"
#include "common/threads.h"
#include "masked_gram/cpu_tiling.h"
#include "masked_gram/params.h"

namespace photostyle {
namespace PHOTOSTYLE_ISA {
namespace {

constexpr int kRows = PHOTOSTYLE_VECTOR_BYTES == 64 ? 8 : 4;  // rows of a register tile

// The pixels of a range whose mask is not zero, up to a block full of them.
template <typename T>
struct Active {
  static constexpr int kMost = 256;
  int count = 0;
  int32_t index[kMost];
  T weight[kMost];
};

// Collects from `mask` starting at pixel p until the block is full or `end` is reached; returns where to go on.
template <typename T>
int64_t collect(const T* mask, int64_t p, int64_t end, int most, Active<T>& active) {
  active.count = 0;
  while (p < end && active.count < most) {
    if (end - p >= 16) {  // long stretches without this mask are the common case
      T any = 0;
      for (int i = 0; i < 16; ++i) any += mask[p + i] != T(0) ? T(1) : T(0);
      if (any == T(0)) {
        p += 16;
        continue;
      }
    }
    const int64_t stop = end - p >= 16 ? p + 16 : end;
    for (; p < stop && active.count < most; ++p) {
      active.index[active.count] = static_cast<int32_t>(p);
      active.weight[active.count] = mask[p];
      active.count += mask[p] != T(0);
    }
  }
  return p;
}

// ---------------------------------------------------------------------------------------------- forward

template <typename T>
constexpr int kPanel = 2 * kLanes<T>;  // channels of a packed panel

// packed[panel][pixel][channel in panel] = weight * feature, zero beyond the last channel.
template <typename F, typename T>
void pack_pixels(const F* features, int64_t channels, int64_t pixels, int64_t padded, const Active<T>& active,
                 T* packed) {
  constexpr int NR = kPanel<T>;
  for (int64_t c0 = 0; c0 < padded; c0 += NR) {
    T* panel = packed + c0 * GramTiling::kBlock;
    const int64_t here = channels - c0 < NR ? (channels - c0 > 0 ? channels - c0 : 0) : NR;
    for (int i = 0; i < active.count; ++i) {
      const F* column = features + c0 * pixels + active.index[i];
      const T w = active.weight[i];
      T* to = panel + i * NR;
      for (int64_t c = 0; c < here; ++c) to[c] = w * static_cast<T>(widen(column[c * pixels]));
      for (int64_t c = here; c < NR; ++c) to[c] = T(0);
    }
  }
}

// g[i][j] += sum_p rows[p][i] * columns[p][j] for kRows x kPanel sums.
template <typename T>
PHOTOSTYLE_INLINE void multiply_tile(const T* rows, const T* columns, int n, T* g, int64_t stride) {
  constexpr int L = kLanes<T>, NR = kPanel<T>;
  Vec<T> sum[kRows][2] = {};
  for (int p = 0; p < n; ++p) {
    const Vec<T> b0 = load(columns + p * NR), b1 = load(columns + p * NR + L);
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i) {
      const T a = rows[p * NR + i];
      sum[i][0] += a * b0;
      sum[i][1] += a * b1;
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i) {
    store(g + i * stride, load(g + i * stride) + sum[i][0]);
    store(g + i * stride + L, load(g + i * stride + L) + sum[i][1]);
  }
}

// Rows [first, last) of the lower triangle of G for one mask and one split of the pixels.
template <typename F, typename T>
void gram_task(const F* features, const T* mask, const MaskedGramParams& p, const GramTiling& tiling, int64_t split,
               int64_t strip, T* g, T* packed) {
  constexpr int NR = kPanel<T>;
  const int64_t first = strip * GramTiling::kStripRows;
  const int64_t last =
      first + GramTiling::kStripRows < tiling.padded ? first + GramTiling::kStripRows : tiling.padded;
  for (int64_t i = first; i < last; ++i)
    for (int64_t j = 0; j < last; ++j) g[i * tiling.padded + j] = T(0);
  int64_t at = p.pixels * split / tiling.splits;
  const int64_t end = p.pixels * (split + 1) / tiling.splits;
  Active<T> active;
  while (at < end) {
    at = collect(mask, at, end, static_cast<int>(GramTiling::kBlock), active);
    if (active.count == 0) continue;
    pack_pixels(features, p.channels, p.pixels, last, active, packed);
    for (int64_t j = 0; j < last; j += NR) {
      const T* columns = packed + j * GramTiling::kBlock;
      for (int64_t i = first > j ? first : j; i < last; i += kRows) {
        const T* rows = packed + i / NR * NR * GramTiling::kBlock + i % NR;
        multiply_tile(rows, columns, active.count, g + i * tiling.padded + j, tiling.padded);
      }
    }
  }
}

template <typename F, typename T>
void gram(const MaskedGramParams& p) {
  const GramTiling tiling(p);
  const int64_t square = tiling.padded * tiling.padded, c = p.channels;
  T* accumulators = reinterpret_cast<T*>(p.scratch);
  T* packs = accumulators + p.batch * p.masks_count * tiling.splits * square;
  const F* features = static_cast<const F*>(p.features);
  const T* masks = static_cast<const T*>(p.masks);
  T* out = static_cast<T*>(p.gram);
#pragma omp parallel num_threads(p.threads)
  {
    T* packed = packs + thread_index() * tiling.padded * GramTiling::kBlock;
    // The last strip has the longest rows: start with it.
#pragma omp for schedule(dynamic, 1)
    for (int64_t task = 0; task < tiling.tasks; ++task) {
      const int64_t strip = tiling.strips - 1 - task / (tiling.tasks / tiling.strips);
      const int64_t slot = task % (tiling.tasks / tiling.strips);  // [batch, mask, split]
      const int64_t split = slot % tiling.splits, bk = slot / tiling.splits;
      const int64_t b = bk / p.masks_count, k = bk % p.masks_count;
      const T* mask = masks + ((p.mask_batch == 1 ? 0 : b) * p.masks_count + k) * p.pixels;
      gram_task(features + b * c * p.pixels, mask, p, tiling, split, strip, accumulators + slot * square, packed);
    }
    // Sum the splits in order, and mirror the lower triangle.
#pragma omp for schedule(static)
    for (int64_t row = 0; row < p.batch * p.masks_count * c; ++row) {
      const int64_t bk = row / c, i = row % c;
      const T* from = accumulators + bk * tiling.splits * square + i * tiling.padded;
      for (int64_t j = 0; j <= i; ++j) {
        T sum = 0;
        for (int64_t s = 0; s < tiling.splits; ++s) sum += from[s * square + j];
        out[(bk * c + i) * c + j] = sum;
        out[(bk * c + j) * c + i] = sum;
      }
    }
  }
}

// --------------------------------------------------------------------------------------------- backward

// Sums in registers: 4 rows of 4 vectors where there are 32 registers, 4 rows of 2 where there are 16.
constexpr int kHeight = 4;
constexpr int kWide = PHOTOSTYLE_VECTOR_BYTES == 64 ? 4 : 2;  // vectors of pixels in a panel

// packed[panel][channel][pixel in panel] = weight^2 * feature, zero beyond the last pixel.
template <typename F, typename T>
void pack_channels(const F* features, int64_t channels, int64_t pixels, int64_t padded, const Active<T>& active,
                   T* packed) {
  constexpr int NR = kWide * kLanes<T>;
  for (int first = 0; first < active.count; first += NR) {
    T* panel = packed + first * padded;
    const int here = active.count - first < NR ? active.count - first : NR;
    const int32_t* index = active.index + first;
    const bool run = index[here - 1] - index[0] == here - 1;
    T square[NR];
    for (int i = 0; i < NR; ++i) square[i] = i < here ? active.weight[first + i] * active.weight[first + i] : T(0);
    for (int64_t c = 0; c < channels; ++c) {
      const F* from = features + c * pixels;
      T* to = panel + c * NR;
      if (run && here == NR) {
        for (int i = 0; i < NR; ++i) to[i] = square[i] * static_cast<T>(widen(from[index[0] + i]));
      } else {
        for (int i = 0; i < here; ++i) to[i] = square[i] * static_cast<T>(widen(from[index[i]]));
        for (int i = here; i < NR; ++i) to[i] = T(0);
      }
    }
  }
}

// tile[i][pixel] = sum_c weights[c][i] * panel[c][pixel] for kHeight rows and N vectors of pixels.
template <int N, typename T>
PHOTOSTYLE_INLINE void multiply_panel(const T* weights, const T* panel, int64_t channels, T* tile) {
  constexpr int L = kLanes<T>, NR = kWide * L;
  Vec<T> sum[kHeight][N] = {};
  for (int64_t c = 0; c < channels; ++c) {
    Vec<T> b[N];
#pragma GCC unroll 4
    for (int v = 0; v < N; ++v) b[v] = load(panel + c * NR + v * L);
#pragma GCC unroll 4
    for (int i = 0; i < kHeight; ++i) {
      const T a = weights[c * kHeight + i];
#pragma GCC unroll 4
      for (int v = 0; v < N; ++v) sum[i][v] += a * b[v];
    }
  }
#pragma GCC unroll 4
  for (int i = 0; i < kHeight; ++i)
#pragma GCC unroll 4
    for (int v = 0; v < N; ++v) store(tile + i * NR + v * L, sum[i][v]);
}

template <typename T>
void multiply_panel(int vectors, const T* weights, const T* panel, int64_t channels, T* tile) {
  if (kWide == 4 && vectors > 2)
    multiply_panel<kWide>(weights, panel, channels, tile);
  else if (vectors == 2)
    multiply_panel<2>(weights, panel, channels, tile);
  else
    multiply_panel<1>(weights, panel, channels, tile);
}

// Adds a tile of sums to the rows of the gradient at the pixels it was computed for.
template <typename F, typename T>
void scatter_tile(const T* tile, int rows, const int32_t* index, int count, int64_t pixels, F* grad) {
  constexpr int NR = kWide * kLanes<T>;
  const bool run = index[count - 1] - index[0] == count - 1;
  for (int i = 0; i < rows; ++i) {
    F* to = grad + i * pixels;
    const T* from = tile + i * NR;
    if (run) {
      for (int j = 0; j < count; ++j) narrow(static_cast<T>(widen(to[index[0] + j])) + from[j], to[index[0] + j]);
    } else {
      for (int j = 0; j < count; ++j) narrow(static_cast<T>(widen(to[index[j]])) + from[j], to[index[j]]);
    }
  }
}

// Rows [first, last) of dF at pixels [begin, end), all masks.
template <typename F, typename T>
void gram_backward_task(const F* features, const T* masks, const T* weights, const MaskedGramBackwardParams& p,
                        const GramBackwardTiling& tiling, int64_t begin, int64_t first, F* grad, T* packed) {
  constexpr int L = kLanes<T>, NR = kWide * L;
  const int64_t end = begin + GramBackwardTiling::kRange < p.pixels ? begin + GramBackwardTiling::kRange : p.pixels;
  const int64_t last =
      first + GramBackwardTiling::kStripRows < p.channels ? first + GramBackwardTiling::kStripRows : p.channels;
  for (int64_t c = first; c < last; ++c)
    for (int64_t i = begin; i < end; ++i) narrow(T(0), grad[c * p.pixels + i]);
  Active<T> active;
  alignas(64) T tile[kHeight * NR];
  for (int64_t k = 0; k < p.masks_count; ++k) {
    collect(masks + k * p.pixels, begin, end, Active<T>::kMost, active);
    if (active.count == 0) continue;
    pack_channels(features, p.channels, p.pixels, tiling.padded, active, packed);
    for (int64_t c = first; c < last; c += kHeight) {
      const T* rows = weights + k * tiling.padded * tiling.padded + c * tiling.padded;
      for (int at = 0; at < active.count; at += NR) {
        const int here = active.count - at < NR ? active.count - at : NR;
        multiply_panel((here + L - 1) / L, rows, packed + at * tiling.padded, p.channels, tile);
        const int live = last - c < kHeight ? static_cast<int>(last - c) : kHeight;
        scatter_tile(tile, live, active.index + at, here, p.pixels, grad + c * p.pixels);
      }
    }
  }
}

template <typename F, typename T>
void gram_backward(const MaskedGramBackwardParams& p) {
  static_assert(GramBackwardTiling::kRange <= Active<T>::kMost, "a range must fit one block of active pixels");
  const GramBackwardTiling tiling(p);
  const int64_t c = p.channels, square = tiling.padded * tiling.padded, blocks = tiling.padded / kHeight;
  T* weights = reinterpret_cast<T*>(p.scratch);
  T* packs = weights + p.batch * p.masks_count * square;
  const T* upstream = static_cast<const T*>(p.upstream);
#pragma omp parallel num_threads(p.threads)
  {
    T* packed = packs + thread_index() * tiling.padded * GramBackwardTiling::kRange;
    // weights[block][channel][row in block] = D + D^T
#pragma omp for schedule(static)
    for (int64_t block = 0; block < p.batch * p.masks_count * blocks; ++block) {
      const int64_t bk = block / blocks, r0 = block % blocks * kHeight;
      const T* d = upstream + bk * c * c;
      T* to = weights + bk * square + r0 * tiling.padded;
      for (int64_t j = 0; j < c; ++j)
        for (int i = 0; i < kHeight; ++i)
          to[j * kHeight + i] = r0 + i < c ? d[(r0 + i) * c + j] + d[j * c + r0 + i] : T(0);
    }
#pragma omp for schedule(dynamic, 1)
    for (int64_t task = 0; task < tiling.tasks; ++task) {
      const int64_t strip = task % tiling.strips, range = task / tiling.strips % tiling.ranges;
      const int64_t b = task / (tiling.strips * tiling.ranges);
      const T* masks = static_cast<const T*>(p.masks) + (p.mask_batch == 1 ? 0 : b) * p.masks_count * p.pixels;
      gram_backward_task(static_cast<const F*>(p.features) + b * c * p.pixels, masks,
                         weights + b * p.masks_count * square, p, tiling, range * GramBackwardTiling::kRange,
                         strip * GramBackwardTiling::kStripRows, static_cast<F*>(p.grad) + b * c * p.pixels, packed);
    }
  }
}

}  // namespace

size_t masked_gram_scratch(const MaskedGramParams& p) {
  const GramTiling t(p);
  const size_t element = p.type == FeatureType::kDouble ? 8 : 4;
  const int64_t accumulators = p.batch * p.masks_count * t.splits * t.padded * t.padded;
  return element * static_cast<size_t>(accumulators + p.threads * t.padded * GramTiling::kBlock);
}

void masked_gram(const MaskedGramParams& p) {
  switch (p.type) {
    case FeatureType::kFloat:
      return gram<float, float>(p);
    case FeatureType::kDouble:
      return gram<double, double>(p);
    case FeatureType::kBFloat16:
      return gram<BFloat16, float>(p);
    case FeatureType::kHalf:
      break;  // ops hands these over as floats
  }
}

size_t masked_gram_backward_scratch(const MaskedGramBackwardParams& p) {
  const GramBackwardTiling t(p);
  const size_t element = p.type == FeatureType::kDouble ? 8 : 4;
  const int64_t weights = p.batch * p.masks_count * t.padded * t.padded;
  return element * static_cast<size_t>(weights + p.threads * t.padded * GramBackwardTiling::kRange);
}

void masked_gram_backward(const MaskedGramBackwardParams& p) {
  switch (p.type) {
    case FeatureType::kFloat:
      return gram_backward<float, float>(p);
    case FeatureType::kDouble:
      return gram_backward<double, double>(p);
    case FeatureType::kBFloat16:
      return gram_backward<BFloat16, float>(p);
    case FeatureType::kHalf:
      break;
  }
}

}  // namespace PHOTOSTYLE_ISA
}  // namespace photostyle
