// CUDA side of masked_gram/params.h, backward: dF(:,p) = sum_k m_k(p)^2 S_k F(:,p) with S_k = D_k + D_k^T.
//
//   1. add_transposed: computes S, padded with zeros to whole tiles of channels.
//   2. apply_tiles: a block computes 64 channels of dF at 64 pixels, for all masks that are not zero everywhere
//   there.
//
// For channels last rows_backward.cu does the same.
#include "masked_gram/engines.cuh"
#include "masked_gram/params.h"
#include "masked_gram/rows_backward.h"
#include "masked_gram/symmetric.cuh"

namespace photostyle {
namespace cuda {
namespace {

using namespace gram;

constexpr int kGroup = 64;  // masks that a block examines at once

struct Plan {
  const void* features;
  const void* masks;
  const void* upstream;
  void* grad;
  void* matrices;  // S: [batch, masks, padded, padded], type of the masks
  int64_t batch, mask_batch, masks_count, channels, pixels;
  int64_t padded, pixel_tiles;
  int copy_bytes;
  bool paired;  // two neighbouring elements of dF can be written at once
  size_t bytes;

  explicit Plan(const MaskedGramBackwardParams& p) {
    features = p.features;
    masks = p.masks;
    upstream = p.upstream;
    grad = p.grad;
    matrices = p.scratch;
    batch = p.batch;
    mask_batch = p.mask_batch;
    masks_count = p.masks_count;
    channels = p.channels;
    pixels = p.pixels;
    padded = round_up(channels, kTile);
    pixel_tiles = ceil_div(pixels, kTile);
    const size_t element = element_bytes(p.type);
    copy_bytes = gram::copy_bytes(features, pixels, element);
    paired = pixels % 2 == 0 && reinterpret_cast<uintptr_t>(grad) % (2 * element) == 0;
    bytes = static_cast<size_t>(batch * masks_count * padded * padded) * (element == 8 ? 8 : 4);
    bytes = round_up(bytes, kScratchAlign);
  }
};

// There are two stages, so that one is filled while the other is used; for double only one fits. The rows of features
// are 16 bytes longer than their values, so that the values that a warp reads together lie in different banks.
template <typename F>
struct TileShared {
  static constexpr int kStages = sizeof(F) == 8 ? 1 : 2;
  static constexpr int kStride = kTile + 16 / static_cast<int>(sizeof(F));
  using Sum = typename SumOf<F>::Type;
  struct Stage {
    Panel<Sum> matrix;
    F features[kDepth][kStride];
    Sum weights[kTile];
  } stages[kStages];
  unsigned slabs[kGroup];  // bit s: mask g of the group is not zero in slab s of the pixels
  int active[kGroup];      // the masks of the group that have such a slab
  int count;               // how many they are
};

// Lists the masks of a group that are not zero at all of the block's pixels, which start at `first`. All threads of
// the block take part; it ends with a barrier.
template <typename F>
__device__ __forceinline__ void sort_out(const Plan& p, TileShared<F>& shared, const typename SumOf<F>::Type* masks,
                                         int group, int64_t first) {
  using Sum = typename SumOf<F>::Type;
  const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
#pragma unroll 2
  for (int k = warp; k < group; k += kThreads / 32) {
    unsigned slabs = 0;
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int64_t pixel = first + 32 * half + lane;
      const Sum value = pixel < p.pixels ? masks[k * p.pixels + pixel] : Sum(0);
      const unsigned set = __ballot_sync(0xffffffffu, value != Sum(0));
#pragma unroll
      for (int s = 0; s < 4; ++s) slabs |= ((set >> (8 * s)) & 255u) != 0u ? 1u << (4 * half + s) : 0u;
    }
    if (lane == 0) shared.slabs[k] = slabs;
  }
  __syncthreads();
  if (warp == 0) {
    int count = 0;
    for (int base = 0; base < group; base += 32) {
      const bool live = base + lane < group && shared.slabs[base + lane] != 0u;
      const unsigned set = __ballot_sync(0xffffffffu, live);
      if (live) shared.active[count + __popc(set & ((1u << lane) - 1u))] = base + lane;
      count += __popc(set);
    }
    if (lane == 0) shared.count = count;
  }
  __syncthreads();
}

// Fills a stage's features[c][p] for 32 channels, of which `channels` exist, and 64 pixels, of which `pixels` exist.
template <int kBytes, typename F, int kStride>
__device__ __forceinline__ void copy_features(F (&to)[kDepth][kStride], const F* from, int64_t row_length,
                                              int channels, int pixels) {
  constexpr int kPiece = kBytes / sizeof(F), kPieces = kTile / kPiece;
  const int tid = static_cast<int>(threadIdx.x), at = tid % kPieces * kPiece;
#pragma unroll 4
  for (int c = tid / kPieces; c < kDepth; c += kThreads / kPieces) {
    const bool live = c < channels && at < pixels;
    copy_piece<kBytes>(&to[c][at], live ? from + c * row_length + at : from, live);
  }
}

// Copies what one step needs: 32 columns of a mask's S for the block's 64 rows, the features of the channels of those
// columns, and the mask.
template <typename F>
__device__ __forceinline__ void fill(const Plan& p, typename TileShared<F>::Stage& stage, const F* features,
                                     const typename SumOf<F>::Type* rows, const typename SumOf<F>::Type* mask,
                                     int64_t first, int column) {
  using Sum = typename SumOf<F>::Type;
  const int slab = column / kSlab;
  copy_panel<16>(stage.matrix, rows, kTile, make_int4(slab, slab + 1, slab + 2, slab + 3), p.padded);
  const int64_t left = p.pixels - first;
  const int pixels = left < kTile ? static_cast<int>(left) : kTile;
  with_bytes<F>(p.copy_bytes, [&](auto bytes) {
    copy_features<decltype(bytes)::kValue>(stage.features, features + column * p.pixels + first, p.pixels,
                                           static_cast<int>(p.channels) - column, pixels);
  });
  const int tid = static_cast<int>(threadIdx.x);
  if (tid < kTile)
    copy_async<sizeof(Sum)>(&stage.weights[tid], tid < pixels ? mask + first + tid : mask, tid < pixels);
  copy_commit();
}

// Rounds sums to the features' type and writes them: pairs from MmaEngine, single sums from FmaEngine.
template <typename F>
struct StoreGradient {
  using Sum = typename SumOf<F>::Type;
  F* to;  // the tile's first element
  int64_t row_length;
  int rows, columns;  // of the tile that exist
  bool paired;

