// The tiles of sums of masked_gram/forward.cu for features with channels last: gram_rows() takes the place of
// gram_tiles(), with the same shares of work and the same slots for its sums.
//
// Both operands of the product are the features, which bfloat16 and half tensor cores multiply exactly; they sum in
// float. Where all of 16 pixels have a mask of 1 or -1 one product is enough. Other pixels are multiplied in TF32,
// which holds such features exactly: w^2 F is split into two values, high + low, with a relative error of 2^-22. As
// in masked_gram/engines.cuh, sums of tensor cores start from zero in every step.
#include <cstddef>

#include "masked_gram/forward_plan.cuh"
#include "masked_gram/rows.cuh"

namespace photostyle {
namespace cuda {
namespace gram {
namespace {

constexpr int kPieces = kTile / kPiece;  // of a row of a tile
constexpr int kStages = 3;               // two are being filled while one is used
constexpr int kBlocks = 3;               // blocks of a multiprocessor

// 64 channels of the 32 pixels of a step.
template <typename F>
using Rows = F[kDepth][kPieces][kPiece];

template <typename F>
struct Shared {
  struct Stage {
    Rows<F> rows, columns;
    float weights[kDepth];
  } stages[kStages];
};

// Adds to the tile of sums what one step contributes. Each of the four warps has a quarter of the tile.
template <typename F>
class Quarter {
 public:
  __device__ __forceinline__ explicit Quarter(int quarter) {
    first_row_ = quarter / 2 * 32;
    first_column_ = quarter % 2 * 32;
    clear(sums_);
    // Lane 8 i + r reads row r of matrix i. Those of the rows are (pixels 0-7, channels 0-7), (0-7, 8-15), (8-15,
    // 0-7), (8-15, 8-15) of a fragment; those of the columns are both halves of one fragment and of the next.
    const int lane = static_cast<int>(threadIdx.x) % 32, r = lane % 8;
    row_pixel_ = lane / 16 * 8 + r;
    column_pixel_ = lane / 8 % 2 * 8 + r;
#pragma unroll
    for (int m = 0; m < 2; ++m) {
      row_piece_[m] = (first_row_ / kPiece + 2 * m + lane / 8 % 2) ^ r;
      column_piece_[m] = (first_column_ / kPiece + 2 * m + lane / 16) ^ r;
    }
  }

  __device__ __forceinline__ void clear() { clear(sums_); }

  // sums[i][j] += sum_p weights[p]^2 rows[p][i] columns[p][j]
  __device__ __forceinline__ void add_outer(const Rows<F>& rows, const Rows<F>& columns,
                                            const float (&weights)[kDepth]) {
    const float weight = weights[threadIdx.x % 32];
    const unsigned other = __ballot_sync(0xffffffffu, weight * weight != 1.0f);  // pixels that need a factor
    float parts[2][4][4];
    clear(parts);
    if (other == 0u) {
#pragma unroll
      for (int at = 0; at < kDepth; at += 16) {
        uint32_t a[2][4], b[2][4];
        load(rows, columns, at, a, b);
        multiply(parts, a, b);
      }
    } else {
#pragma unroll 1
      for (int at = 0; at < kDepth; at += 16) {
        uint32_t a[2][4], b[2][4];
        load(rows, columns, at, a, b);
        if ((other >> at & 0xffffu) == 0u)
          multiply(parts, a, b);
        else
          multiply_weighted(parts, a, b, &weights[at]);
      }
    }
#pragma unroll
    for (int m = 0; m < 2; ++m)
#pragma unroll
      for (int n = 0; n < 4; ++n)
#pragma unroll
        for (int i = 0; i < 4; ++i) sums_[m][n][i] += parts[m][n][i];
  }

  // Calls put(row, column, sum there, sum in the next column) for every pair of sums of this thread.
  template <typename Put>
  __device__ __forceinline__ void each(Put put) const {
    const int lane = static_cast<int>(threadIdx.x) % 32, g = lane / 4, t = lane % 4;
#pragma unroll
    for (int m = 0; m < 2; ++m)
#pragma unroll
      for (int h = 0; h < 2; ++h)
#pragma unroll
        for (int n = 0; n < 4; ++n)
          put(first_row_ + 16 * m + 8 * h + g, first_column_ + 8 * n + 2 * t, sums_[m][n][2 * h],
              sums_[m][n][2 * h + 1]);
  }

 private:
  static __device__ __forceinline__ void clear(float (&d)[2][4][4]) {
#pragma unroll
    for (int m = 0; m < 2; ++m)
#pragma unroll
      for (int n = 0; n < 4; ++n)
#pragma unroll
        for (int i = 0; i < 4; ++i) d[m][n][i] = 0.0f;
  }

