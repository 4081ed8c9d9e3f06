// The backward pass of masked_gram/params.h for features with channels last: dF(p,:) = sum_k m_k(p)^2 F(p,:) S_k.
//
//   1. add_transposed: computes S and splits it into two bfloat16 values, high + low, with a relative error of 2^-17.
//   2. apply_rows: a block computes 64 channels of dF at 128 pixels, for all masks that are not zero everywhere
//   there.
//
// The result is rounded to two bytes, so this error, and those of tensor cores, which sum the products of all
// channels here, are far below that of the result. bfloat16 features are multiplied as they are. Half features are
// split into two bfloat16 values, which hold them exactly: S would not fit the range of half.
#include <type_traits>

#include "masked_gram/rows.cuh"
#include "masked_gram/rows_backward.h"
#include "masked_gram/symmetric.cuh"

namespace photostyle {
namespace cuda {
namespace {

using namespace gram;

using Brain = __nv_bfloat16;
constexpr int kPixels = 128;              // of a block
constexpr int kRowThreads = 256;          // of a block: four warps along the pixels, two along the channels
constexpr int kPieces = kDepth / kPiece;  // of the channels of a step
constexpr int kGroup = 64;                // masks that a block examines at once
constexpr int kTilePieces = kTile / kPiece;

struct Plan {
  const void* features;
  const float* masks;
  void* grad;
  Brain* matrices;  // [batch, masks, high and low, padded, padded]
  int64_t batch, mask_batch, masks_count, channels, pixels;
  int64_t padded, pixel_tiles;
  size_t bytes;

  explicit Plan(const MaskedGramBackwardParams& p) {
    features = p.features;
    masks = static_cast<const float*>(p.masks);
    grad = p.grad;
    matrices = reinterpret_cast<Brain*>(p.scratch);
    batch = p.batch;
    mask_batch = p.mask_batch;
    masks_count = p.masks_count;
    channels = p.channels;
    pixels = p.pixels;
    padded = round_up(channels, kTile);
    pixel_tiles = ceil_div(pixels, kPixels);
    bytes = static_cast<size_t>(batch * masks_count * padded * padded) * 2 * sizeof(Brain);
    bytes = round_up(bytes, kScratchAlign);
  }
};

struct WriteSplit {
  static __device__ __forceinline__ void write(void* to, int64_t k, int64_t size, int64_t at, float value) {
    Brain* high = static_cast<Brain*>(to) + 2 * k * size + at;
    narrow(value, *high);
    narrow(value - widen(*high), high[size]);
  }
};

// There are two stages, so that one is filled while the other is used.
template <typename F>
struct Shared {
  struct Stage {
    F features[kPixels][kPieces][kPiece];
    Panel<Brain> high, low;  // of S, for the block's 64 channels: S is symmetric
  };
  union {
    Stage stages[2];
    F result[kPixels][kTilePieces][kPiece];
  };
  float weights[2][kPixels];  // of the mask in use and of the next
  unsigned live[kGroup];      // bit f: mask g of the group is not zero in fragment f of the pixels
  int active[kGroup];         // the masks of the group that have such a fragment
  int count;                  // how many they are
};

// Lists the masks of a group that are not zero at all of the block's pixels, of which `pixels` exist. `masks`: the
// group's first mask at the block's first pixel. All threads of the block take part; it ends with a barrier.
template <typename F>
__device__ __forceinline__ void sort_out(const Plan& p, Shared<F>& shared, const float* masks, int group,
                                         int pixels) {
  const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
#pragma unroll 1
  for (int k = warp; k < group; k += kRowThreads / 32) {
    unsigned live = 0;
#pragma unroll
    for (int part = 0; part < kPixels / 32; ++part) {
      const int pixel = 32 * part + lane;
      const float value = pixel < pixels ? masks[k * p.pixels + pixel] : 0.0f;
      const unsigned set = __ballot_sync(0xffffffffu, value != 0.0f);
      live |= ((set & 0xffffu) != 0u ? 1u : 0u) << (2 * part) | (set >> 16 != 0u ? 2u : 0u) << (2 * part);
    }
    if (lane == 0) shared.live[k] = live;
  }
  __syncthreads();
  if (warp == 0) {
    int count = 0;
    for (int base = 0; base < group; base += 32) {
      const bool live = base + lane < group && shared.live[base + lane] != 0u;
      const unsigned set = __ballot_sync(0xffffffffu, live);
      if (live) shared.active[count + __popc(set & ((1u << lane) - 1u))] = base + lane;
      count += __popc(set);
    }
    if (lane == 0) shared.count = count;
  }
  __syncthreads();
}

// The sums of a warp: 32 pixels and 32 channels.
template <typename F>
class Sums {
  static constexpr bool kIsBrain = std::is_same<F, Brain>::value;

