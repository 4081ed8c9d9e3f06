// The Matting Laplacian and the guided filter for any radius (matting_laplacian/any_radius.h), in four passes per
// band of rows:
//
//   sum_down     pixels  -> moments[q][window row][column]                  running sums down the columns
//   fit_windows  moments -> coefs[a, b per channel][window row][column]     sums along the rows, 3x3 systems
//   add_rows     coefs   -> sums[a, b per channel][pixel row][column]       running sums down the columns
//   write_out    sums    -> out, and x * out summed per block               sums along the rows
//
// What a pass reads and writes does not depend on the radius, except for the 2r rows that neighbouring bands both
// compute; a band has at least 4r rows of output. The passes move about 800 bytes per pixel and group of three
// channels, all but 40 of them between passes.
#include "common/window_sums.cuh"
#include "matting_laplacian/any_radius.h"

namespace photostyle {
namespace cuda {
namespace {

using namespace window;

struct Filter {
  Band band;
  bool guided;
  int64_t valid_y0, valid_y1;  // rows at which a window has its centre
  int64_t y0, y1;              // rows of output of this band
  double* coefs;               // [channels kFitValues, wy1 - wy0, width]
  double* sums;                // [channels kFitValues, y1 - y0, width]
  void* out;                   // [channels, height, width] or null
  double* partials;            // [height, blocks per row] or null: sums of x * out
};

// ---- kernels

// Fits the windows (fit_row in common/window_sums.cuh). Grid: window rows x blocks of windows.
template <typename Shared>
__global__ void __launch_bounds__(Shared::kThreads, Shared::kBlocks) fit_windows(const __grid_constant__ Filter f) {
  const Band& b = f.band;
  const auto across = static_cast<unsigned>(ceil_div(b.wx1 - b.wx0, Shared::kThreads));
  const int64_t row = blockIdx.x / across, first = b.wx0 + int64_t{blockIdx.x % across} * Shared::kThreads;
  const int64_t plane = (b.wy1 - b.wy0) * b.width;
  double* to = f.coefs + row * b.width + first + threadIdx.x;
  fit_row(shared_memory<Shared>(), b, row, first, [=](int c, double a0, double a1, double a2, double offset) {
    double* at = to + c * kFitValues * plane;
    at[0] = a0;
    at[plane] = a1;
    at[2 * plane] = a2;
    at[3 * plane] = offset;
  });
}

// sums[q][y - y0][j] = sum over the windows centred in column j, rows y - r ... y + r, of coefs[q].
//
// A thread walks `segment` rows down one column of one plane: it adds the row of windows that enters and subtracts
// the row that leaves. Grid: planes x blocks of columns x segments.
__global__ void __launch_bounds__(kWalkThreads) add_rows(const __grid_constant__ Filter f) {
  const Band& b = f.band;
  const auto across = static_cast<unsigned>(ceil_div(b.wx1 - b.wx0, kWalkThreads));
  const unsigned planes = b.channels * kFitValues, q = blockIdx.x % planes, place = blockIdx.x / planes;
  const int64_t column = b.wx0 + int64_t{place % across} * kWalkThreads + threadIdx.x, r = b.radius;
  if (column >= b.wx1) return;  // there is no barrier
  const double* from = f.coefs + q * (b.wy1 - b.wy0) * b.width + column;
  const int64_t first = f.y0 + place / across * b.segment, end = min(first + b.segment, f.y1);
  double* to = f.sums + (q * (f.y1 - f.y0) + first - f.y0) * b.width + column;
  double sum = 0.0;
  int wild = 0;  // rows in the sum that it could not get rid of (common/window_sums.cuh)
  const auto start = [&](int64_t y) {
    const int64_t top = max(y - r, f.valid_y0), bottom = min(y + r, f.valid_y1 - 1);
    sum = 0.0;
#pragma unroll 4
    for (int64_t k = top; k <= bottom; ++k) {
      const double value = from[(k - b.wy0) * b.width];
      sum += value;
      wild += is_wild(value * value);
    }
  };
  start(first);
  for (int64_t y = first;;) {
    *to = sum;
    if (++y == end) break;
    to += b.width;
    if (y + r < f.valid_y1) {
      const double value = from[(y + r - b.wy0) * b.width];
      sum += value;
      wild += is_wild(value * value);
    }
    if (y - r - 1 >= f.valid_y0) {
      const double value = from[(y - r - 1 - b.wy0) * b.width];
      sum -= value;
      if (is_wild(value * value) && --wild == 0) start(y);
    }
  }
}

// Laplacian: out = count x - fit, guided filter: out = fit / count, with fit = sum over windows of a . I + b.
//
// A thread owns one pixel. Grid: rows of output x blocks of pixels. Partial energies are stored by row and block.
template <typename Shared>
__global__ void __launch_bounds__(Shared::kThreads, Shared::kBlocks) write_out(const __grid_constant__ Filter f) {
  auto& s = shared_memory<Shared>();
  const Band& b = f.band;
  const auto across = static_cast<unsigned>(ceil_div(b.width, Shared::kThreads));
  const int64_t row = blockIdx.x / across, y = f.y0 + row, r = b.radius, plane = b.height * b.width;
  const int64_t first = int64_t{blockIdx.x % across} * Shared::kThreads, column = first + threadIdx.x;
  const bool live = column < b.width;
  const int64_t at = y * b.width + (live ? column : 0), sums_plane = (f.y1 - f.y0) * b.width;
  double guide[3];
  for (int a = 0; a < 3; ++a)
    guide[a] = read(b.guide, b.guide_type, a * plane + at) - read_origin(b.guide, b.guide_type, a * plane + b.origin);
  const int64_t rows = min(y + r, f.valid_y1 - 1) - max(y - r, f.valid_y0) + 1;
  const int64_t columns = min(column + r, b.wx1 - 1) - max(column - r, b.wx0) + 1;
  const double count = static_cast<double>(max(rows, int64_t{0}) * max(columns, int64_t{0}));
  double energy = 0.0;
  int half = 0;
  for (int c = 0; c < b.channels; ++c) {
    double h[kFitValues];
    const double* from = f.sums + c * kFitValues * sums_plane + row * b.width;
    sum_across(s, half, from, sums_plane, first - r, b.wx0, b.wx1, b.radius, h);
    const double fit = h[0] * guide[0] + h[1] * guide[1] + h[2] * guide[2] + h[3];
    const double x = read(b.x, b.x_type, c * plane + at), origin = read_origin(b.x, b.x_type, c * plane + b.origin);
    const double value = f.guided ? fit / count + origin : count * (x - origin) - fit;
    if (!live) continue;  // sum_across has the barriers, and every thread has called it for this channel
    energy += x * value;
    if (f.out && b.x_type == Number::kDouble)
      static_cast<double*>(f.out)[c * plane + at] = value;
    else if (f.out)
      static_cast<float*>(f.out)[c * plane + at] = static_cast<float>(value);
  }
  if (!f.partials) return;  // it is null for all threads of all blocks
  const double sum = sum_block(s.warps, energy);
  if (threadIdx.x == 0) f.partials[y * across + blockIdx.x % across] = sum;
}

struct Energy {
  const double* partials;
  double* energy;
  int64_t n;
  bool clamp;  // to zero: x^T L x is a sum of squares, which is negative only by rounding
};

// energy = sum of all partials, in a fixed order. One block.
__global__ void __launch_bounds__(256) add_partials(const __grid_constant__ Energy e) {
  double sum = 0.0;
  for (int64_t i = threadIdx.x; i < e.n; i += 256) sum += e.partials[i];
  sum = sum_block(shared_memory<SmallRow>().warps, sum);
  if (threadIdx.x == 0) *e.energy = e.clamp && sum < 0.0 ? 0.0 : sum;
}

// ---- how a call is cut into bands, and its scratch

struct Plan {
  int64_t groups, rows, blocks;      // rows of output of a band; blocks of write_out per row
  int64_t window_rows;               // the most rows of windows of a band
  int64_t moments, coefs, partials;  // bytes; the sums of coefficients take the place of the moments

