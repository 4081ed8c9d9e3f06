// GPU side of masked_gram/params.h, forward: G_k = sum_p m_k(p)^2 F(:,p) F(:,p)^T, and the distance of G to its
// targets.
//
//   1. list_slabs: for every mask, the slabs of 8 pixels in which it is not zero (masked_gram/slabs.cuh).
//   2. scan_steps: where in the sequence of all masks' steps, of 4 slabs each, a list begins.
//   3. gram_tiles: the steps of all masks, cut into equal shares, one for each worker of a pair of channel tiles. A
//      worker that goes from one mask to the next stores its sums and starts anew.
//   4. reduce_tiles: adds the workers' sums in their order and writes G and its mirror image.
//
// So masks that do not overlap cost together what one costs, whatever their sizes, and nothing depends on timing.
// Workers and masks both only go up along the steps, so (worker, mask) pairs that occur differ in worker + mask,
// which is the slot that the sums are stored in.
#include "masked_gram/engines.cuh"
#include "masked_gram/params.h"
#include "masked_gram/slabs.cuh"

namespace photostyle {
namespace cuda {
namespace {

using namespace gram;

constexpr int64_t kWorkers = 396;  // blocks of gram_tiles, about
constexpr int kReduceRows = 8;     // of a tile, by one block
constexpr int kReduceColumns = 32;
constexpr int kReduceBlocks = kTile / kReduceRows * (kTile / kReduceColumns);
constexpr int kReduceThreads = 256;

// Everything the kernels need to know; sizes are a function of the shape alone, and so is the order of every sum.
struct Plan {
  size_t bytes = 0;  // of scratch, all told
  SlabLists lists;
  const void* features;
  void* gram;  // kLoss: its derivative
  int64_t batch, mask_batch, masks_count, channels, pixels;
  int64_t pairs, workers, slots;  // pairs of channel tiles; workers and slots of each
  int copy_bytes;
  void* tiles;  // [batch, pairs, slots, 64, 64]
  // The loss only.
  const void* targets = nullptr;
  const void* scales = nullptr;
  const void* weights = nullptr;
  double* loss = nullptr;
  double* partial = nullptr;  // [batch, pairs * masks * kReduceBlocks]
  int64_t target_batch = 0;

