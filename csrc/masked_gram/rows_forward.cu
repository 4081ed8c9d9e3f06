// The tiles of sums of masked_gram/forward.cu for features with channels last: gram_rows() takes the place of
// gram_tiles(), with the same shares of work and the same slots for its sums.
//
// Both operands of the product are the features, which bfloat16 and half tensor cores multiply exactly; they sum in
// float. Where all of 16 pixels have a mask of 1 or -1 one product is enough. Other pixels are multiplied in TF32,
// which holds such features exactly: w^2 F is split into two values, high + low, with a relative error of 2^-22. As
// in masked_gram/engines.cuh, sums of tensor cores start from zero in every step.
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
    // Lane 8 i + r reads row r of matrix i: the matrices are (pixels 0-7, channels 0-7), (0-7, 8-15), (8-15, 0-7),
    // and (8-15, 8-15) of a fragment.
    const int lane = static_cast<int>(threadIdx.x) % 32;
    pixel_ = lane / 16 * 8 + lane % 8;
#pragma unroll
    for (int m = 0; m < 2; ++m) {
      const int piece = 2 * m + lane / 8 % 2;
      row_piece_[m] = (first_row_ / kPiece + piece) ^ (lane % 8);
      column_piece_[m] = (first_column_ / kPiece + piece) ^ (lane % 8);
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
  // columns is {b[n / 2][n % 2], b[n / 2][n % 2 + 2]}.
  __device__ __forceinline__ void load(const Rows<F>& rows, const Rows<F>& columns, int at, uint32_t (&a)[2][4],
                                       uint32_t (&b)[2][4]) const {
#pragma unroll
    for (int m = 0; m < 2; ++m) {
      load_matrices_transposed(a[m], &rows[at + pixel_][row_piece_[m]]);
      load_matrices_transposed(b[m], &columns[at + pixel_][column_piece_[m]]);
    }
  }

  static __device__ __forceinline__ void multiply(float (&parts)[2][4][4], const uint32_t (&a)[2][4],
                                                  const uint32_t (&b)[2][4]) {
#pragma unroll
    for (int n = 0; n < 4; ++n) {
      const uint32_t two[2] = {b[n / 2][n % 2], b[n / 2][n % 2 + 2]};
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
        const float2 pixels = values_of<F>(b[n / 2][n % 2 + 2 * s]);
        const float two[2] = {pixels.x, pixels.y};
#pragma unroll
        for (int m = 0; m < 2; ++m) mma_tf32(parts[m][n], low[m], two);
#pragma unroll
        for (int m = 0; m < 2; ++m) mma_tf32(parts[m][n], high[m], two);
      }
    }
  }

  float sums_[2][4][4];
  int first_row_, first_column_, pixel_, row_piece_[2], column_piece_[2];
};

// Fills stages with one step after the other of a worker's share. The list of a step is read one step ahead.
template <typename F>
class Filler {
 public:
  __device__ __forceinline__ Filler(const ForwardPlan& p, int64_t b, int64_t entry, const Share& share, int i, int j)
      : p_(p), entry_(entry), step_(share.step), end_(share.end), is_diagonal_(i == j) {
    const int tid = static_cast<int>(threadIdx.x), channels = static_cast<int>(p.channels);
    piece_ = tid % kPieces;
    const int row = i * kTile + piece_ * kPiece, column = j * kTile + piece_ * kPiece;
    has_row_ = row < channels;
    has_column_ = column < channels;
    features_ = static_cast<const F*>(p.features) + b * p.pixels * channels;
    rows_ = features_ + row;
    columns_ = features_ + column;
    look();
  }

  // Starts the copies of the next step and returns its mask; -1 if there is none.
  __device__ __forceinline__ int fill(typename Shared<F>::Stage& stage) {
    if (step_ >= end_) {
      copy_commit();
      return -1;
    }
    const int mask = cursor_.mask, tid = static_cast<int>(threadIdx.x);
#pragma unroll
    for (int row = tid / kPieces, k = 0; k < kDepth / kRows; ++k, row += kRows) {
      const int64_t pixel = pixel_of(row);
      const bool live = pixel < p_.pixels;
      const int64_t offset = pixel * p_.channels;
      copy_async<16>(&stage.rows[row][piece_ ^ (row % 8)], live && has_row_ ? rows_ + offset : features_,
                     live && has_row_);
      if (!is_diagonal_)
        copy_async<16>(&stage.columns[row][piece_ ^ (row % 8)], live && has_column_ ? columns_ + offset : features_,
                       live && has_column_);
    }
    if (tid < kDepth) {
      const float* weights = static_cast<const float*>(p_.lists.masks) + (entry_ * p_.masks_count + mask) * p_.pixels;
      const int64_t pixel = pixel_of(tid);
      const bool live = pixel < p_.pixels;
      copy_async<4>(&stage.weights[tid], live ? weights + pixel : weights, live);
    }
    copy_commit();
    ++step_;
    look();
    return mask;
  }

 private:
  static constexpr int kRows = kThreads / kPieces;  // that are copied at once

  __device__ __forceinline__ void look() {
    if (step_ >= end_) return;
    cursor_.go(p_.lists, entry_, step_);
    slabs_ = cursor_.slabs(step_);
  }

  // The pixel of a row of the step; one that does not exist for slab -1.
  __device__ __forceinline__ int64_t pixel_of(int row) const {
    const int slab = pick(slabs_, row / kSlab);
    return slab < 0 ? p_.pixels : static_cast<int64_t>(slab) * kSlab + row % kSlab;
  }

  const ForwardPlan& p_;
  int64_t entry_;
  Cursor cursor_;
  int4 slabs_;
  int step_, end_, piece_;
  bool is_diagonal_, has_row_, has_column_;
  const F *features_, *rows_, *columns_;
};

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
    const bool idle = i == j && quarter == 2;
    Quarter<F> engine(quarter);
    Filler<F> filler(p, b, entry, share, i, j);

    int mask = filler.fill(shared.stages[0]), next = filler.fill(shared.stages[1]);
    for (int now = 0;; now = now == kStages - 1 ? 0 : now + 1) {
      copy_wait<1>();
      __syncthreads();
      const int after = filler.fill(shared.stages[now == 0 ? kStages - 1 : now - 1]);
      const auto& stage = shared.stages[now];
      if (!idle) engine.add_outer(stage.rows, i == j ? stage.rows : stage.columns, stage.weights);
      if (next != mask) {
        if (!idle) engine.each(StoreTile<float>{tiles + static_cast<int64_t>(mask) * (kTile * kTile)});
        engine.clear();
      }
      if (next < 0) break;
      mask = next;
      next = after;
    }
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