  explicit Plan(const MattingLaplacianParams& p) {
    const int64_t r = p.radius, channels = least(p.channels, kGroup), values = channels * kFitValues;
    const int64_t moment_planes = kGuideMoments + channels * kChannelMoments;
    const int64_t row_bytes = p.width * static_cast<int64_t>(sizeof(double));
    groups = ceil_div(p.channels, kGroup);
    rows = most(most(kBandBytes / most((moment_planes + values) * row_bytes, 1) - 2 * r, 4 * r), 16);
    rows = least(rows, p.height);
    window_rows = least(rows + 2 * r, p.height);
    blocks = ceil_div(p.width, p.radius <= SmallRow::kReach ? SmallRow::kThreads : LargeRow::kThreads);
    moments = round_up(moment_planes * window_rows * row_bytes, kScratchAlign);
    coefs = round_up(values * window_rows * row_bytes, kScratchAlign);
    partials = round_up(groups * p.height * blocks * static_cast<int64_t>(sizeof(double)), kScratchAlign);
  }
};

bool has_windows(const MattingLaplacianParams& p) {
  const bool guided = p.filter == WindowFilter::kGuidedFilter;
  const int64_t span = guided ? 1 : 2 * int64_t{p.radius} + 1;
  return p.channels > 0 && p.height >= span && p.width >= span;
}

template <typename Shared>
cudaError_t run_rows(const Filter& f, bool windows, cudaStream_t stream) {
  const Band& b = f.band;
  const int64_t across = ceil_div(windows ? b.wx1 - b.wx0 : b.width, Shared::kThreads);
  const dim3 grid(static_cast<unsigned>(across * (windows ? b.wy1 - b.wy0 : f.y1 - f.y0))), block(Shared::kThreads);
  return windows ? launch<Shared>(fit_windows<Shared>, grid, block, stream, f)
                 : launch<Shared>(write_out<Shared>, grid, block, stream, f);
}

cudaError_t run_band(const Filter& f, cudaStream_t stream) {
  const Band& b = f.band;
  const bool small = b.radius <= SmallRow::kReach;
  const auto run_pass = [&](bool windows) {
    return small ? run_rows<SmallRow>(f, windows, stream) : run_rows<LargeRow>(f, windows, stream);
  };
  cudaError_t error = launch_sum_down(b, stream);
  if (error == cudaSuccess) error = run_pass(true);
  if (error != cudaSuccess) return error;
  const int64_t segments = ceil_div(f.y1 - f.y0, b.segment), across = ceil_div(b.wx1 - b.wx0, kWalkThreads);
  const dim3 grid(static_cast<unsigned>(b.channels * kFitValues * across * segments));
  error = launch<NoShared>(add_rows, grid, dim3(kWalkThreads), stream, f);
  return error == cudaSuccess ? run_pass(false) : error;
}

// The arguments for one image and group of channels, without the rows of a band.
Filter filter_of(const MattingLaplacianParams& p, const Plan& plan, int64_t image, int64_t group) {
  const int64_t plane = p.height * p.width, element = p.is_double ? sizeof(double) : sizeof(float);
  const int64_t guide_at = p.image_batch == 1 ? 0 : image * 3 * plane;
  const int64_t x_at = (image * p.channels + group * kGroup) * plane * element;
  Filter f = {};
  f.guided = p.filter == WindowFilter::kGuidedFilter;
  f.out = p.out ? static_cast<std::byte*>(p.out) + x_at : nullptr;
  Band& b = f.band;
  b.x_type = p.is_double ? Number::kDouble : Number::kFloat;
  b.guide_type = p.image_is_uint8 ? Number::kByte : b.x_type;
  b.guide = static_cast<const std::byte*>(p.image) + guide_at * (p.image_is_uint8 ? 1 : element);
  b.x = static_cast<const std::byte*>(p.x) + x_at;
  b.channels = static_cast<int>(least(p.channels - group * kGroup, kGroup));
  b.radius = p.radius;
  b.ridge_per_pixel = f.guided;
  b.eps = p.eps;
  b.height = p.height;
  b.width = p.width;
  b.segment = segment_of(p.radius);
  const int64_t margin = f.guided ? 0 : p.radius;  // the Laplacian's windows lie wholly inside the image
  b.wx0 = f.valid_y0 = margin;
  b.wx1 = p.width - margin;
  f.valid_y1 = p.height - margin;
  b.moments = f.sums = reinterpret_cast<double*>(p.scratch);
  f.coefs = reinterpret_cast<double*>(p.scratch + plan.moments);
  double* partials = reinterpret_cast<double*>(p.scratch + plan.moments + plan.coefs);
  f.partials = p.energy ? partials + group * p.height * plan.blocks : nullptr;
  return f;
}

cudaError_t run_image(const MattingLaplacianParams& p, const Plan& plan, int64_t image, cudaStream_t stream) {
  for (int64_t group = 0; group < plan.groups; ++group) {
    Filter f = filter_of(p, plan, image, group);
    for (f.y0 = 0; f.y0 < p.height; f.y0 = f.y1) {
      f.y1 = least(f.y0 + plan.rows, p.height);
      f.band.wy0 = most(f.y0 - p.radius, f.valid_y0);
      f.band.wy1 = least(f.y1 + p.radius, f.valid_y1);
      f.band.origin = (f.y0 + f.y1) / 2 * p.width + p.width / 2;
      const cudaError_t error = run_band(f, stream);
      if (error != cudaSuccess) return error;
    }
  }
  if (!p.energy) return cudaSuccess;
  Energy e;
  e.partials = reinterpret_cast<const double*>(p.scratch + plan.moments + plan.coefs);
  e.energy = p.energy + image;
  e.n = plan.groups * p.height * plan.blocks;
  e.clamp = p.filter == WindowFilter::kMattingLaplacian;
  return launch<SmallRow>(add_partials, dim3(1), dim3(256), stream, e);
}

}  // namespace

size_t window_filter_scratch(const MattingLaplacianParams& p) {
  if (!has_windows(p)) return 0;
  const Plan plan(p);
  return static_cast<size_t>(plan.moments + plan.coefs + plan.partials);
}

cudaError_t window_filter(const MattingLaplacianParams& p, cudaStream_t stream) {
  if (p.radius > kMostRadius) return cudaErrorInvalidValue;
  if (!has_windows(p)) {
    const size_t element = p.is_double ? sizeof(double) : sizeof(float);
    const size_t bytes = static_cast<size_t>(p.batch * p.channels * p.height * p.width) * element;
    cudaError_t error = cudaSuccess;
    if (p.out && bytes) error = cudaMemsetAsync(p.out, 0, bytes, stream);
    if (error == cudaSuccess && p.energy && p.batch)
      error = cudaMemsetAsync(p.energy, 0, static_cast<size_t>(p.batch) * sizeof(double), stream);
    return error;
  }
  const Plan plan(p);
  cudaError_t error = cudaSuccess;
  for (int64_t image = 0; image < p.batch && error == cudaSuccess; ++image) error = run_image(p, plan, image, stream);
  return error;
}

}  // namespace cuda
}  // namespace photostyle