  // The fragments of 16 pixels. a[m] has channels 16 m ... of the rows. The fragment with channels 8 n ... of the
  // columns is {b[n / 2][n % 2 * 2], b[n / 2][n % 2 * 2 + 1]}.
  __device__ __forceinline__ void load(const Rows<F>& rows, const Rows<F>& columns, int at, uint32_t (&a)[2][4],
                                       uint32_t (&b)[2][4]) const {
#pragma unroll
    for (int m = 0; m < 2; ++m) {
      load_matrices_transposed(a[m], &rows[at + row_pixel_][row_piece_[m]]);
      load_matrices_transposed(b[m], &columns[at + column_pixel_][column_piece_[m]]);
    }
  }

  static __device__ __forceinline__ void multiply(float (&parts)[2][4][4], const uint32_t (&a)[2][4],
                                                  const uint32_t (&b)[2][4]) {
#pragma unroll
    for (int n = 0; n < 4; ++n) {
      const uint32_t two[2] = {b[n / 2][n % 2 * 2], b[n / 2][n % 2 * 2 + 1]};
#pragma unroll
      for (int m = 0; m < 2; ++m) multiply_add(F(), parts[m][n], a[m], two, parts[m][n]);
    }
  }

  // The same with weights. A register of a fragment has two pixels, 2t and 2t + 1, where the TF32 instruction means
  // pixels t and t + 4. Both operands do so; it only permutes the sum's terms. The small products are added first.
  // The difference of a NaN and its TF32 value, which can be zero, is a NaN.
  static __device__ __forceinline__ void multiply_weighted(float (&parts)[2][4][4], const uint32_t (&a)[2][4],
                                                           const uint32_t (&b)[2][4], const float* weights) {
    const int t = static_cast<int>(threadIdx.x) % 4;
#pragma unroll
    for (int s = 0; s < 2; ++s) {  // slabs of 8 pixels
      const float wx = weights[kSlab * s + 2 * t], wy = weights[kSlab * s + 2 * t + 1];
      float high[2][4], low[2][4];
#pragma unroll
      for (int m = 0; m < 2; ++m)
#pragma unroll
        for (int h = 0; h < 2; ++h) {
          const float2 pixels = values_of<F>(a[m][2 * s + h]);
          const float x = pixels.x * (wx * wx), y = pixels.y * (wy * wy);
          high[m][h] = to_tf32(x);
          high[m][h + 2] = to_tf32(y);
          low[m][h] = x - high[m][h];
          low[m][h + 2] = y - high[m][h + 2];
        }
#pragma unroll
      for (int n = 0; n < 4; ++n) {
        const float2 pixels = values_of<F>(b[n / 2][n % 2 * 2 + s]);
        const float two[2] = {pixels.x, pixels.y};
#pragma unroll
        for (int m = 0; m < 2; ++m) mma_tf32(parts[m][n], low[m], two);
#pragma unroll
        for (int m = 0; m < 2; ++m) mma_tf32(parts[m][n], high[m], two);
      }
    }
  }

  float sums_[2][4][4];
  int first_row_, first_column_, row_pixel_, column_pixel_, row_piece_[2], column_piece_[2];
};

// Fills stages with one step after the other of a worker's share. The list of a step is read one step ahead. Products
// of pixels and of sizes have factors of 32 bits and 64 bits of their own, which is one instruction.
template <typename F>
class Filler {
 public:
  __device__ __forceinline__ Filler(const ForwardPlan& p, int64_t b, int64_t entry, const Share& share, int i, int j)
      : p_(p), entry_(entry), step_(share.step), end_(share.end) {
    const int tid = static_cast<int>(threadIdx.x), channels = static_cast<int>(p.channels);
    row_ = tid / kPieces;
    piece_ = tid % kPieces;
    const int row = i * kTile + piece_ * kPiece, column = j * kTile + piece_ * kPiece;
    has_row_ = row < channels;
    has_column_ = column < channels;
    // What does not exist is not read, but its address must be valid.
    const F* features = static_cast<const F*>(p.features) + b * p.pixels * channels;
    rows_ = reinterpret_cast<const std::byte*>(features + (has_row_ ? row : 0));
    columns_ = reinterpret_cast<const std::byte*>(features + (has_column_ ? column : 0));
    row_bytes_ = static_cast<uint32_t>(channels) * sizeof(F);
    masks_ = static_cast<const float*>(p.lists.masks) + entry * p.masks_count * p.pixels;
    look();
  }

  // Starts the copies of the next step and returns its mask; -1 if there is none. The columns are those of the rows,
  // and not copied, if kDiagonal.
  template <bool kDiagonal>
  __device__ __forceinline__ int fill(typename Shared<F>::Stage& stage) {
    int mask = -1;
    if (step_ < end_) {
      mask = cursor_.mask;
      copy<kDiagonal>(stage, mask);
      ++step_;
      look();
    }
    copy_commit();
    return mask;
  }

 private:
  static constexpr int kRows = kThreads / kPieces;  // that are copied at once

