// CUDA side of matting_laplacian/params.h: the Matting Laplacian of radius 1 for float x, in one pass over guide, x
// and out. Other radii, double x and the guided filter go to matting_laplacian/any_radius.h.
#include <cuda_runtime.h>

#include "common/cuda_launch.h"
#include "matting_laplacian/any_radius.h"
#include "matting_laplacian/params.h"
#include "matting_laplacian/radius1.cuh"

namespace photostyle {
namespace cuda {
namespace {

constexpr int kWarp = 32;
constexpr unsigned kAll = 0xffffffffu;
constexpr int kOutputs = kWarp - 2;  // columns that a warp writes; its outer lanes only serve their neighbours
constexpr int kWarpsPerSM = 8;       // all state is in registers, about 220 of them
constexpr int kGroup = 3;            // channels that share one factorisation
constexpr int kLeastStrip = 8, kMostStrip = 128;  // rows of a strip, even
constexpr int64_t kMostColumns = 1 << 24, kMostRows = INT32_MAX - 1024;
constexpr int kSumThreads = 256;
constexpr float kThird = 1.0f / 3.0f;

struct StripParams {
  const void* image;
  const float* x;
  float* out;              // null: not wanted
  double* partial;         // energies of the warps, null: not wanted
  int64_t plane;           // height * width
  int64_t image_stride;    // from a batch item's guide to the next, 0 if all share one
  int64_t x_stride;        // from a batch item's channels to the next
  int64_t partial_stride;  // likewise of `partial`
  int height, width;
  int across, down, groups;  // strips in x and in y, and groups of C channels of a batch item
  int rows;                  // outputs of a strip in y, even
  double ridge;              // a third of 2 eps, in the units of the guide
};

// Where a lane stands. Addresses are those of the first row that its strip reads; from there 32 bits reach every
// pixel of the strip, which makes an address one instruction.
template <int C>
struct Strip {
  uint64_t image[3], x[C], out[C];
  int width, height;
  int first, end;     // rows to write
  int y;              // first window, odd
  int64_t item;       // of the batch
  int64_t partial;    // place of its energy among those of the batch item
  int column;         // of the lane's windows
  int out_column;     // and of the pixels that it writes: the same, or one beside it at the sides of the image
  bool at_side;       // some lane of the warp has no windows: it computes its neighbour's, and `live` is 0
  bool writes;        // false for the outer lanes
  float live, least;  // least: the ridge
  double ridge;       // a third of it
};

// What a lane carries down its column. A step handles the windows y (odd) and y + 1; when it begins, these are known.
template <int C>
struct Column {
  Row<C> rows[2];          // rows y - 1 and y
  Moments<C> moments[2];   // of their components, with a third of the ridge each
  float above[C];          // row y - 1: middle pixels of x
  float mid[3 + C];        // row y: middle pixels of guide and x
  float step[3 + C];       // sqrt 3 (mean of row y - mean of row y - 1)
  float slope[C][3];       // a third of window y - 1's
  float slope_pair[C][3];  // windows y - 2 and y - 1
  float mean[2][C];        // rows y - 1 and y: what their means receive, as far as known
  Pixels<C> next;          // row y + 1, on its way from memory
  unsigned next_at;        // where that lies
};

template <typename T>
__device__ __forceinline__ T* element(uint64_t base, unsigned at) {
  return reinterpret_cast<T*>(base + static_cast<uint64_t>(at) * sizeof(T));
}

template <typename T>
__device__ __forceinline__ void load_three(uint64_t base, unsigned at, float& left, float& mid, float& right) {
  const T* p = element<const T>(base, at);
  left = static_cast<float>(__ldg(p - 1));
  mid = static_cast<float>(__ldg(p));
  right = static_cast<float>(__ldg(p + 1));
}

template <typename Guide, int C>
__device__ __forceinline__ Pixels<C> load_row(const Strip<C>& s, unsigned at) {
  Pixels<C> v;
#pragma unroll
  for (int k = 0; k < 3; ++k) load_three<Guide>(s.image[k], at, v.left[k], v.mid[k], v.right[k]);
#pragma unroll
  for (int k = 3; k < 3 + C; ++k) load_three<float>(s.x[k - 3], at, v.left[k], v.mid[k], v.right[k]);
  return v;
}

// Near the border of the image fewer than three windows contain row y; and a lane without windows has the pixel
// that it writes beside its middle one.
template <int C>
__device__ __forceinline__ void correct_at_border(const Strip<C>& s, int y, Row<C>& row, float (&own)[C]) {
  const int windows = min(y + 1, s.height - 2) - max(y - 1, 1) + 1;
  const float beside = static_cast<float>(s.out_column - s.column),
              share = s.live * kThird * static_cast<float>(max(windows, 0));
#pragma unroll
  for (int c = 0; c < C; ++c) {
    own[c] += 0.5f * beside * fmaf(beside * kRoot3, row.b[3 + c], row.a[3 + c]);
    row.a[3 + c] *= share;
    row.b[3 + c] *= share;
  }
}

// An output row, given the sum of the slopes of its windows and what its mean receives.
template <int C>
__device__ __forceinline__ void gather(const Row<C>& row, const float (&slope)[C][3], const float (&mean)[C],
                                       float (&out)[C]) {
#pragma unroll
  for (int c = 0; c < C; ++c) {
    const float a = residual(row.a[3 + c], slope[c], row.a), b = residual(row.b[3 + c], slope[c], row.b);
    const float sides = fmaf(1.5f * kInvRoot3, b, mean[c]);
    const float left = fmaf(-1.5f, a, sides), right = fmaf(1.5f, a, sides), middle = fmaf(-1.5f * kRoot3, b, sides);
    out[c] = middle + __shfl_up_sync(kAll, right, 1) + __shfl_down_sync(kAll, left, 1);
  }
}

// Stores row y, if it is the strip's to write, and returns its energy, x . out.
template <int C>
__device__ __forceinline__ float finish_row(const Strip<C>& s, int y, unsigned at, const float (&own)[C],
                                            const float (&out)[C]) {
  if (static_cast<unsigned>(y - s.first) >= static_cast<unsigned>(s.end - s.first)) return 0.0f;
  float energy = 0.0f;
#pragma unroll
  for (int c = 0; c < C; ++c) {
    if (s.writes && s.out[0]) *element<float>(s.out[c], at) = out[c];
    energy = fmaf(own[c], out[c], energy);
  }
  return energy;
}

// The row in t.next becomes components, moments and the step from the row above; the row under it is called for.
template <typename Guide, int C>
__device__ __forceinline__ void bring_row(const Strip<C>& s, Column<C>& t, bool more, const float (&mid_above)[3 + C],
                                          const Row<C>& above, float (&mid)[3 + C], Row<C>& row, Moments<C>& moments,
                                          float (&step)[3 + C]) {
  take_row<C>(t.next, s.ridge, mid, row, moments);
  if (more) t.next_at += static_cast<unsigned>(s.width);
  t.next = load_row<Guide>(s, t.next_at);
#pragma unroll
  for (int k = 0; k < 3 + C; ++k) step[k] = fmaf(kRoot3, mid[k] - mid_above[k], row.b[k] - above.b[k]);
}

// Windows y and y + 1, which share the rows y and y + 1; outputs y - 1 and y, which have all their windows then.
// Returns their energy. Below the image its last row comes again, in windows that count nothing.
template <typename Guide, int C>
__device__ __forceinline__ float walk_two_rows(const Strip<C>& s, int y, unsigned out_at, Column<C>& t) {
  const bool at_border = s.at_side || y < 3 || y > s.height - 3;
  const float live = y <= s.height - 2 ? s.live * kThird : 0.0f;
  const float live_below = y + 1 <= s.height - 2 ? s.live * kThird : 0.0f;
  Row<C> rows[2];
  Moments<C> moments[2];
  float mid[3 + C], pair[3 + C], own[C], out[C];
  float slope[C][3], slope_below[C][3], upper[C], lower[C], sum[C][3], mean[C];

  bring_row<Guide>(s, t, y + 2 < s.height, t.mid, t.rows[1], mid, rows[0], moments[0], pair);
  Moments<C> shared = t.moments[1] + moments[0];
  add_products<C>(pair, shared);
  fit_window(shared, t.moments[0], pair, t.step, live, s.least, slope, upper);
#pragma unroll
  for (int c = 0; c < C; ++c) {
    mean[c] = t.mean[0][c] - upper[c];
#pragma unroll
    for (int i = 0; i < 3; ++i) sum[c][i] = t.slope_pair[c][i] + slope[c][i];
  }
  if (at_border) correct_at_border(s, y - 1, t.rows[0], t.above);
  gather(t.rows[0], sum, mean, out);
  float energy = finish_row(s, y - 1, out_at, t.above, out);

#pragma unroll
  for (int c = 0; c < C; ++c) {
    own[c] = t.mid[3 + c];
    t.above[c] = mid[3 + c];
  }
  bring_row<Guide>(s, t, y + 3 < s.height, mid, rows[0], t.mid, rows[1], moments[1], t.step);
  fit_window(shared, moments[1], pair, t.step, live_below, s.least, slope_below, lower);
#pragma unroll
  for (int c = 0; c < C; ++c) {
#pragma unroll
    for (int i = 0; i < 3; ++i) {
      t.slope_pair[c][i] = slope[c][i] + slope_below[c][i];
      sum[c][i] = t.slope[c][i] + t.slope_pair[c][i];
      t.slope[c][i] = slope_below[c][i];
    }
    const float e = 0.5f * kRoot3 * residual((live + live_below) * pair[3 + c], t.slope_pair[c], pair);
    const float half = 0.5f * (upper[c] - lower[c]);
    mean[c] = t.mean[1][c] + half - e;
    t.mean[0][c] = half + e;
    t.mean[1][c] = lower[c];
  }
  if (at_border) correct_at_border(s, y, t.rows[1], own);
  gather(t.rows[1], sum, mean, out);
  energy += finish_row(s, y, out_at + static_cast<unsigned>(s.width), own, out);
#pragma unroll
  for (int i = 0; i < 2; ++i) {
    t.rows[i] = rows[i];
    t.moments[i] = moments[i];
  }
  return energy;
}

template <typename Guide, int C>
__device__ __forceinline__ Strip<C> find_strip(const StripParams& p) {
  const unsigned tiles = static_cast<unsigned>(p.across) * static_cast<unsigned>(p.down);
  const unsigned tile = blockIdx.x % tiles, which = blockIdx.x / tiles;
  const int group = static_cast<int>(which % static_cast<unsigned>(p.groups));
  const int strip_x = static_cast<int>(tile % static_cast<unsigned>(p.across));
  const int strip_y = static_cast<int>(tile / static_cast<unsigned>(p.across));
  Strip<C> s;
  s.width = p.width;
  s.height = p.height;
  s.first = strip_y * p.rows;
  s.end = min(s.first + p.rows, p.height);
  s.y = max(s.first - 1, 1);
  s.item = which / static_cast<unsigned>(p.groups);
  s.partial = static_cast<int64_t>(group) * tiles + tile;
  s.out_column = strip_x * kOutputs + static_cast<int>(threadIdx.x) - 1;
  s.column = min(max(s.out_column, 1), p.width - 2);
  s.at_side = strip_x == 0 || (strip_x + 1) * kOutputs >= p.width - 2;
  s.writes = threadIdx.x > 0 && threadIdx.x <= kOutputs && s.out_column < p.width;
  s.live = s.column == s.out_column ? 1.0f : 0.0f;
  s.least = static_cast<float>(3 * p.ridge);
  s.ridge = p.ridge;
  const int64_t base = static_cast<int64_t>(s.y - 1) * p.width;
  const Guide* image = static_cast<const Guide*>(p.image) + s.item * p.image_stride + base;
#pragma unroll
  for (int k = 0; k < 3; ++k) s.image[k] = reinterpret_cast<uint64_t>(image + k * p.plane);
  const int64_t x_at = s.item * p.x_stride + group * C * p.plane + base;
#pragma unroll
  for (int c = 0; c < C; ++c) {
    s.x[c] = reinterpret_cast<uint64_t>(p.x + x_at + c * p.plane);
    s.out[c] = p.out ? reinterpret_cast<uint64_t>(p.out + x_at + c * p.plane) : 0;
  }
  return s;
}

// One warp per strip of kOutputs columns, p.rows rows and C channels: a lane owns a column of windows and walks down
// it two rows at a time. Blocks of one warp; blockIdx.x counts strips in x, strips in y, groups, batch items. Guide
// is float or uint8_t.
template <typename Guide, int C>
__global__ void __launch_bounds__(kWarp, kWarpsPerSM) laplacian_strips(StripParams p) {
  const Strip<C> s = find_strip<Guide, C>(p);
  Column<C> t = {};
  t.next_at = static_cast<unsigned>(s.column);
  t.next = load_row<Guide>(s, t.next_at);
  float mid[3 + C], unused[3 + C];
  bring_row<Guide>(s, t, true, t.mid, t.rows[1], mid, t.rows[0], t.moments[0], unused);
  bring_row<Guide>(s, t, true, mid, t.rows[0], t.mid, t.rows[1], t.moments[1], t.step);
#pragma unroll
  for (int c = 0; c < C; ++c) t.above[c] = mid[3 + c];

  double energy = 0.0;
  unsigned out_at = static_cast<unsigned>(s.out_column);
#pragma unroll 2
  for (int y = s.y; y - 1 < s.end; y += 2) {
    energy += walk_two_rows<Guide>(s, y, out_at, t);
    out_at += 2 * static_cast<unsigned>(s.width);
  }
  if (!p.partial) return;
  if (!s.writes) energy = 0.0;
#pragma unroll
  for (int d = kWarp / 2; d > 0; d /= 2) energy += __shfl_xor_sync(kAll, energy, d);
  if (threadIdx.x == 0) p.partial[s.item * p.partial_stride + s.partial] = energy;
}

struct Sums {
  double of[kSumThreads];
};

// energy[item] = the sum of count partial energies, in a fixed order. One block per batch item.
__global__ void __launch_bounds__(kSumThreads) sum_energy(const double* partial, int64_t count, double* energy) {
  auto& sums = shared_memory<Sums>();
  const int i = static_cast<int>(threadIdx.x);
  double sum = 0.0;
  for (int64_t at = i; at < count; at += kSumThreads) sum += partial[blockIdx.x * count + at];
  sums.of[i] = sum;
  for (int half = kSumThreads / 2; half > 0; half /= 2) {
    __syncthreads();
    if (i < half) sums.of[i] += sums.of[i + half];
  }
  if (i == 0)
    energy[blockIdx.x] = sums.of[0] < 0.0 ? 0.0 : sums.of[0];  // a sum of squares but for rounding; keeps NaN
}

bool is_ours(const MattingLaplacianParams& p) {
  return p.filter == WindowFilter::kMattingLaplacian && p.radius == 1 && !p.is_double && p.width <= kMostColumns &&
         p.height <= kMostRows;
}

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

int64_t groups_of(const MattingLaplacianParams& p) { return ceil_div(p.channels, kGroup); }

int64_t strips_of(const MattingLaplacianParams& p, int64_t rows) {
  return ceil_div(p.width, kOutputs) * ceil_div(p.height, rows) * groups_of(p) * p.batch;
}

// Rows of a strip: the more, the less is computed twice (about three rows' worth per strip); but all warps that the
// device holds at once should have something to do, and finish together.
cudaError_t choose_rows(const MattingLaplacianParams& p, int* rows) {
  int device = 0, processors = 0;
  cudaError_t error = cudaGetDevice(&device);
  if (error == cudaSuccess) error = cudaDeviceGetAttribute(&processors, cudaDevAttrMultiProcessorCount, device);
  const int64_t slots = static_cast<int64_t>(processors > 0 ? processors : 1) * kWarpsPerSM;
  int64_t best = 0;
  for (int candidate = kLeastStrip; candidate <= kMostStrip; candidate += 2) {
    const int64_t cost = ceil_div(strips_of(p, candidate), slots) * (candidate + 3);
    if (candidate == kLeastStrip || cost < best) {
      best = cost;
      *rows = candidate;
    }
  }
  return error;
}

// `count` groups of C channels, beginning with group `from` of three.
template <typename Guide, int C>
cudaError_t launch_groups(StripParams q, int64_t batch, int64_t from, int64_t count, cudaStream_t stream) {
  const int64_t tiles = static_cast<int64_t>(q.across) * q.down, blocks = tiles * count * batch;
  if (blocks == 0) return cudaSuccess;
  if (blocks > INT32_MAX) return cudaErrorInvalidConfiguration;
  q.groups = static_cast<int>(count);
  q.x += from * kGroup * q.plane;
  if (q.out) q.out += from * kGroup * q.plane;
  if (q.partial) q.partial += from * tiles;
  return launch<NoShared>(laplacian_strips<Guide, C>, dim3(static_cast<unsigned>(blocks)), dim3(kWarp), stream, q);
}

template <typename Guide>
cudaError_t launch_strips(const StripParams& q, int64_t batch, int64_t channels, cudaStream_t stream) {
  const int64_t full = channels / kGroup, rest = channels % kGroup;
  const cudaError_t error = launch_groups<Guide, kGroup>(q, batch, 0, full, stream);
  if (error != cudaSuccess || rest == 0) return error;
  return rest == 1 ? launch_groups<Guide, 1>(q, batch, full, 1, stream)
                   : launch_groups<Guide, 2>(q, batch, full, 1, stream);
}

cudaError_t no_windows(const MattingLaplacianParams& p, cudaStream_t stream) {
  const size_t values = static_cast<size_t>(p.batch * p.channels * p.height * p.width);
  cudaError_t error = cudaSuccess;
  if (p.out && values) error = cudaMemsetAsync(p.out, 0, values * sizeof(float), stream);
  if (error == cudaSuccess && p.energy && p.batch)
    error = cudaMemsetAsync(p.energy, 0, static_cast<size_t>(p.batch) * sizeof(double), stream);
  return error;
}

}  // namespace

size_t matting_laplacian_scratch(const MattingLaplacianParams& p) {
  if (!is_ours(p)) return window_filter_scratch(p);
  return sizeof(double) * static_cast<size_t>(strips_of(p, kLeastStrip));
}

cudaError_t matting_laplacian(const MattingLaplacianParams& p, cudaStream_t stream) {
  if (!is_ours(p)) return window_filter(p, stream);
  if (p.height < 3 || p.width < 3 || p.channels == 0 || p.batch == 0) return no_windows(p, stream);
  StripParams q = {};
  const cudaError_t found = choose_rows(p, &q.rows);
  if (found != cudaSuccess) return found;
  q.image = p.image;
  q.x = static_cast<const float*>(p.x);
  q.out = static_cast<float*>(p.out);
  q.partial = p.energy ? reinterpret_cast<double*>(p.scratch) : nullptr;
  q.plane = p.height * p.width;
  q.image_stride = p.image_batch == 1 ? 0 : 3 * q.plane;
  q.x_stride = p.channels * q.plane;
  q.height = static_cast<int>(p.height);
  q.width = static_cast<int>(p.width);
  q.across = static_cast<int>(ceil_div(p.width, kOutputs));
  q.down = static_cast<int>(ceil_div(p.height, q.rows));
  q.partial_stride = groups_of(p) * q.across * q.down;
  q.ridge = 2.0 / 3.0 * p.eps * (p.image_is_uint8 ? 255.0 * 255.0 : 1.0);
  const cudaError_t error = p.image_is_uint8 ? launch_strips<uint8_t>(q, p.batch, p.channels, stream)
                                             : launch_strips<float>(q, p.batch, p.channels, stream);
  if (error != cudaSuccess || !p.energy) return error;
  return launch<Sums>(sum_energy, dim3(static_cast<unsigned>(p.batch)), dim3(kSumThreads), stream, q.partial,
                      q.partial_stride, p.energy);
}

}  // namespace cuda
}  // namespace photostyle