  template <typename Params>
  explicit Plan(const Params& p) : lists(p, bytes) {
    features = p.features;
    batch = p.batch;
    mask_batch = p.mask_batch;
    masks_count = p.masks_count;
    channels = p.channels;
    pixels = p.pixels;
    copy_bytes = gram::copy_bytes(p.features, p.pixels, element_bytes(p.type));
    const int64_t tiled = (p.channels + kTile - 1) / kTile;
    pairs = tiled * (tiled + 1) / 2;
    // Three blocks for each of about 132 multiprocessors, unless that leaves a worker less than four steps.
    const int64_t most = (p.pixels + 127) / 128, wanted = kWorkers / (pairs * p.batch > 0 ? pairs * p.batch : 1);
    workers = wanted < most ? wanted : most;
    if (workers < 1) workers = 1;
    slots = workers + p.masks_count - 1;
    const int64_t sums = batch * pairs * slots * (kTile * kTile);
    if (p.type == FeatureType::kDouble)
      tiles = take<double>(p.scratch, bytes, sums);
    else
      tiles = take<float>(p.scratch, bytes, sums);
  }
};

// ---------------------------------------------------------------------------------------------- tiles of sums

// Two stages, so that one is filled while the other is used; double has room for one only.
template <typename F>
struct TileShared {
  static constexpr int kStages = sizeof(F) == 8 ? 1 : 2;
  struct Stage {
    Panel<F> rows, columns;
    typename SumOf<F>::Type weights[kDepth];
  } stages[kStages];
};

// The features of four slabs in both channel tiles, and the mask there.
template <typename F, typename Stage>
__device__ __forceinline__ void fill(const Plan& p, Stage& stage, const F* features, int rows, int columns,
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

// Writes a tile of sums to its slot: pairs from MmaEngine, single sums from FmaEngine.
template <typename Sum>
struct StoreTile {
  Sum* tile;
  __device__ __forceinline__ void operator()(int row, int column, Sum x, Sum y) const {
    store(tile + row * kTile + column, Pair<Sum>{x, y});
  }
  __device__ __forceinline__ void operator()(int row, int column, Sum x) const { tile[row * kTile + column] = x; }
};

// The tiles (I, J), I <= J, of channels: pair 0 is (0, 0), 1 is (0, 1), 2 is (1, 1), 3 is (0, 2), ...
__device__ __forceinline__ void tiles_of_pair(int pair, int* i, int* j) {
  int column = 0;
  while (pair > column) pair -= ++column;
  *i = pair;
  *j = column;
}

// One share of the steps for one pair of channel tiles. Grid: batch x workers x pairs, pairs fastest, so that blocks
// that run together read the same pixels. A worker's sums of a mask go to tiles[worker + mask].
template <typename Engine>
__global__ void __launch_bounds__(kThreads, Engine::kBlocks) gram_tiles(const Plan p) {
  if constexpr (Engine::kCompiled) {
    using F = typename Engine::Feature;
    using Sum = typename Engine::Sum;
    using Shared = TileShared<F>;
    Shared& shared = shared_memory<Shared>();
    const int64_t block = blockIdx.x, b = block / (p.workers * p.pairs), entry = p.mask_batch == 1 ? 0 : b;
    const int worker = static_cast<int>(block / p.pairs % p.workers), pair = static_cast<int>(block % p.pairs);
    const int64_t steps = p.lists.starts[entry * (p.lists.segments + 1) + p.lists.segments];
    const int64_t working = min(p.workers, steps);
    if (worker >= working) return;
    int step = static_cast<int>(steps * worker / working);
    const int end = static_cast<int>(steps * (worker + 1) / working);

    int i, j;
    tiles_of_pair(pair, &i, &j);
    const F* features = static_cast<const F*>(p.features) + b * p.channels * p.pixels;
    const Sum* masks = static_cast<const Sum*>(p.lists.masks) + entry * p.masks_count * p.pixels;
    Sum* tiles = static_cast<Sum*>(p.tiles) + ((b * p.pairs + pair) * p.slots + worker) * (kTile * kTile);
    // The quarter of a diagonal tile below the diagonal is not needed. Which warp has it, and with it which part of a
    // multiprocessor stands still, differs from block to block.
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

// Sums of the slots of one mask and one pair of tiles, in the workers' order, for 8 x 32 elements of the tile and
// their mirror images. Grid: batch x pairs x masks x 16 parts of the tile. Warp w adds slots w, w + 8, ...; then one
// thread adds the eight warps' sums. kLoss: instead of G write the derivative of the distance to the targets, and the
// distance of this block's elements to `partial`.
template <typename Sum, bool kLoss>
__global__ void __launch_bounds__(kReduceThreads) reduce_tiles(const Plan p) {
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
  const bool below = i == j && column0 + kReduceColumns <= row0;  // the mirror image of another block
  if (!kLoss && below) return;

  // Worker w has the steps from steps * w / working.
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

  // The block's elements by rows, then, from the other side of the diagonal, by columns.
  const int64_t c = p.channels, k = b * p.masks_count + mask;
  Sum* out = static_cast<Sum*>(p.gram) + k * c * c;
  const Sum* target = nullptr;
  Sum scale = 0, weight = 0, distance = 0;
  if constexpr (kLoss) {
    target = static_cast<const Sum*>(p.targets) + ((p.target_batch == 1 ? 0 : b) * p.masks_count + mask) * c * c;
    scale = static_cast<const Sum*>(p.scales)[entry * p.masks_count + mask];
    weight = static_cast<const Sum*>(p.weights)[entry * p.masks_count + mask];
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
#pragma unroll
    for (int step = 16; step > 0; step /= 2) distance += __shfl_xor_sync(0xffffffffu, distance, step);
    if (lane == 0) shared.distances[warp] = distance;
    __syncthreads();
    if (threadIdx.x == 0) {
      Sum total = 0;
#pragma unroll
      for (int w = 0; w < kReduceThreads / 32; ++w) total += shared.distances[w];
      p.partial[block] = total;
    }
  }
}

struct LossShared {
  double warps[kReduceThreads / 32];
};

// loss[b] = sum of the partial distances. One block to a batch entry.
__global__ void __launch_bounds__(kReduceThreads) sum_loss(const Plan p) {
  LossShared& shared = shared_memory<LossShared>();
  const int64_t count = p.pairs * p.masks_count * kReduceBlocks;
  const double* partial = p.partial + blockIdx.x * count;
  double sum = 0.0;
  for (int64_t i = threadIdx.x; i < count; i += kReduceThreads) sum += partial[i];
#pragma unroll
  for (int step = 16; step > 0; step /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, step);
  if (threadIdx.x % 32 == 0) shared.warps[threadIdx.x / 32] = sum;
  __syncthreads();
  if (threadIdx.x == 0) {
    double total = 0.0;
    for (int w = 0; w < kReduceThreads / 32; ++w) total += shared.warps[w];
    p.loss[blockIdx.x] = total;
  }
}

template <typename Sum, bool kLoss>
cudaError_t run_reduce(const Plan& plan, cudaStream_t stream) {
  const int64_t blocks = plan.batch * plan.pairs * plan.masks_count * kReduceBlocks;
  if (blocks > kMostBlocks) return cudaErrorInvalidConfiguration;
  return launch<ReduceShared<Sum>>(reduce_tiles<Sum, kLoss>, dim3(static_cast<unsigned>(blocks)),
                                   dim3(kReduceThreads), stream, plan);
}

template <bool kLoss>
cudaError_t run(const Plan& plan, FeatureType type, bool tf32, cudaStream_t stream) {
  const int64_t blocks = plan.batch * plan.workers * plan.pairs;
  if (blocks > kMostBlocks) return cudaErrorInvalidConfiguration;
  const bool is_double = type == FeatureType::kDouble;
  cudaError_t error = is_double ? make_lists<double>(plan.lists, stream) : make_lists<float>(plan.lists, stream);
  if (error != cudaSuccess) return error;
  error = with_engine(type, tf32, [&](auto tag) {
    using Engine = typename decltype(tag)::Type;
    using Shared = TileShared<typename Engine::Feature>;
    return launch<Shared>(gram_tiles<Engine>, dim3(static_cast<unsigned>(blocks)), dim3(kThreads), stream, plan);
  });
  if (error != cudaSuccess) return error;
  return is_double ? run_reduce<double, kLoss>(plan, stream) : run_reduce<float, kLoss>(plan, stream);
}

// The loss needs a place for the blocks' distances, after everything else.
Plan loss_plan(const MaskedGramLossParams& p) {
  Plan plan(p);
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

size_t masked_gram_scratch(const MaskedGramParams& p) { return Plan(p).bytes; }

cudaError_t masked_gram(const MaskedGramParams& p, cudaStream_t stream) {
  if (p.batch * p.masks_count * p.channels == 0) return cudaSuccess;
  Plan plan(p);
  plan.gram = p.gram;
  return run<false>(plan, p.type, p.tf32, stream);
}

size_t masked_gram_loss_scratch(const MaskedGramLossParams& p) { return loss_plan(p).bytes; }

cudaError_t masked_gram_loss(const MaskedGramLossParams& p, cudaStream_t stream) {
  if (p.batch == 0) return cudaSuccess;
  const Plan plan = loss_plan(p);
  if (p.masks_count * p.channels > 0) {
    const cudaError_t error = run<true>(plan, p.type, p.tf32, stream);
    if (error != cudaSuccess) return error;
  }
  return launch<LossShared>(sum_loss, dim3(static_cast<unsigned>(p.batch)), dim3(kReduceThreads), stream, plan);
}

}  // namespace cuda
}  // namespace photostyle