 public:
  static constexpr int kBlocks = kIsBrain ? 2 : 1;  // of a multiprocessor; to split half values takes more registers

  __device__ __forceinline__ explicit Sums(int warp) {
    const int lane = static_cast<int>(threadIdx.x) % 32;
    first_pixel_ = warp / 2 * 32;
    first_channel_ = warp % 2 * 32;
    // Lane 8 i + r reads row r of matrix i. Those of the features are (pixels 0-7, channels 0-7), (8-15, 0-7), (0-7,
    // 8-15), (8-15, 8-15) of a fragment; those of S are both halves of one fragment and of the next.
    row_ = first_pixel_ + lane / 8 % 2 * 8 + lane % 8;
    piece_ = lane / 16;
    matrix_row_ = first_channel_ + lane / 16 * 8 + lane % 8;
    matrix_piece_ = lane / 8 % 2;
    swizzle_ = swizzled<F>(lane % 8, 0);  // rows 8 apart have the same order of pieces
    clear(sums_);
    clear(parts_);
  }

  // parts[p][j] += sum_c features[p][c] S[c][j] for the channels of a step. Bit m of `live`: fragment m of the pixels
  // is needed. Warps without any do not call it.
  __device__ __forceinline__ void add_product(const typename Shared<F>::Stage& stage, unsigned live) {
#pragma unroll 1
    for (int at = 0; at < kDepth / 16; ++at) {
      uint32_t big[2][4], small[2][4];
#pragma unroll
      for (int m = 0; m < 2; ++m) {
        load_matrices(big[m], &stage.features[row_ + 16 * m][(2 * at + piece_) ^ swizzle_]);
        if constexpr (!kIsBrain) split(big[m], small[m]);
      }
#pragma unroll
      for (int pair = 0; pair < 2; ++pair) {
        const int row = matrix_row_ + 16 * pair, piece = (2 * at + matrix_piece_) ^ swizzle_;
        uint32_t high[4], low[4];
        load_matrices(high, &stage.high[row][piece]);
        load_matrices(low, &stage.low[row][piece]);
#pragma unroll
        for (int m = 0; m < 2; ++m)
          if (live >> m & 1u) multiply(m, pair, big[m], small[m], high, low);
      }
    }
  }

  // sums[p][j] += weights[p]^2 parts[p][j], and the parts begin anew.
  __device__ __forceinline__ void add_weighted(const float (&weights)[kPixels], unsigned live) {
    const int g = static_cast<int>(threadIdx.x) % 32 / 4;
#pragma unroll
    for (int m = 0; m < 2; ++m) {
      if (!(live >> m & 1u)) continue;
#pragma unroll
      for (int h = 0; h < 2; ++h) {
        const float w = weights[first_pixel_ + 16 * m + 8 * h + g], square = w * w;
#pragma unroll
        for (int n = 0; n < 4; ++n)
#pragma unroll
          for (int i = 2 * h; i < 2 * h + 2; ++i) sums_[m][n][i] = fmaf(square, parts_[m][n][i], sums_[m][n][i]);
      }
    }
    clear(parts_);
  }