  __device__ __forceinline__ void look() {
    if (step_ >= end_) return;
    cursor_.go(p_.lists, entry_, step_);
    slabs_ = cursor_.slabs(step_);
  }

  // The pixel of a row of the step. For slab -1 it is larger than that of any picture.
  __device__ __forceinline__ uint32_t pixel_of(int row) const {
    return static_cast<uint32_t>(pick(slabs_, row / kSlab)) * kSlab + static_cast<uint32_t>(row % kSlab);
  }

  template <bool kDiagonal>
  __device__ __forceinline__ void copy(typename Shared<F>::Stage& stage, int mask) const {
    const uint32_t pixels = static_cast<uint32_t>(p_.pixels);
#pragma unroll
    for (int k = 0; k < kDepth / kRows; ++k) {
      const int row = row_ + k * kRows;
      const uint32_t pixel = pixel_of(row);
      const bool live = pixel < pixels;
      const uint64_t offset = static_cast<uint64_t>(live ? pixel : 0) * row_bytes_;
      copy_async<16>(&stage.rows[row][piece_ ^ (row_ % 8)], rows_ + offset, live && has_row_);
      if constexpr (!kDiagonal)
        copy_async<16>(&stage.columns[row][piece_ ^ (row_ % 8)], columns_ + offset, live && has_column_);
    }
    const int tid = static_cast<int>(threadIdx.x);
    if (tid < kDepth) {
      const uint32_t pixel = pixel_of(tid);
      const bool live = pixel < pixels;
      const float* weights = masks_ + static_cast<uint64_t>(static_cast<uint32_t>(mask)) * pixels;
      copy_async<4>(&stage.weights[tid], weights + (live ? pixel : 0), live);
    }
  }

  const ForwardPlan& p_;
  int64_t entry_;
  Cursor cursor_;
  int4 slabs_;
  int step_, end_, row_, piece_;
  bool has_row_, has_column_;
  uint32_t row_bytes_;
  const std::byte *rows_, *columns_;
  const float* masks_;
};

// Takes all steps of a worker, and stores the sums of each mask at the end of its steps.
template <typename F, bool kDiagonal>
__device__ __forceinline__ void add_steps(Shared<F>& shared, Filler<F>& filler, int quarter, float* tiles) {
  const bool idle = kDiagonal && quarter == 2;  // as in gram_tiles()
  Quarter<F> engine(quarter);
  int mask = filler.template fill<kDiagonal>(shared.stages[0]);
  int next = filler.template fill<kDiagonal>(shared.stages[1]);
  for (int now = 0;; now = now == kStages - 1 ? 0 : now + 1) {
    copy_wait<1>();
    __syncthreads();
    const int after = filler.template fill<kDiagonal>(shared.stages[now == 0 ? kStages - 1 : now - 1]);
    const auto& stage = shared.stages[now];
    if (!idle) engine.add_outer(stage.rows, kDiagonal ? stage.rows : stage.columns, stage.weights);
    if (next != mask) {
      if (!idle) engine.each(StoreTile<float>{tiles + static_cast<int64_t>(mask) * (kTile * kTile)});
      engine.clear();
    }
    if (next < 0) break;
    mask = next;
    next = after;
  }
}

// As gram_tiles().
template <typename F>
__global__ void __launch_bounds__(kThreads, kBlocks) gram_rows_kernel(const ForwardPlan p) {
  if constexpr (kReadsRows) {
    Shared<F>& shared = shared_memory<Shared<F>>();
    const int64_t block = blockIdx.x, b = block / (p.workers * p.pairs), entry = p.mask_batch == 1 ? 0 : b;
    const int worker = static_cast<int>(block / p.pairs % p.workers), pair = static_cast<int>(block % p.pairs);
    const Share share(p, entry, worker);
    if (share.step == share.end) return;
    int i, j;
    tiles_of_pair(pair, &i, &j);
    float* tiles = static_cast<float*>(p.tiles) + ((b * p.pairs + pair) * p.slots + worker) * (kTile * kTile);
    const int quarter = static_cast<int>((threadIdx.x / 32 + blockIdx.x + blockIdx.x / 4) % 4);
    Filler<F> filler(p, b, entry, share, i, j);
    if (i == j)
      add_steps<F, true>(shared, filler, quarter, tiles);
    else
      add_steps<F, false>(shared, filler, quarter, tiles);
  } else {
    __trap();
  }
}

}  // namespace

cudaError_t gram_rows(const ForwardPlan& plan, FeatureType type, cudaStream_t stream) {
  const int64_t blocks = plan.batch * plan.workers * plan.pairs;
  return with_row_type(type, [&](auto feature) {
    using F = decltype(feature);
    return launch<Shared<F>>(gram_rows_kernel<F>, dim3(static_cast<unsigned>(blocks)), dim3(kThreads), stream, plan);
  });
}

}  // namespace gram
}  // namespace cuda
}  // namespace photostyle
