// CPU side of local_affine/params.h. Compiled once per instruction set (dispatch/cpu_kernels.h).
//
// fit        In double precision, relative to a colour of the tile: moments are summed down the 2r+1 rows of a patch,
//            then along the row, then the 3x3 system of common/window_fit.h is solved for the three output channels.
// smooth     A vector of adjacent pixels keeps its 13 sums (12 coefficients, weights) in registers while it walks
//            along a row of taps, which has been copied to the cache with its margins: outside the image the guide is
//            infinitely far, which is weight zero. Rows are summed one by one and then added up, so rounding grows
//            with 2r+1 and not with its square.
// upsample   The same walk, but adjacent pixels may look at different low-resolution pixels: the taps of a vector of
//            pixels are laid out lane by lane, a low-resolution row at a time, and serve all photo rows that see
//            them.
#include "common/exp2.h"
#include "common/simd.h"
#include "common/threads.h"
#include "common/window_fit.h"
#include "local_affine/cpu_tiling.h"
#include "local_affine/params.h"

namespace photostyle {
namespace PHOTOSTYLE_ISA {
namespace {

constexpr int kCoefs = 12;
constexpr int kPlanes = 3 + kCoefs;  // guide and coefficients
constexpr int kSums = kCoefs + 1;    // coefficients and weights
constexpr float kInfinity = __builtin_inff();

PHOTOSTYLE_INLINE int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
PHOTOSTYLE_INLINE int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }

// ---------------------------------------------------------------------------------------------- fit

template <typename T>
struct FitTile : AffineTile {
  using AffineTile::AffineTile;
  const T* content;  // [3, plane]
  const T* output;   // [3, plane]
  T* coefs;          // [12, plane]
  int64_t wide;      // row length of down
  int r;
  double ridge;
  double* down;   // [kFitMoments, wide]         column j is pixel column x0 - r + j, zero outside the image
  double* patch;  // [kFitMoments, kFitColumns]  column j is patch x0 + j
  double origin[6];
};

// Adds the moments of pixel row y: I (3), I I^T (6), and per output channel O, I O (3).
template <typename T>
void add_moments(const FitTile<T>& t, int64_t y) {
  const int64_t left = most(t.x0 - t.r, 0), n = least(t.x1 + t.r, t.width) - left, w = t.wide;
  const T* I0 = t.content + y * t.width + left;
  const T* I1 = I0 + t.plane;
  const T* I2 = I1 + t.plane;
  const T* O = t.output + y * t.width + left;
  double* D = t.down + (left - (t.x0 - t.r));
  const double o0 = t.origin[0], o1 = t.origin[1], o2 = t.origin[2];
#pragma omp simd
  for (int64_t j = 0; j < n; ++j) {
    const double i0 = I0[j] - o0, i1 = I1[j] - o1, i2 = I2[j] - o2;
    D[0 * w + j] += i0;
    D[1 * w + j] += i1;
    D[2 * w + j] += i2;
    D[3 * w + j] += i0 * i0;
    D[4 * w + j] += i0 * i1;
    D[5 * w + j] += i0 * i2;
    D[6 * w + j] += i1 * i1;
    D[7 * w + j] += i1 * i2;
    D[8 * w + j] += i2 * i2;
    for (int c = 0; c < 3; ++c) {
      const double v = O[c * t.plane + j] - t.origin[3 + c];
      D[(9 + 4 * c) * w + j] += v;
      D[(10 + 4 * c) * w + j] += i0 * v;
      D[(11 + 4 * c) * w + j] += i1 * v;
      D[(12 + 4 * c) * w + j] += i2 * v;
    }
  }
}

// patch[q][j] = down[q][j] + ... + down[q][j + 2r]
template <typename T>
void sum_patches(const FitTile<T>& t, int64_t n) {
  for (int64_t q = 0; q < kFitMoments; ++q) {
    const double* from = t.down + q * t.wide;
    double* to = t.patch + q * kFitColumns;
#pragma omp simd
    for (int64_t j = 0; j < n; ++j) to[j] = from[j] + from[j + 1] + from[j + 2];
    for (int d = 3; d <= 2 * t.r; ++d) {
#pragma omp simd
      for (int64_t j = 0; j < n; ++j) to[j] += from[j + d];
    }
  }
}

template <typename T>
void fit_row(const FitTile<T>& t, int64_t y) {
  const int64_t first = most(y - t.r, 0), last = least(y + t.r, t.height - 1), n = t.x1 - t.x0, w = kFitColumns;
  for (int64_t i = 0; i < kFitMoments * t.wide; ++i) t.down[i] = 0.0;
  for (int64_t i = first; i <= last; ++i) add_moments(t, i);
  sum_patches(t, n);
  const double rows = static_cast<double>(last - first + 1);
  const double* S = t.patch;
  T* out = t.coefs + y * t.width + t.x0;
#pragma omp simd
  for (int64_t j = 0; j < n; ++j) {
    const int64_t from = most(t.x0 + j - t.r, 0), to = least(t.x0 + j + t.r, t.width - 1);
    const double inv = 1.0 / (rows * static_cast<double>(to - from + 1));
    const double s0 = S[j], s1 = S[w + j], s2 = S[2 * w + j];
    const Factor3 f = factorise3(S[3 * w + j] - s0 * s0 * inv + t.ridge, S[4 * w + j] - s0 * s1 * inv,
                                 S[5 * w + j] - s0 * s2 * inv, S[6 * w + j] - s1 * s1 * inv + t.ridge,
                                 S[7 * w + j] - s1 * s2 * inv, S[8 * w + j] - s2 * s2 * inv + t.ridge, t.ridge);
    const double m0 = s0 * inv + t.origin[0], m1 = s1 * inv + t.origin[1], m2 = s2 * inv + t.origin[2];
    for (int c = 0; c < 3; ++c) {
      const double* So = S + (9 + 4 * c) * w;
      const double mean = So[j] * inv;
      double a0, a1, a2;
      solve3(f, So[w + j] - s0 * mean, So[2 * w + j] - s1 * mean, So[3 * w + j] - s2 * mean, a0, a1, a2);
      T* to_pixel = out + 4 * c * t.plane + j;
      to_pixel[0] = static_cast<T>(a0);
      to_pixel[t.plane] = static_cast<T>(a1);
      to_pixel[2 * t.plane] = static_cast<T>(a2);
      to_pixel[3 * t.plane] = static_cast<T>(mean + t.origin[3 + c] - (a0 * m0 + a1 * m1 + a2 * m2));
    }
  }
}

template <typename T>
void fit(const FitLocalAffineParams& p) {
  const AffineTiling tiling(p.batch, p.height, p.width, kFitColumns, kFitRows);
#pragma omp parallel for schedule(dynamic, 1) num_threads(p.threads)
  for (int64_t task = 0; task < tiling.tasks; ++task) {
    FitTile<T> t(tiling, task, p.height, p.width);
    t.content = static_cast<const T*>(p.content) + (p.content_batch == 1 ? 0 : t.batch) * 3 * t.plane;
    t.output = static_cast<const T*>(p.output) + t.batch * 3 * t.plane;
    t.coefs = static_cast<T*>(p.coefs) + t.batch * kCoefs * t.plane;
    t.r = p.radius;
    t.ridge = p.ridge;
    t.down = reinterpret_cast<double*>(p.scratch) + thread_index() * fit_values_per_thread(p.radius);
    t.wide = fit_row_length(p.radius);
    t.patch = t.down + kFitMoments * t.wide;
    for (int c = 0; c < 3; ++c) {
      t.origin[c] = t.content[c * t.plane + t.y0 * t.width + t.x0];
      t.origin[3 + c] = t.output[c * t.plane + t.y0 * t.width + t.x0];
    }
    for (int64_t y = t.y0; y < t.y1; ++y) fit_row(t, y);
  }
}

// ---------------------------------------------------------------------------------------------- taps

template <typename T>
PHOTOSTYLE_INLINE Vec<T> distance2(const Vec<T>* a, const T* b, int64_t stride) {
  const Vec<T> d0 = a[0] - load(b), d1 = a[1] - load(b + stride), d2 = a[2] - load(b + 2 * stride);
  return d0 * d0 + d1 * d1 + d2 * d2;
}

template <typename T>
PHOTOSTYLE_INLINE void add_tap(Vec<T> weight, const T* coefs, int64_t stride, Vec<T>* sums) {
#pragma GCC unroll 12
  for (int q = 0; q < kCoefs; ++q) sums[q] += weight * load(coefs + q * stride);
  sums[kCoefs] += weight;
}

// ---------------------------------------------------------------------------------------------- smooth

template <typename T>
struct SmoothTile : AffineTile {
  using AffineTile::AffineTile;
  const T* coefs;  // [12, plane]
  const T* guide;  // [3, plane]
  T* out;          // [12, plane] or null
  T* applied;      // [3, plane] or null
  int64_t wide;    // row length of row
  int r;
  T color, space;  // exp2_scale()
  T* row;          // [3 + 12, wide]             column j is pixel column x0 - r + j
  T* centre;       // [3, kSmoothColumns]        the guide at the tile's own pixels
  T* sums;         // [kSums, kSmoothColumns]
};

// to[j] = from[left + j], with `outside` where there is no such pixel.
template <typename T>
void copy_row(const T* from, int64_t width, int64_t left, int64_t n, T outside, T* to) {
  const int64_t begin = most(0, -left), end = least(n, width - left);
  for (int64_t j = 0; j < begin; ++j) to[j] = outside;
  for (int64_t j = begin; j < end; ++j) to[j] = from[left + j];
  for (int64_t j = end; j < n; ++j) to[j] = outside;
}

// Adds the taps of t.row, dy rows away, to the sums of a vector of pixels at column j of the tile.
template <typename T>
PHOTOSTYLE_INLINE void smooth_vector(const SmoothTile<T>& t, int64_t dy, int64_t j) {
  constexpr int64_t n = kSmoothColumns;
  const Vec<T> mine[3] = {load(t.centre + j), load(t.centre + n + j), load(t.centre + 2 * n + j)};
  Vec<T> sums[kSums] = {};
  for (int64_t dx = -t.r; dx <= t.r; ++dx) {
    const T* tap = t.row + j + t.r + dx;
    const Vec<T> x = distance2(mine, tap, t.wide) * t.color + static_cast<T>(dx * dx + dy * dy) * t.space;
    add_tap(exp2<T>(x), tap + 3 * t.wide, t.wide, sums);
  }
#pragma GCC unroll 13
  for (int q = 0; q < kSums; ++q) store(t.sums + q * n + j, load(t.sums + q * n + j) + sums[q]);
}

template <typename T>
void finish_row(const SmoothTile<T>& t, int64_t y) {
  const int64_t at = y * t.width + t.x0, n = t.x1 - t.x0, w = kSmoothColumns;
  for (int c = 0; c < kCoefs; ++c) {
    T* S = t.sums + c * w;
#pragma omp simd
    for (int64_t j = 0; j < n; ++j) S[j] /= t.sums[kCoefs * w + j];
    if (t.out) std::memcpy(t.out + c * t.plane + at, S, n * sizeof(T));
  }
  if (!t.applied) return;
  const T* I = t.centre;
  for (int c = 0; c < 3; ++c) {
    const T* S = t.sums + 4 * c * w;
    T* O = t.applied + c * t.plane + at;
#pragma omp simd
    for (int64_t j = 0; j < n; ++j)
      O[j] = S[j] * I[j] + S[w + j] * I[w + j] + S[2 * w + j] * I[2 * w + j] + S[3 * w + j];
  }
}

template <typename T>
void smooth_row(const SmoothTile<T>& t, int64_t y) {
  constexpr int L = kLanes<T>;
  const int64_t n = (t.x1 - t.x0 + L - 1) / L * L;
  for (int64_t i = 0; i < kSums * kSmoothColumns; ++i) t.sums[i] = T(0);
  for (int c = 0; c < 3; ++c)
    copy_row(t.guide + c * t.plane + y * t.width, t.width, t.x0, n, T(0), t.centre + c * kSmoothColumns);
  for (int64_t i = most(y - t.r, 0); i <= least(y + t.r, t.height - 1); ++i) {
    const int64_t left = t.x0 - t.r, wide = n + 2 * t.r;
    for (int q = 0; q < kPlanes; ++q) {
      const T* from = q < 3 ? t.guide + q * t.plane : t.coefs + (q - 3) * t.plane;
      copy_row(from + i * t.width, t.width, left, wide, q < 3 ? T(kInfinity) : T(0), t.row + q * t.wide);
    }
    for (int64_t j = 0; j < n; j += L) smooth_vector(t, i - y, j);
  }
  finish_row(t, y);
}

template <typename T>
void smooth(const SmoothAffineCoefficientsParams& p) {
  const AffineTiling tiling(p.batch, p.height, p.width, kSmoothColumns, kSmoothRows);
#pragma omp parallel for schedule(dynamic, 1) num_threads(p.threads)
  for (int64_t task = 0; task < tiling.tasks; ++task) {
    SmoothTile<T> t(tiling, task, p.height, p.width);
    t.coefs = static_cast<const T*>(p.coefs) + t.batch * kCoefs * t.plane;
    t.guide = static_cast<const T*>(p.guide) + (p.guide_batch == 1 ? 0 : t.batch) * 3 * t.plane;
    t.out = p.out ? static_cast<T*>(p.out) + t.batch * kCoefs * t.plane : nullptr;
    t.applied = p.applied ? static_cast<T*>(p.applied) + t.batch * 3 * t.plane : nullptr;
    t.r = p.radius;
    t.color = static_cast<T>(exp2_scale(p.sigma_color));
    t.space = static_cast<T>(exp2_scale(p.sigma_space));
    t.wide = smooth_row_length(p.radius);
    t.row = reinterpret_cast<T*>(p.scratch) + thread_index() * smooth_values_per_thread(p.radius);
    t.centre = t.row + kPlanes * t.wide;
    t.sums = t.centre + 3 * kSmoothColumns;
    for (int64_t y = t.y0; y < t.y1; ++y) smooth_row(t, y);
  }
}

// ---------------------------------------------------------------------------------------------- upsample

constexpr int kLane = kLanes<float>;

// One vector of photo pixels in each of many rows.
struct UpsampleStrip {
  int64_t x, live;  // first column; lanes that are pixels
  int64_t span;     // 2 radius + 1
  float color, space;
  int64_t first[kLane];  // leftmost tap of each lane, may lie outside the guide
  float* across;         // [span, kLane]: exponents of the horizontal distances, -inf outside the guide
  float* exponents;      // [span, span, kLane]
  float* taps;           // [span (low row modulo span), span, kPlanes, kLane]: guide and coefficients under each lane
};

// The low-resolution pixel closest to pixel i.
PHOTOSTYLE_INLINE int64_t nearest(int64_t i, int64_t low, int64_t full) { return (2 * i + 1) * low / (2 * full); }

// Squared distance of pixel i from low-resolution pixel `at`, in low-resolution pixels.
PHOTOSTYLE_INLINE float distance2(int64_t i, int64_t low, int64_t full, int64_t at) {
  const double position = (static_cast<double>(i) + 0.5) * static_cast<double>(low) / static_cast<double>(full) - 0.5;
  const double d = static_cast<double>(at) - position;
  return static_cast<float>(d * d);
}

void start_strip(const UpsampleLocalAffineParams& p, UpsampleStrip& s) {
  for (int lane = 0; lane < kLane; ++lane) {
    const int64_t x = s.x + least(lane, s.live - 1);
    s.first[lane] = nearest(x, p.low_width, p.width) - p.radius;
    for (int64_t d = 0; d < s.span; ++d) {
      const int64_t at = s.first[lane] + d;
      const bool inside = at >= 0 && at < p.low_width;
      s.across[d * kLane + lane] = inside ? distance2(x, p.low_width, p.width, at) * s.space : -kInfinity;
    }
  }
}

// Lays out the taps of low-resolution row `at`.
void lay_out_row(const UpsampleLocalAffineParams& p, const UpsampleStrip& s, int64_t at) {
  float* to = s.taps + at % s.span * s.span * kPlanes * kLane;
  for (int64_t d = 0; d < s.span; ++d) {
    int64_t from[kLane];
    for (int lane = 0; lane < kLane; ++lane)
      from[lane] = at * p.low_width + most(0, least(s.first[lane] + d, p.low_width - 1));
    for (int q = 0; q < kPlanes; ++q, to += kLane) {
      const int64_t plane = p.low_height * p.low_width;
      const float* values = q < 3 ? p.guide + q * plane : p.coefs + (q - 3) * plane;
      for (int lane = 0; lane < kLane; ++lane) to[lane] = values[from[lane]];
    }
  }
}

PHOTOSTYLE_INLINE Vec<float> load_lanes(const float* from, int64_t live) {
  if (live == kLane) return load(from);
  Vec<float> v = {};
  std::memcpy(&v, from, live * sizeof(float));
  return v;
}

PHOTOSTYLE_INLINE void store_lanes(float* to, Vec<float> v, int64_t live) {
  if (live == kLane) return store(to, v);
  std::memcpy(to, &v, live * sizeof(float));
}

// Photo row y of the strip; the rows of taps that it sees are laid out.
void upsample_vector(const UpsampleLocalAffineParams& p, const UpsampleStrip& s, int64_t y, int64_t begin,
                     int64_t end) {
  const int64_t plane = p.height * p.width, at = y * p.width + s.x;
  Vec<float> mine[3];
  for (int c = 0; c < 3; ++c) mine[c] = load_lanes(p.photo + c * plane + at, s.live);
  Vec<float> best = Vec<float>{} - kInfinity;
  float* exponent = s.exponents;
  for (int64_t i = begin; i < end; ++i) {
    const float down = distance2(y, p.low_height, p.height, i) * s.space;
    const float* tap = s.taps + i % s.span * s.span * kPlanes * kLane;
    for (int64_t d = 0; d < s.span; ++d, tap += kPlanes * kLane, exponent += kLane) {
      const Vec<float> e = distance2(mine, tap, kLane) * s.color + (load(s.across + d * kLane) + down);
      best = e > best ? e : best;
      store(exponent, e);
    }
  }
  Vec<float> sums[kSums] = {};
  exponent = s.exponents;
  for (int64_t i = begin; i < end; ++i) {
    const float* tap = s.taps + i % s.span * s.span * kPlanes * kLane;
    for (int64_t d = 0; d < s.span; ++d, tap += kPlanes * kLane, exponent += kLane)
      add_tap(exp2<float>(load(exponent) - best), tap + 3 * kLane, kLane, sums);
  }
  for (int c = 0; c < 3; ++c) {
    const Vec<float>* a = sums + 4 * c;
    const Vec<float> value = a[0] * mine[0] + a[1] * mine[1] + a[2] * mine[2] + a[3];
    store_lanes(p.out + c * plane + at, value / sums[kCoefs], s.live);
  }
}

void upsample_strip(const UpsampleLocalAffineParams& p, UpsampleStrip& s, int64_t y0, int64_t y1) {
  start_strip(p, s);
  int64_t next = 0;  // low-resolution rows below it are laid out, or no longer needed
  for (int64_t y = y0; y < y1; ++y) {
    const int64_t row = nearest(y, p.low_height, p.height);
    const int64_t begin = most(0, row - p.radius), end = least(row + p.radius + 1, p.low_height);
    for (next = most(next, begin); next < end; ++next) lay_out_row(p, s, next);
    upsample_vector(p, s, y, begin, end);
  }
}

}  // namespace

size_t fit_local_affine_scratch(const FitLocalAffineParams& p) {
  return sizeof(double) * static_cast<size_t>(p.threads * fit_values_per_thread(p.radius));
}

void fit_local_affine(const FitLocalAffineParams& p) { p.is_double ? fit<double>(p) : fit<float>(p); }

size_t smooth_affine_coefficients_scratch(const SmoothAffineCoefficientsParams& p) {
  const size_t element = p.is_double ? sizeof(double) : sizeof(float);
  return element * static_cast<size_t>(p.threads * smooth_values_per_thread(p.radius));
}

void smooth_affine_coefficients(const SmoothAffineCoefficientsParams& p) {
  p.is_double ? smooth<double>(p) : smooth<float>(p);
}

size_t upsample_local_affine_scratch(const UpsampleLocalAffineParams& p) {
  return sizeof(float) * static_cast<size_t>(p.threads * upsample_values_per_thread(p.radius));
}

void upsample_local_affine(const UpsampleLocalAffineParams& p) {
  const AffineTiling tiling(1, p.height, p.width, kUpsampleColumns, kUpsampleRows);
#pragma omp parallel for schedule(dynamic, 1) num_threads(p.threads)
  for (int64_t task = 0; task < tiling.tasks; ++task) {
    const AffineTile tile(tiling, task, p.height, p.width);
    UpsampleStrip s;
    s.span = 2 * p.radius + 1;
    s.color = static_cast<float>(exp2_scale(p.sigma_color));
    s.space = static_cast<float>(exp2_scale(p.sigma_space));
    s.across = reinterpret_cast<float*>(p.scratch) + thread_index() * upsample_values_per_thread(p.radius);
    s.exponents = s.across + s.span * kLane;
    s.taps = s.exponents + s.span * s.span * kLane;
    for (s.x = tile.x0; s.x < tile.x1; s.x += kLane) {
      s.live = least(kLane, tile.x1 - s.x);
      upsample_strip(p, s, tile.y0, tile.y1);
    }
  }
}

}  // namespace PHOTOSTYLE_ISA
}  // namespace photostyle