  // Writes the sums to the block's result, rounded, and from there to dF, whose row of the block's first pixel and
  // channel is `to`; `pixels` and `pieces` of the block's exist. A warp reads what it has written itself.
  __device__ __forceinline__ void write(Shared<F>& shared, F* to, int channels, int pixels, int pieces) const {
    const int lane = static_cast<int>(threadIdx.x) % 32, g = lane / 4, t = lane % 4;
#pragma unroll
    for (int m = 0; m < 2; ++m)
#pragma unroll
      for (int h = 0; h < 2; ++h)
#pragma unroll
        for (int n = 0; n < 4; ++n) {
          const int row = first_pixel_ + 16 * m + 8 * h + g, piece = (first_channel_ / kPiece + n) ^ g;
          *reinterpret_cast<uint32_t*>(&shared.result[row][piece][2 * t]) =
              bits_of<F>(sums_[m][n][2 * h], sums_[m][n][2 * h + 1]);
        }
    __syncwarp();
    // Eight lanes that read together have rows 4 apart, which lie in different banks.
    const int piece = first_channel_ / kPiece + t, r = lane / 4 % 2 * 4 + lane / 8;
#pragma unroll
    for (int at = 0; at < 32; at += 8) {
      const int row = first_pixel_ + at + r;
      if (row < pixels && piece < pieces)
        *reinterpret_cast<uint4*>(to + row * channels + piece * kPiece) =
            *reinterpret_cast<const uint4*>(&shared.result[row][piece ^ (row % 8)]);
    }
  }

  __device__ __forceinline__ int first_pixel() const { return first_pixel_; }

 private:
  static __device__ __forceinline__ void clear(float (&d)[2][4][4]) {
#pragma unroll
    for (int m = 0; m < 2; ++m)
#pragma unroll
      for (int n = 0; n < 4; ++n)
#pragma unroll
        for (int i = 0; i < 4; ++i) d[m][n][i] = 0.0f;
  }

  // Replaces half values by bfloat16 values and what these lack.
  static __device__ __forceinline__ void split(uint32_t (&big)[4], uint32_t (&small)[4]) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const float2 value = values_of<F>(big[i]);
      big[i] = bits_of<Brain>(value.x, value.y);
      const float2 rounded = values_of<Brain>(big[i]);
      small[i] = bits_of<Brain>(value.x - rounded.x, value.y - rounded.y);
    }
  }

  // The two fragments of channels 16 pair ... of S are {x[0], x[1]} and {x[2], x[3]}. The small products come first.
  __device__ __forceinline__ void multiply(int m, int pair, const uint32_t (&big)[4], const uint32_t (&small)[4],
                                           const uint32_t (&high)[4], const uint32_t (&low)[4]) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      float (&d)[4] = parts_[m][2 * pair + half];
      const uint32_t high_half[2] = {high[2 * half], high[2 * half + 1]};
      const uint32_t low_half[2] = {low[2 * half], low[2 * half + 1]};
      mma_bfloat16(d, big, low_half, d);
      if constexpr (!kIsBrain) mma_bfloat16(d, small, high_half, d);
      mma_bfloat16(d, big, high_half, d);
    }
  }

  float sums_[2][4][4], parts_[2][4][4];
  int first_pixel_, first_channel_, row_, piece_, matrix_row_, matrix_piece_, swizzle_;
};

// What a block copies in every step, and where from.
template <typename F>
struct Source {
  const F* features;      // of the block's first pixel
  const float* masks;     // likewise, of the first mask
  const Brain* matrices;  // the first of the block's rows of the first mask's S
  int pixels;             // of the block that exist

  // Starts the copies of a step: 32 channels from `column` on of the features, of the rows of a mask's S, and, with
  // the last channels, the mask.
  __device__ __forceinline__ void fill(const Plan& p, typename Shared<F>::Stage& stage, float (&weights)[kPixels],
                                       int64_t mask, int column) const {
    const int tid = static_cast<int>(threadIdx.x), at = tid % kPieces, first = tid / kPieces;
    const int channels = static_cast<int>(p.channels), channel = column + at * kPiece;
    const bool live = channel < channels;
#pragma unroll
    for (int row = first, k = 0; k < kPixels / (kRowThreads / kPieces); ++k, row += kRowThreads / kPieces) {
      const bool here = live && row < pixels;
      copy_async<16>(&stage.features[row][swizzled<F>(row, at)],
                     here ? features + (row * channels + channel) : features, here);
    }
    static_assert(kRowThreads / kPieces == kTile, "a thread copies one piece of each panel");
    const int64_t size = p.padded * p.padded;
    const Brain* high = matrices + mask * 2 * size + (first * static_cast<int>(p.padded) + channel);
    copy_async<16>(&stage.high[first][swizzled<Brain>(first, at)], high, true);
    copy_async<16>(&stage.low[first][swizzled<Brain>(first, at)], high + size, true);
    if (column + kDepth >= p.channels && tid < kPixels) {
      const float* weight = masks + mask * p.pixels;
      copy_async<4>(&weights[tid], tid < pixels ? weight + tid : weight, tid < pixels);
    }
    copy_commit();
  }
};

