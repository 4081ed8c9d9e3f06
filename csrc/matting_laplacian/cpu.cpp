// CPU side of matting_laplacian/params.h. Compiled once per instruction set (dispatch/cpu_kernels.h).
//
// A task is a tile of outputs of up to three channels. It walks down the tile one row of windows at a time:
//
//   pixel rows  --minus the origin------->   rows[row][I, x][column]  the last 2r+2 of them, as doubles
//   rows        --add new, subtract old-->   V[q][column]             moments: vertical sums over 2r+1 rows
//   V           --sum of 2r+1 columns,
//                 factorise, solve------->   ring[row][a, b][window]  the fits of one row of windows
//   ring        --add new, subtract old-->   A[a, b][window]          vertical sums over 2r+1 rows of windows
//   A           --sum of 2r+1 columns---->   sums of a_w and b_w over the windows of each output pixel
//
// A vector holds neighbouring windows of a row. All arithmetic is in double precision, because the windows are
// singular to within 1e-8. Colours are taken relative to one pixel of the tile, so the running sums have an error of
// about 1e-14, against a regularisation of 1e-7. Guide and x are read once and the output is written once; the
// buffers stay in the cache and are padded with zeros to whole vectors.
#include "common/integers.h"
#include "common/simd.h"
#include "common/threads.h"
#include "common/window_fit.h"
#include "matting_laplacian/cpu_tiling.h"
#include "matting_laplacian/params.h"

