// CUDA side of masked_gram/params.h, forward: G_k = sum_p m_k(p)^2 F(:,p) F(:,p)^T, and the distance of G to its
// targets.
//
//   1. list_slabs: for every mask, the slabs of 8 pixels in which it is not zero (masked_gram/slabs.cuh).
//   2. scan_steps: where each list begins in the sequence of all masks' steps, of 4 slabs each.
//   3. gram_tiles (for channels last gram_rows, rows_forward.cu): the steps of all masks are cut into equal shares,
//   one
//      for each worker of a pair of channel tiles. A worker that goes from one mask to the next stores its sums and
//      starts new ones.
//   4. reduce_tiles: adds the workers' sums in their order and writes G and its mirror image.
//
// So masks that do not overlap cost together what one mask costs, whatever their sizes, and no result depends on
// timing. Along the steps the worker and the mask never decrease, so worker + mask differs for all (worker, mask)
// pairs that occur: it is the slot in which the pair's sums are stored.
#include "common/block_sum.cuh"
#include "masked_gram/engines.cuh"
#include "masked_gram/forward_plan.cuh"
#include "masked_gram/params.h"
#include "masked_gram/slabs.cuh"

namespace photostyle {
namespace cuda {
namespace {

using namespace gram;

constexpr int kReduceRows = 8;  // rows of a tile that a block of reduce_tiles sums
constexpr int kReduceColumns = 32;
constexpr int kReduceBlocks = kTile / kReduceRows * (kTile / kReduceColumns);
constexpr int kReduceThreads = 256;

// ---------------------------------------------------------------------------------------------- tiles of sums

// There are two stages, so that one is filled while the other is used; for double only one fits.
template <typename F>
struct TileShared {
  static constexpr int kStages = sizeof(F) == 8 ? 1 : 2;
  struct Stage {
    Panel<F> rows, columns;
    typename SumOf<F>::Type weights[kDepth];
  } stages[kStages];
};

// Copies the features of four slabs in both channel tiles, and the mask there.
template <typename F, typename Stage>
__device__ __forceinline__ void fill(const ForwardPlan& p, Stage& stage, const F* features, int rows, int columns,
                                     const typename SumOf<F>::Type* mask, const int4& slabs) {
  using Sum = typename SumOf<F>::Type;
  with_bytes<F>(p.copy_bytes, [&](auto bytes) {
    constexpr int kBytes = decltype(bytes)::kValue;
    const int channels = static_cast<int>(p.channels);
    copy_panel<kBytes>(stage.rows, features + rows * p.pixels, channels - rows, slabs, p.pixels);
    if (rows != columns)
      copy_panel<kBytes>(stage.columns, features + columns * p.pixels, channels - columns, slabs, p.pixels);
  });
  const int tid = static_cast<int>(threadIdx.x);
  if (tid < kDepth) {
    const int slab = pick(slabs, tid / kSlab);
    const int64_t pixel = static_cast<int64_t>(slab) * kSlab + tid % kSlab;
    const bool live = slab >= 0 && pixel < p.pixels;
    copy_async<sizeof(Sum)>(&stage.weights[tid], live ? mask + pixel : mask, live);
  }
  copy_commit();
}

// A block is one worker: it has one share of the steps, for one pair of channel tiles. Grid: batch x workers x pairs,
// pairs fastest, so that blocks that run together read the same pixels. A worker's sums of a mask go to tiles[worker
// + mask].
template <typename Engine>
__global__ void __launch_bounds__(kThreads, Engine::kBlocks) gram_tiles(const ForwardPlan p) {
  if constexpr (Engine::kCompiled) {
    using F = typename Engine::Feature;
    using Sum = typename Engine::Sum;
    using Shared = TileShared<F>;
    Shared& shared = shared_memory<Shared>();
    const int64_t block = blockIdx.x, b = block / (p.workers * p.pairs), entry = p.mask_batch == 1 ? 0 : b;
    const int worker = static_cast<int>(block / p.pairs % p.workers), pair = static_cast<int>(block % p.pairs);
    const Share share(p, entry, worker);
    int step = share.step;
    const int end = share.end;
    if (step == end) return;

    int i, j;
    tiles_of_pair(pair, &i, &j);
    const F* features = static_cast<const F*>(p.features) + b * p.channels * p.pixels;
    const Sum* masks = static_cast<const Sum*>(p.lists.masks) + entry * p.masks_count * p.pixels;
    Sum* tiles = static_cast<Sum*>(p.tiles) + ((b * p.pairs + pair) * p.slots + worker) * (kTile * kTile);
    // The quarter of a diagonal tile below the diagonal is not needed. The warp that has this quarter differs from
    // block to block, so that not always the same part of a multiprocessor is idle.
    const int quarter = static_cast<int>((threadIdx.x / 32 + blockIdx.x + blockIdx.x / 4) % 4);
    const bool idle = Engine::kQuarters && i == j && quarter == 2;
    Engine engine(quarter);

    Cursor cursor;
    const auto fill_next = [&](int stage) {
      cursor.go(p.lists, entry, step);
      fill<F>(p, shared.stages[stage], features, i * kTile, j * kTile, masks + cursor.mask * p.pixels,
              cursor.slabs(step));
      ++step;
    };
    fill_next(0);
    for (int now = 0;; now = Shared::kStages - 1 - now) {
      const int mask = cursor.mask;
      const bool more = step < end;
      copy_wait<0>();
      __syncthreads();
      if (Shared::kStages == 2 && more) fill_next(1 - now);
      const auto& stage = shared.stages[now];
      if (!idle) engine.add_outer(stage.rows, i == j ? stage.rows : stage.columns, stage.weights);
      if (Shared::kStages == 1 && more) {
        __syncthreads();
        fill_next(0);
      }
      if (!more || cursor.mask != mask) {
        if (!idle) engine.each(StoreTile<Sum>{tiles + static_cast<int64_t>(mask) * (kTile * kTile)});
        engine.clear();
      }
      if (!more) break;
    }
  } else {
    __trap();
  }
}

// ---------------------------------------------------------------------------------------------- reduction

template <typename Sum>
struct ReduceShared {
  Sum parts[kReduceThreads / 32][kReduceRows][kReduceColumns];
  Sum sums[kReduceRows][kReduceColumns + 1];
  Sum distances[kReduceThreads / 32];
};

// Adds (s G - T)^2 w of one element to `distance` and returns its derivative in G.
template <typename Sum>
__device__ __forceinline__ Sum distance_to(Sum value, Sum target, Sum scale, Sum weight, Sum& distance) {
  const Sum difference = fma(scale, value, -target);
  distance = fma(weight * difference, difference, distance);
  return Sum(2) * weight * scale * difference;
}

// Adds the slots of one mask and one pair of tiles, in a fixed order, and writes 8 x 32 elements of the tile and
// their mirror images. Grid: batch x pairs x masks x 16 parts of the tile. Warp w adds slots w, w + 8, ...; then one
// thread adds the eight warps' sums. kLoss: the block writes the derivative of the distance to the targets instead of
// G, and the distance of its elements to `partial`.
template <typename Sum, bool kLoss>
__global__ void __launch_bounds__(kReduceThreads) reduce_tiles(const ForwardPlan p) {
  using Shared = ReduceShared<Sum>;
  Shared& shared = shared_memory<Shared>();
  const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
  const int64_t block = blockIdx.x;
  const int part = static_cast<int>(block % kReduceBlocks);
  const int mask = static_cast<int>(block / kReduceBlocks % p.masks_count);
  const int64_t rest = block / kReduceBlocks / p.masks_count, b = rest / p.pairs;
  const int64_t entry = p.mask_batch == 1 ? 0 : b;
  int i, j;
  tiles_of_pair(static_cast<int>(rest % p.pairs), &i, &j);
  const int row0 = part / (kTile / kReduceColumns) * kReduceRows;
  const int column0 = part % (kTile / kReduceColumns) * kReduceColumns;
  const bool below = i == j && column0 + kReduceColumns <= row0;  // another block writes it, as its mirror image
  if (!kLoss && below) return;

  // The steps of worker w begin at steps * w / working.
  const int* starts = p.lists.starts + entry * (p.lists.segments + 1);
  const int64_t steps = starts[p.lists.segments], working = min(p.workers, steps);
  const int64_t begin = starts[mask * p.lists.chunks], end = starts[(mask + 1) * p.lists.chunks];
  int64_t first = 0, last = -1;
  if (begin < end && !below) {
    first = ((begin + 1) * working - 1) / steps + mask;
    last = (end * working - 1) / steps + mask;
  }
  const Sum* tile = static_cast<const Sum*>(p.tiles) + rest * p.slots * (kTile * kTile) + row0 * kTile + column0;
  Sum sums[kReduceRows] = {};
#pragma unroll 2
  for (int64_t slot = first + warp; slot <= last; slot += kReduceThreads / 32)
#pragma unroll
    for (int r = 0; r < kReduceRows; ++r) sums[r] += tile[slot * (kTile * kTile) + r * kTile + lane];
#pragma unroll
  for (int r = 0; r < kReduceRows; ++r) shared.parts[warp][r][lane] = sums[r];
  __syncthreads();
  Sum sum = 0;
#pragma unroll
  for (int w = 0; w < kReduceThreads / 32; ++w) sum += shared.parts[w][warp][lane];
  shared.sums[warp][lane] = sum;
  __syncthreads();

  // The block's elements are written by rows, and then their mirror images by columns.
  const int64_t c = p.channels, k = b * p.masks_count + mask;
  Sum* out = static_cast<Sum*>(p.gram) + k * c * c;
  const Sum* target = nullptr;
  Sum scale = 0, weight = 0, distance = 0;
  if constexpr (kLoss) {
    target = static_cast<const Sum*>(p.targets) + ((p.target_batch == 1 ? 0 : b) * p.masks_count + mask) * c * c;
    scale = static_cast<const Sum*>(p.scales)[mask];
    weight = static_cast<const Sum*>(p.weights)[mask];
  }
#pragma unroll
  for (int mirrored = 0; mirrored < 2; ++mirrored) {
    const int tid = static_cast<int>(threadIdx.x);
    const int r = mirrored ? tid % kReduceRows : warp, s = mirrored ? tid / kReduceRows : lane;
    const int64_t row = i * kTile + row0 + r, column = j * kTile + column0 + s;
    if (!(mirrored ? row < column : row <= column) || column >= c || below) continue;  // row < c follows
    const int64_t at = mirrored ? column * c + row : row * c + column;
    Sum value = shared.sums[r][s];
    if constexpr (kLoss) value = distance_to(value, target[at], scale, weight, distance);
    out[at] = value;
  }
  if constexpr (kLoss) {
    const Sum total = sum_block(shared.distances, distance);
    if (threadIdx.x == 0) p.partial[block] = total;
  }
}

struct LossShared {
  double warps[kReduceThreads / 32];
};

// loss[b] = sum of the partial distances. Each batch entry has one block.
__global__ void __launch_bounds__(kReduceThreads) sum_loss(const ForwardPlan p) {
  LossShared& shared = shared_memory<LossShared>();
  const int64_t count = p.pairs * p.masks_count * kReduceBlocks;
  const double* partial = p.partial + blockIdx.x * count;
  double sum = 0.0;
  for (int64_t i = threadIdx.x; i < count; i += kReduceThreads) sum += partial[i];
  sum = sum_block(shared.warps, sum);
  if (threadIdx.x == 0) p.loss[blockIdx.x] = sum;
}

template <typename Sum, bool kLoss>
cudaError_t run_reduce(const ForwardPlan& plan, cudaStream_t stream) {
  const int64_t blocks = plan.batch * plan.pairs * plan.masks_count * kReduceBlocks;
  if (blocks > kMostBlocks) return cudaErrorInvalidConfiguration;
  return launch<ReduceShared<Sum>>(reduce_tiles<Sum, kLoss>, dim3(static_cast<unsigned>(blocks)),
                                   dim3(kReduceThreads), stream, plan);
}

template <bool kLoss>
cudaError_t run(const ForwardPlan& plan, FeatureType type, bool tf32, bool channels_last, cudaStream_t stream) {
  const int64_t blocks = plan.batch * plan.workers * plan.pairs;
  if (blocks > kMostBlocks) return cudaErrorInvalidConfiguration;
  const bool is_double = type == FeatureType::kDouble;
  cudaError_t error = make_lists(plan.lists, type, stream);
  if (error != cudaSuccess) return error;
  if (channels_last)
    error = gram_rows(plan, type, stream);
  else
    error = with_engine(type, tf32, [&](auto tag) {
      using Engine = typename decltype(tag)::Type;
      using Shared = TileShared<typename Engine::Feature>;
      return launch<Shared>(gram_tiles<Engine>, dim3(static_cast<unsigned>(blocks)), dim3(kThreads), stream, plan);
    });
  if (error != cudaSuccess) return error;
  return is_double ? run_reduce<double, kLoss>(plan, stream) : run_reduce<float, kLoss>(plan, stream);
}

// The plan of the loss: its scratch has a place for the blocks' distances at the end.
ForwardPlan loss_plan(const MaskedGramLossParams& p) {
  ForwardPlan plan(p);
  plan.gram = p.upstream;
  plan.targets = p.targets;
  plan.scales = p.scales;
  plan.weights = p.weights;
  plan.loss = p.loss;
  plan.target_batch = p.target_batch;
  plan.partial = take<double>(p.scratch, plan.bytes, plan.batch * plan.pairs * plan.masks_count * kReduceBlocks);
  return plan;
}

}  // namespace

size_t masked_gram_scratch(const MaskedGramParams& p) { return ForwardPlan(p).bytes; }

cudaError_t masked_gram(const MaskedGramParams& p, cudaStream_t stream) {
  if (p.batch * p.masks_count * p.channels == 0) return cudaSuccess;
  ForwardPlan plan(p);
  plan.gram = p.gram;
  return run<false>(plan, p.type, p.tf32, p.channels_last, stream);
}

size_t masked_gram_loss_scratch(const MaskedGramLossParams& p) { return loss_plan(p).bytes; }

cudaError_t masked_gram_loss(const MaskedGramLossParams& p, cudaStream_t stream) {
  if (p.batch == 0) return cudaSuccess;
  const ForwardPlan plan = loss_plan(p);
  if (p.masks_count * p.channels > 0) {
    const cudaError_t error = run<true>(plan, p.type, p.tf32, p.channels_last, stream);
    if (error != cudaSuccess) return error;
  }
  return launch<LossShared>(sum_loss, dim3(static_cast<unsigned>(p.batch)), dim3(kReduceThreads), stream, plan);
}

}  // namespace cuda
}  // namespace photostyle