// Computes dF for 64 channels and 128 pixels. Grid: batch x tiles of pixels x tiles of channels, channels fastest, so
// that blocks that run together read the same pixels.
template <typename F>
__global__ void __launch_bounds__(kRowThreads, Sums<F>::kBlocks) apply_rows(const Plan p) {
  if constexpr (kReadsRows) {
    Shared<F>& shared = shared_memory<Shared<F>>();
    const int64_t block = blockIdx.x, tiles = p.padded / kTile, b = block / (p.pixel_tiles * tiles);
    const int channel = static_cast<int>(block % tiles) * kTile, channels = static_cast<int>(p.channels);
    const int64_t first = block / tiles % p.pixel_tiles * kPixels;
    const Source<F> source{static_cast<const F*>(p.features) + (b * p.pixels + first) * channels,
                           p.masks + (p.mask_batch == 1 ? 0 : b) * p.masks_count * p.pixels + first,
                           p.matrices + (b * p.masks_count * 2 * p.padded + channel) * p.padded,
                           static_cast<int>(min(p.pixels - first, int64_t{kPixels}))};
    const int masks_count = static_cast<int>(p.masks_count);
    Sums<F> sums(static_cast<int>(threadIdx.x) / 32);

    for (int group = 0; group < masks_count; group += kGroup) {
      sort_out<F>(p, shared, source.masks + group * p.pixels, min(masks_count - group, kGroup), source.pixels);
      const int count = shared.count;
      int next = 0, column = 0;  // the step to fill next: its index in `active` and its first channel
      const auto fill_next = [&](int stage) {
        source.fill(p, shared.stages[stage], shared.weights[next % 2], group + shared.active[next], column);
        column += kDepth;
        if (column >= channels) {
          column = 0;
          ++next;
        }
      };
      if (count > 0) fill_next(0);
      for (int now = 0, used = 0, done = 0; used < count; now = 1 - now) {
        copy_wait<0>();
        __syncthreads();
        if (next < count) fill_next(1 - now);
        // The same for all lanes, which the compiler cannot see in a value from shared memory.
        const unsigned live =
            __shfl_sync(0xffffffffu, shared.live[shared.active[used]] >> (sums.first_pixel() / 16) & 3u, 0);
        if (live != 0u) sums.add_product(shared.stages[now], live);
        done += kDepth;
        if (done < channels) continue;
        if (live != 0u) sums.add_weighted(shared.weights[used % 2], live);
        done = 0;
        ++used;
      }
      __syncthreads();  // the next group changes the lists, and the result takes the place of the stages
    }
    sums.write(shared, static_cast<F*>(p.grad) + (b * p.pixels + first) * channels + channel, channels, source.pixels,
               (channels - channel) / kPiece);
  } else {
    __trap();
  }
}

}  // namespace

size_t rows_backward_scratch(const MaskedGramBackwardParams& p) { return Plan(p).bytes; }

cudaError_t rows_backward(const MaskedGramBackwardParams& p, cudaStream_t stream) {
  const Plan plan(p);
  const int64_t blocks = plan.batch * plan.pixel_tiles * (plan.padded / kTile);
  if (blocks == 0) return cudaSuccess;
  if (blocks > kMostBlocks) return cudaErrorInvalidConfiguration;
  return with_row_type(p.type, [&](auto feature) {
    using F = decltype(feature);
    const cudaError_t error =
        add_transposed<float, WriteSplit>(p.upstream, p.batch * p.masks_count, p.channels, plan.matrices, stream);
    if (error != cudaSuccess) return error;
    return launch<Shared<F>>(apply_rows<F>, dim3(static_cast<unsigned>(blocks)), dim3(kRowThreads), stream, plan);
  });
}

}  // namespace cuda
}  // namespace photostyle