namespace photostyle {
namespace PHOTOSTYLE_ISA {
namespace {

using D = Vec<double>;
constexpr int L = kLanes<double>;

template <int C>
constexpr int kMoments = 9 + 4 * C;  // I (3), I I^T (6), and per channel x, I x (3)
template <int C>
constexpr int kCoefs = 4 * C;  // per channel a (3), b

// One tile: its place in the image, and its buffers.
template <typename T, int C>
struct Tile {
  const T* image;  // [3, plane]
  const T* x;      // [C, plane]
  T* out;          // [C, plane] or null
  int64_t height, width, plane;
  int64_t x0, x1, y0, y1;                          // outputs
  int64_t wx0, wx1, wy0, wy1;                      // windows that reach them
  int64_t valid_x0, valid_x1, valid_y0, valid_y1;  // centres of all windows of the image
  int64_t wide, mid;                               // row lengths of V; of ring and A
  int r;
  double eps;
  bool guided;
  double* rows;            // [2r+2, 3+C, wide]  column j is pixel column x0 - 2r + j
  double* V;               // [kMoments, wide]   likewise
  double* ring;            // [2r+1, kCoefs, mid]  column j is window column x0 - r + j
  double* A;               // [kCoefs, mid]        likewise
  double* inv_across;      // [mid]  1 / columns of pixels in a window
  double* windows_across;  // [mid]  columns of windows that contain output x0 + j
  double* result;          // [mid]  one row of one channel of the output
  double* row_is_wild;     // [2r+2]  1 for a pixel row with a value that the running sums could not get rid of
  double* ring_is_wild;    // [2r+1]  likewise, for a row of fits
  int64_t wild_rows;       // in V
  double origin[3 + C];
};

// For radius 1, which Luan et al. use, the row lengths of the buffers are constants: the two dozen rows that a loop
// walks along then share one address register. Span is 2r+1 for this radius, else 0.
template <int Span, typename Tile>
PHOTOSTYLE_INLINE int64_t row_wide(const Tile& t) {
  return Span == 3 ? MattingTiling::padded(MattingTiling::kColumns + 4) : t.wide;
}
template <int Span, typename Tile>
PHOTOSTYLE_INLINE int64_t row_mid(const Tile& t) {
  return Span == 3 ? MattingTiling::padded(MattingTiling::kColumns + 2) : t.mid;
}

// Sum of 2r+1 neighbouring columns.
template <int Span>
PHOTOSTYLE_INLINE D sum_columns(const double* row, int r) {
  D sum = load(row);
  if (Span > 0) {
#pragma GCC unroll 8
    for (int d = 1; d < Span; ++d) sum += load(row + d);
  } else {
    for (int d = 1; d <= 2 * r; ++d) sum += load(row + d);
  }
  return sum;
}

// The position of pixel row y among those that are kept.
template <typename T, int C>
PHOTOSTYLE_INLINE int64_t row_slot(const Tile<T, C>& t, int64_t y) {
  return (y + 2 * t.r + 2) % (2 * t.r + 2);
}

template <typename T, int C>
PHOTOSTYLE_INLINE double* pixel_row(const Tile<T, C>& t, int64_t y) {
  return t.rows + row_slot(t, y) * (3 + C) * t.wide;
}

// What is not finite, or has a square that swallows all others, would stay in a running sum after it has left. A sum
// that loses a row with such a value is added up anew, so that it spoils only the windows that contain it.
inline uint32_t is_wild(float value) { return !(__builtin_fabsf(value) < 1e12f); }
inline uint64_t is_wild(double value) { return !(__builtin_fabs(value) < 1e12); }

template <typename T>
bool any_is_wild(const T* values, int64_t n) {
  auto wild = is_wild(T{});  // as wide as T, so that the loop is one of whole vectors
  for (int64_t j = 0; j < n; ++j) wild |= is_wild(values[j]);
  return wild;
}

// Copies pixel row y to `rows`, relative to the origin.
template <typename T, int C>
void read_row(Tile<T, C>& t, int64_t y) {
  const int64_t first = most(t.x0 - 2 * t.r, 0);
  const int64_t end = least(t.x1 + 2 * t.r, t.width);
  bool wild = false;
  for (int c = 0; c < 3 + C; ++c) {
    const T* from = (c < 3 ? t.image + c * t.plane : t.x + (c - 3) * t.plane) + y * t.width + first;
    double* to = pixel_row(t, y) + c * t.wide + (first - (t.x0 - 2 * t.r));
    const double origin = t.origin[c];
    for (int64_t j = 0; j < end - first; ++j) to[j] = static_cast<double>(from[j]) - origin;
    wild |= any_is_wild(from, end - first);
  }
  t.row_is_wild[row_slot(t, y)] = wild ? 1.0 : 0.0;
  t.wild_rows += wild;
}

// Adds the moments of row `enters` and subtracts those of row `leaves`; a row outside the image is null.
template <int Span, bool Enters, bool Leaves, typename T, int C>
void update_moments(const Tile<T, C>& t, const double* enters, const double* leaves) {
  const int64_t w = row_wide<Span>(t), n = t.x1 - t.x0 + 4 * t.r;
  double* const V = t.V;
  for (int64_t j = 0; j < n; j += L) {
    D in[3 + C], out[3 + C];
#pragma GCC unroll 6
    for (int c = 0; c < 3 + C; ++c) {
      in[c] = Enters ? load(enters + c * w + j) : D{};
      out[c] = Leaves ? load(leaves + c * w + j) : D{};
    }
    const auto add = [&](int q, D change)
                         __attribute__((always_inline)) { store(V + q * w + j, load(V + q * w + j) + change); };
    int q = 3;
#pragma GCC unroll 3
    for (int a = 0; a < 3; ++a) {
      add(a, in[a] - out[a]);
#pragma GCC unroll 3
      for (int b = a; b < 3; ++b) add(q++, in[a] * in[b] - out[a] * out[b]);
    }
#pragma GCC unroll 3
    for (int c = 3; c < 3 + C; ++c) {
      add(q++, in[c] - out[c]);
#pragma GCC unroll 3
      for (int a = 0; a < 3; ++a) add(q++, in[a] * in[c] - out[a] * out[c]);
    }
  }
}

// Fits the windows of row wy. Their coefficients replace a row of the ring, and the difference is added to A.
template <int Span, bool Guided, typename T, int C>
void solve_row(const Tile<T, C>& t, int64_t wy, double* ring) {
  const int64_t w = row_mid<Span>(t), wide = row_wide<Span>(t), first = t.wx0 - (t.x0 - t.r), n = t.wx1 - t.wx0;
  const int64_t top = wy - t.r > 0 ? wy - t.r : 0;
  const int64_t bottom = wy + t.r < t.height ? wy + t.r + 1 : t.height;
  const double rows = static_cast<double>(bottom - top);
  const double inv_rows = 1.0 / rows;
  const double* inv_across = t.inv_across + first;
  const int r = t.r;
  const double eps = t.eps;
  const double* V = t.V + first;
  double* R = ring + first;
  double* A = t.A + first;
  for (int64_t j = 0; j < n; j += L) {
    D h[kMoments<C>];
#pragma GCC unroll 21
    for (int q = 0; q < kMoments<C>; ++q) h[q] = sum_columns<Span>(V + q * wide + j, r);
    const D inv = inv_rows * load(inv_across + j);
    const D ridge = Guided ? eps / inv : D{} + eps;
    const D m0 = h[0] * inv, m1 = h[1] * inv, m2 = h[2] * inv;
    const Factor3<D> f = factorise3<D>(h[3] - h[0] * m0 + ridge, h[4] - h[0] * m1, h[5] - h[0] * m2,
                                       h[6] - h[1] * m1 + ridge, h[7] - h[1] * m2, h[8] - h[2] * m2 + ridge, ridge);
#pragma GCC unroll 3
    for (int c = 0; c < C; ++c) {
      const D* hx = h + 9 + 4 * c;
      D fit[4];
      solve3<D>(f, hx[1] - m0 * hx[0], hx[2] - m1 * hx[0], hx[3] - m2 * hx[0], fit[0], fit[1], fit[2]);
      fit[3] = hx[0] * inv - fit[0] * m0 - fit[1] * m1 - fit[2] * m2;
#pragma GCC unroll 4
      for (int q = 0; q < 4; ++q) {
        const int64_t at = (4 * c + q) * w + j;
        store(A + at, load(A + at) + (fit[q] - load(R + at)));
        store(R + at, fit[q]);
      }
    }
  }
  // The sums of columns also read beyond the last window and must find zero there.
  const int64_t end = round_up(n, L);
  for (int q = 0; q < kCoefs<C>; ++q)
    for (int64_t j = n; j < end; ++j) A[q * w + j] = R[q * w + j] = 0.0;
}

// A row of windows leaves and none enters.
template <typename T, int C>
void drop_row(const Tile<T, C>& t, double* ring) {
  for (int64_t j = 0; j < kCoefs<C> * t.mid; ++j) {
    t.A[j] -= ring[j];
    ring[j] = 0.0;
  }
}

// Writes output row y from the sums of coefficients, and returns the sum of x * out.
template <int Span, bool Guided, typename T, int C>
double write_row(const Tile<T, C>& t, int64_t y) {
  const int64_t n = t.x1 - t.x0;
  const int64_t top = most(y - t.r, t.valid_y0);
  const int64_t bottom = least(y + t.r + 1, t.valid_y1);
  const double rows = bottom > top ? static_cast<double>(bottom - top) : 0.0;
  const double* row = pixel_row(t, y) + 2 * t.r;
  const int64_t mid = row_mid<Span>(t), wide = row_wide<Span>(t);
  const int r = t.r;
  const double* const windows_across = t.windows_across;
  double* const result = t.result;
  D energy = {};
  for (int c = 0; c < C; ++c) {
    const double* A = t.A + 4 * c * mid;
    const double origin = t.origin[3 + c];
    for (int64_t j = 0; j < n; j += L) {
      const D fit =
          sum_columns<Span>(A + j, r) * load(row + j) + sum_columns<Span>(A + mid + j, r) * load(row + wide + j) +
          sum_columns<Span>(A + 2 * mid + j, r) * load(row + 2 * wide + j) + sum_columns<Span>(A + 3 * mid + j, r);
      const D x = load(row + (3 + c) * wide + j), count = rows * load(windows_across + j);
      const D value = Guided ? fit / count + origin : count * x - fit;
      store(result + j, value);
      energy += (x + origin) * value;  // beyond the tile's last column, count and fit are zero
    }
    if (!t.out) continue;
    T* out = t.out + c * t.plane + y * t.width + t.x0;
    for (int64_t j = 0; j < n; ++j) out[j] = static_cast<T>(result[j]);
  }
  double sum = 0.0;
  for (int i = 0; i < L; ++i) sum += energy[i];
  return sum;
}

template <typename T, int C>
void clear(Tile<T, C>& t) {
  for (int64_t i = 0; i < (2 * t.r + 2) * (3 + C) * t.wide; ++i) t.rows[i] = 0.0;
  for (int64_t i = 0; i < kMoments<C> * t.wide; ++i) t.V[i] = 0.0;
  for (int64_t i = 0; i < (2 * t.r + 1) * kCoefs<C> * t.mid; ++i) t.ring[i] = 0.0;
  for (int64_t i = 0; i < kCoefs<C> * t.mid; ++i) t.A[i] = 0.0;
  for (int64_t j = 0; j < t.mid; ++j) {
    const int64_t wx = t.x0 - t.r + j, x = t.x0 + j;
    const int64_t left = most(wx - t.r, 0), right = least(wx + t.r + 1, t.width);
    t.inv_across[j] = right > left ? 1.0 / static_cast<double>(right - left) : 1.0;
    const int64_t from = most(x - t.r, t.valid_x0);
    const int64_t to = least(x + t.r + 1, t.valid_x1);
    t.windows_across[j] = x < t.x1 && to > from ? static_cast<double>(to - from) : 0.0;
  }
  for (int c = 0; c < 3; ++c) t.origin[c] = t.image[c * t.plane + t.y0 * t.width + t.x0];
  for (int c = 0; c < C; ++c) t.origin[3 + c] = t.x[c * t.plane + t.y0 * t.width + t.x0];
  for (double& origin : t.origin)
    if (is_wild(origin)) origin = 0.0;
  for (int64_t i = 0; i < 4 * t.r + 3; ++i) t.row_is_wild[i] = 0.0;  // and ring_is_wild, which follows it
  t.wild_rows = 0;
}

// Adds up the moments of the windows of row k anew, from pixel rows that have been read.
template <int Span, typename T, int C>
__attribute__((noinline, cold)) void restart_moments(const Tile<T, C>& t, int64_t k) {
  for (int64_t i = 0; i < kMoments<C> * t.wide; ++i) t.V[i] = 0.0;
  for (int64_t y = most(k - t.r, 0); y <= k + t.r && y < t.height; ++y)
    update_moments<Span, true, false>(t, pixel_row(t, y), nullptr);
}

// Empties a row of the ring that has a fit which the running sum could not get rid of, and adds up the others.
template <typename T, int C>
__attribute__((noinline, cold)) void restart_fits(const Tile<T, C>& t, double* slot) {
  const int64_t n = kCoefs<C> * t.mid;
  for (int64_t j = 0; j < n; ++j) slot[j] = t.A[j] = 0.0;
  for (int64_t i = 0; i < 2 * t.r + 1; ++i)
    for (int64_t j = 0; j < n; ++j) t.A[j] += t.ring[i * n + j];
}

// Advances the moments from window row k - 1 to row k, or starts them at the first row.
template <int Span, typename T, int C>
void advance_moments(Tile<T, C>& t, int64_t k) {
  const int64_t from = k == t.wy0 ? (most(k - t.r, 0)) : k + t.r;
  const bool leaves = k > t.wy0 && k - t.r - 1 >= 0;
  const bool wild = leaves && t.row_is_wild[row_slot(t, k - t.r - 1)] != 0.0;
  for (int64_t y = from; y <= k + t.r && y < t.height; ++y) {
    read_row(t, y);
    if (leaves)
      update_moments<Span, true, true>(t, pixel_row(t, y), pixel_row(t, k - t.r - 1));
    else
      update_moments<Span, true, false>(t, pixel_row(t, y), nullptr);
  }
  if (leaves && k + t.r >= t.height) update_moments<Span, false, true>(t, nullptr, pixel_row(t, k - t.r - 1));
  if (wild) {
    --t.wild_rows;
    restart_moments<Span>(t, k);
  }
}

template <int Span, bool Guided, typename T, int C>
double run_tile(Tile<T, C>& t) {
  clear(t);
  const int64_t span = 2 * t.r + 1, ring_row = kCoefs<C> * t.mid;
  double energy = 0.0;
  // Step k fits window row k, if there is one, and completes output row k - r.
  for (int64_t k = t.y0 - t.r; k < t.y1 + t.r; ++k) {
    const int64_t number = (k - (t.y0 - t.r)) % span;
    double* slot = t.ring + number * ring_row;
    if (t.ring_is_wild[number] != 0.0) restart_fits(t, slot);
    t.ring_is_wild[number] = 0.0;
    if (t.wx0 < t.wx1 && k >= t.wy0 && k < t.wy1) {
      advance_moments<Span>(t, k);
      solve_row<Span, Guided>(t, k, slot);
      t.ring_is_wild[number] = t.wild_rows > 0 ? 1.0 : 0.0;
    } else {
      drop_row(t, slot);
    }
    if (k - t.r >= t.y0) energy += write_row<Span, Guided>(t, k - t.r);
  }
  return energy;
}

template <typename T, int C>
double run_task(const MattingLaplacianParams& p, const MattingTiling& tiling, int64_t task, double* scratch) {
  Tile<T, C> t;
  const int64_t bx = task % tiling.across, by = task / tiling.across % tiling.down;
  const int64_t group = task / (tiling.across * tiling.down) % tiling.groups;
  const int64_t batch = task / (tiling.across * tiling.down * tiling.groups);
  t.height = p.height;
  t.width = p.width;
  t.plane = p.height * p.width;
  const int64_t image_at = p.image_batch == 1 ? 0 : batch * 3 * t.plane;
  const int64_t x_at = (batch * p.channels + group * MattingTiling::kGroup) * t.plane;
  t.image = static_cast<const T*>(p.image) + image_at;
  t.x = static_cast<const T*>(p.x) + x_at;
  t.out = p.out ? static_cast<T*>(p.out) + x_at : nullptr;
  t.r = p.radius;
  t.eps = p.eps;
  t.guided = p.filter == WindowFilter::kGuidedFilter;
  const int64_t margin = t.guided ? 0 : t.r;  // the Laplacian's windows lie wholly inside the image
  t.valid_x0 = t.valid_y0 = margin;
  t.valid_x1 = p.width - margin;
  t.valid_y1 = p.height - margin;
  t.x0 = bx * tiling.columns;
  t.x1 = least(t.x0 + tiling.columns, p.width);
  t.y0 = by * tiling.rows;
  t.y1 = least(t.y0 + tiling.rows, p.height);
  t.wx0 = most(t.x0 - t.r, t.valid_x0);
  t.wx1 = least(t.x1 + t.r, t.valid_x1);
  t.wy0 = most(t.y0 - t.r, t.valid_y0);
  t.wy1 = least(t.y1 + t.r, t.valid_y1);
  t.mid = tiling.mid(t.r);
  t.wide = tiling.wide(t.r);
  t.rows = scratch;
  t.V = t.rows + (2 * t.r + 2) * (3 + C) * t.wide;
  t.ring = t.V + kMoments<C> * t.wide;
  t.A = t.ring + (2 * t.r + 1) * kCoefs<C> * t.mid;
  t.windows_across = t.A + kCoefs<C> * t.mid;
  t.inv_across = t.windows_across + t.mid;
  t.result = t.inv_across + t.mid;
  t.row_is_wild = t.result + t.mid;
  t.ring_is_wild = t.row_is_wild + 2 * t.r + 2;
  if (t.guided) return run_tile<0, true>(t);
  return t.r == 1 ? run_tile<3, false>(t) : run_tile<0, false>(t);
}

template <typename T>
double run_group(const MattingLaplacianParams& p, const MattingTiling& tiling, int64_t task, double* scratch) {
  const int64_t group = task / (tiling.across * tiling.down) % tiling.groups;
  switch (p.channels - group * MattingTiling::kGroup) {
    case 1:
      return run_task<T, 1>(p, tiling, task, scratch);
    case 2:
      return run_task<T, 2>(p, tiling, task, scratch);
    default:
      return run_task<T, 3>(p, tiling, task, scratch);
  }
}

}  // namespace

size_t matting_laplacian_scratch(const MattingLaplacianParams& p) {
  const MattingTiling tiling(p);
  return sizeof(double) * static_cast<size_t>(p.threads * tiling.doubles_per_thread(p.radius) + tiling.tasks);
}

void matting_laplacian(const MattingLaplacianParams& p) {
  const MattingTiling tiling(p);
  const int64_t per_thread = tiling.doubles_per_thread(p.radius);
  double* scratch = reinterpret_cast<double*>(p.scratch);
  double* task_energy = scratch + p.threads * per_thread;
#pragma omp parallel for schedule(dynamic, 1) num_threads(p.threads)
  for (int64_t task = 0; task < tiling.tasks; ++task) {
    double* mine = scratch + thread_index() * per_thread;
    task_energy[task] =
        p.is_double ? run_group<double>(p, tiling, task, mine) : run_group<float>(p, tiling, task, mine);
  }
  if (!p.energy) return;
  const int64_t per_image = tiling.tasks / (p.batch > 0 ? p.batch : 1);
  for (int64_t b = 0; b < p.batch; ++b) {
    double sum = 0.0;
    for (int64_t i = 0; i < per_image; ++i) sum += task_energy[b * per_image + i];
    p.energy[b] = sum < 0.0 ? 0.0 : sum;  // x^T L x is a sum of squares: it is negative only by rounding
  }
}

}  // namespace PHOTOSTYLE_ISA
}  // namespace photostyle