  __device__ __forceinline__ void operator()(int row, int column, Sum x) const {
    if (row < rows && column < columns) narrow(x, to[row * row_length + column]);
  }
  __device__ __forceinline__ void operator()(int row, int column, Sum x, Sum y) const {
    if (paired) {
      Pair<F> both;
      narrow(x, both.x);
      narrow(y, both.y);
      if (row < rows && column < columns) store(to + row * row_length + column, both);
    } else {
      (*this)(row, column, x);
      (*this)(row, column + 1, y);
    }
  }
};

// Computes dF for 64 channels and 64 pixels. Grid: batch x tiles of pixels x tiles of channels, channels fastest, so
// that blocks that run together read the same pixels.
template <typename Engine>
__global__ void __launch_bounds__(kThreads, Engine::kBlocks) apply_tiles(const Plan p) {
  if constexpr (Engine::kCompiled) {
    using F = typename Engine::Feature;
    using Sum = typename Engine::Sum;
    using Shared = TileShared<F>;
    Shared& shared = shared_memory<Shared>();
    const int64_t block = blockIdx.x, tiles = p.padded / kTile, b = block / (p.pixel_tiles * tiles);
    const int row = static_cast<int>(block % tiles) * kTile;
    const int64_t first = block / tiles % p.pixel_tiles * kTile;
    const int channels = static_cast<int>(p.channels);
    const F* features = static_cast<const F*>(p.features) + b * channels * p.pixels;
    const Sum* masks = static_cast<const Sum*>(p.masks) + (p.mask_batch == 1 ? 0 : b) * p.masks_count * p.pixels;
    const Sum* rows = static_cast<const Sum*>(p.matrices) + (b * p.masks_count * p.padded + row) * p.padded;
    const int masks_count = static_cast<int>(p.masks_count);
    Engine engine(static_cast<int>(threadIdx.x) / 32);

    for (int group = 0; group < masks_count; group += kGroup) {
      sort_out<F>(p, shared, masks + group * p.pixels, min(masks_count - group, kGroup), first);
      const int count = shared.count;
      int next = 0, column = 0;  // the step to fill next: its index in `active` and its first column of S
      const auto fill_next = [&](int stage) {
        const int64_t mask = group + shared.active[next];
        fill<F>(p, shared.stages[stage], features, rows + mask * p.padded * p.padded, masks + mask * p.pixels, first,
                column);
        column += kDepth;
        if (column >= channels) {
          column = 0;
          ++next;
        }
      };
      if (count > 0) fill_next(0);
      for (int now = 0, used = 0, done = 0; used < count; now = Shared::kStages - 1 - now) {
        copy_wait<0>();
        __syncthreads();
        if (Shared::kStages == 2 && next < count) fill_next(1 - now);
        const auto& stage = shared.stages[now];
        engine.add_product(stage.matrix, stage.features, stage.weights, shared.slabs[shared.active[used]]);
        if (Shared::kStages == 1 && next < count) {
          __syncthreads();
          fill_next(0);
        }
        done += kDepth;
        if (done >= channels) {
          done = 0;
          ++used;
        }
      }
      __syncthreads();  // the next group changes the lists
    }
    F* to = static_cast<F*>(p.grad) + (b * channels + row) * p.pixels + first;
    const int64_t left = p.pixels - first;
    engine.each(
        StoreGradient<F>{to, p.pixels, channels - row, left < kTile ? static_cast<int>(left) : kTile, p.paired});
  } else {
    __trap();
  }
}

}  // namespace

size_t masked_gram_backward_scratch(const MaskedGramBackwardParams& p) {
  return p.channels_last ? rows_backward_scratch(p) : Plan(p).bytes;
}

cudaError_t masked_gram_backward(const MaskedGramBackwardParams& p, cudaStream_t stream) {
  if (p.channels_last) return rows_backward(p, stream);
  const Plan plan(p);
  const int64_t blocks = plan.batch * plan.pixel_tiles * (plan.padded / kTile);
  if (blocks == 0) return cudaSuccess;
  if (blocks > kMostBlocks) return cudaErrorInvalidConfiguration;
  const int64_t matrices = p.batch * p.masks_count;
  const cudaError_t error =
      p.type == FeatureType::kDouble
          ? add_transposed<double, WriteSum<double>>(p.upstream, matrices, p.channels, plan.matrices, stream)
          : add_transposed<float, WriteSum<float>>(p.upstream, matrices, p.channels, plan.matrices, stream);
  if (error != cudaSuccess) return error;
  return with_engine(p.type, p.tf32, [&](auto tag) {
    using Engine = typename decltype(tag)::Type;
    using Shared = TileShared<typename Engine::Feature>;
    return launch<Shared>(apply_tiles<Engine>, dim3(static_cast<unsigned>(blocks)), dim3(kThreads), stream, plan);
  });
}

}  // namespace cuda
}  // namespace photostyle
