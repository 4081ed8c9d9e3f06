// CPU side of bilateral_grid/params.h. Compiled once per instruction set (dispatch/cpu_kernels.h).
//
// A vector here is the 12 coefficients of one vertex, as 4 groups of 3 and a filler: pixels look at different levels,
// but each looks at whole vertices. A row of pixels is staged a chunk at a time, so that everything that does not
// depend on where a pixel looks runs over adjacent pixels.
//
// slice      The grid is interpolated in y once per row of pixels; then a pixel mixes 4 vectors of that row, and
// applies
//            the map: 4 groups times (image, 1).
// backward   A task owns one row of vertices and walks all rows of pixels that see it. A pixel adds the outer product
//            (image, 1) upstream^T to 4 vectors. These are float and go to sums in double before more than
//            kBilateralChunk terms have met in one of them.
#include "bilateral_grid/cpu_tiling.h"
#include "bilateral_grid/params.h"
#include "common/simd.h"
#include "common/threads.h"

namespace photostyle {
namespace PHOTOSTYLE_ISA {
namespace {

constexpr int kCoefs = 12;
constexpr int64_t kWide = kBilateralWide;
constexpr int64_t kChunk = kBilateralChunk;
constexpr int64_t kSliceRows = 8;  // of a task

PHOTOSTYLE_INLINE int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
PHOTOSTYLE_INLINE int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }

// One group.
template <typename T>
struct Four;
template <>
struct Four<float> {
  typedef float type __attribute__((vector_size(16)));
};
template <>
struct Four<double> {
  typedef double type __attribute__((vector_size(32)));
};

// One at a time: a larger copy would go through the stack, and be read there before its parts have arrived.
template <typename T>
PHOTOSTYLE_INLINE void get_group(const T* from, typename Four<T>::type& group) {
  std::memcpy(&group, from, sizeof group);
}
template <typename T>
PHOTOSTYLE_INLINE void put_group(const typename Four<T>::type& group, T* to) {
  std::memcpy(to, &group, sizeof group);
}

template <typename T>
constexpr int kParts = static_cast<int>(kWide) / kLanes<T>;

// Where the columns of the image lie, and a vertex's neighbours in a row [grid_width, depth, kWide] of the grid.
template <typename T>
struct Columns {
  int32_t* offsets;  // of the vertex before the column, level 0
  T* fractions;
  int64_t next_column, next_level;  // 0 if there is only one

  Columns(const BilateralShape& p, T* scratch)
      : offsets(reinterpret_cast<int32_t*>(scratch)), fractions(scratch + bilateral_column_values(p) / 2) {
    next_column = p.grid_width > 1 ? p.depth * kWide : 0;
    next_level = p.depth > 1 ? kWide : 0;
  }

  void fill(const BilateralShape& p) const {
    for (int64_t x = 0; x < p.width; ++x) {
      const GridPosition at = grid_position(x, p.width, p.grid_width);
      offsets[x] = static_cast<int32_t>(at.cell * p.depth * kWide);
      fractions[x] = static_cast<T>(at.fraction);
    }
  }
};

// What a thread keeps: one row of the grid, or of the sums for it, and a chunk of pixels.
template <typename T>
struct Workspace {
  T* row;            // [grid_width, depth, kWide]
  T* vectors;        // [kChunk, kWide]
  T* results;        // [kChunk, 4]
  T* weights[4];     // [kChunk] each: lower and upper level of the vertex before, and of the one after
  int32_t* offsets;  // [kChunk]: of the lower level of the vertex before

  Workspace(const BilateralShape& p, T* scratch) {
    row = scratch + thread_index() * bilateral_thread_values(p);
    vectors = row + bilateral_row_values(p);
    results = vectors + kChunk * kWide;
    for (int k = 0; k < 4; ++k) weights[k] = results + (4 + k) * kChunk;
    offsets = reinterpret_cast<int32_t*>(results + 8 * kChunk);
  }
};

// Offsets and weights of n pixels from column x on.
template <typename T>
void stage(const BilateralShape& p, const Columns<T>& columns, const T* guide, int64_t x, int64_t n,
           const Workspace<T>& w) {
  const int depth = static_cast<int>(p.depth);
  const bool derivative = p.derivative;
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) {
    const GridLevel<T> level = grid_level(guide[x + i], depth, derivative);
    const T after = columns.fractions[x + i], before = T(1) - after;
    w.offsets[i] = columns.offsets[x + i] + level.index * static_cast<int32_t>(kWide);
    w.weights[0][i] = before * level.lower;
    w.weights[1][i] = before * level.upper;
    w.weights[2][i] = after * level.lower;
    w.weights[3][i] = after * level.upper;
  }
}

// ---------------------------------------------------------------------------------------------- slice

// Row gy of the grid, [grid_width, depth, kWide]: groups j of (A[0][j], A[1][j], A[2][j], 0), the offset last;
// transposed, groups c of (A[c][0], A[c][1], A[c][2], 0), and no offset.
template <typename T>
void lay_out_row(const SliceBilateralGridParams& p, const T* grid, int64_t gy, T* to) {
  const int64_t level = p.grid_height * p.grid_width, plane = p.depth * level;
  for (int64_t d = 0; d < p.depth; ++d) {
    const T* from = grid + d * level + gy * p.grid_width;
    for (int64_t gx = 0; gx < p.grid_width; ++gx) {
      T* vector = to + (gx * p.depth + d) * kWide;
      for (int k = 0; k < 4; ++k) {
        for (int l = 0; l < 3; ++l) {
          const int q = p.transposed ? 4 * k + l : 4 * l + k;
          vector[4 * k + l] = q < kCoefs ? from[q * plane + gx] : T(0);
        }
        vector[4 * k + 3] = T(0);
      }
    }
  }
}

template <typename T>
void interpolate_rows(const T* above, const T* below, T fraction, int64_t n, T* out) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) out[i] = above[i] + fraction * (below[i] - above[i]);
}

// The maps of the staged pixels.
template <typename T>
void mix(const Columns<T>& columns, int64_t n, const Workspace<T>& w) {
  constexpr int L = kLanes<T>;
  const int64_t neighbours[4] = {0, columns.next_level, columns.next_column,
                                 columns.next_column + columns.next_level};
  for (int64_t i = 0; i < n; ++i) {
    const T* from = w.row + w.offsets[i];
    Vec<T> sums[kParts<T>] = {};
#pragma GCC unroll 4
    for (int k = 0; k < 4; ++k) {
      const T weight = w.weights[k][i];
#pragma GCC unroll 8
      for (int v = 0; v < kParts<T>; ++v) sums[v] += weight * load(from + neighbours[k] + v * L);
    }
#pragma GCC unroll 8
    for (int v = 0; v < kParts<T>; ++v) store(w.vectors + i * kWide + v * L, sums[v]);
  }
}

// Applies the maps to n pixels.
template <typename T>
void apply(const T* image, int64_t plane, int64_t n, const Workspace<T>& w) {
  using Group = typename Four<T>::type;
  for (int64_t i = 0; i < n; ++i) {
    Group groups[4];
    for (int k = 0; k < 4; ++k) get_group(w.vectors + i * kWide + 4 * k, groups[k]);
    Group value = groups[3];
    for (int k = 0; k < 3; ++k) value += groups[k] * image[k * plane + i];
    put_group(value, w.results + 4 * i);
  }
}

// The results, as planes or as their product with upstream.
template <typename T>
void put(const T* results, const T* upstream, int64_t plane, int64_t n, T* out) {
  if (upstream) {
#pragma omp simd
    for (int64_t i = 0; i < n; ++i)
      out[i] = results[4 * i] * upstream[i] + results[4 * i + 1] * upstream[plane + i] +
               results[4 * i + 2] * upstream[2 * plane + i];
    return;
  }
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) {
    out[i] = results[4 * i];
    out[plane + i] = results[4 * i + 1];
    out[2 * plane + i] = results[4 * i + 2];
  }
}

template <typename T>
void slice_row(const SliceBilateralGridParams& p, const Columns<T>& columns, const T* grid, int64_t item, int64_t y,
               const Workspace<T>& w) {
  const int64_t plane = p.height * p.width, values = bilateral_row_values(p);
  const GridPosition at = grid_position(y, p.height, p.grid_height);
  const T* above = grid + at.cell * values;
  interpolate_rows(above, p.grid_height > 1 ? above + values : above, static_cast<T>(at.fraction), values, w.row);
  const T* guide = static_cast<const T*>(p.guide) + item * plane + y * p.width;
  const T* image = static_cast<const T*>(p.image) + item * 3 * plane + y * p.width;
  const T* upstream = p.upstream ? static_cast<const T*>(p.upstream) + item * 3 * plane + y * p.width : nullptr;
  T* out = static_cast<T*>(p.out) + (upstream ? 1 : 3) * item * plane + y * p.width;
  for (int64_t x = 0; x < p.width; x += kChunk) {
    const int64_t n = least(kChunk, p.width - x);
    stage(p, columns, guide, x, n, w);
    mix(columns, n, w);
    apply(image + x, plane, n, w);
    put(w.results, upstream ? upstream + x : nullptr, plane, n, out + x);
  }
}

template <typename T>
void slice(const SliceBilateralGridParams& p) {
  const int64_t values = bilateral_row_values(p);
  T* grid = reinterpret_cast<T*>(p.scratch);  // [grid_height, grid_width, depth, kWide]
  const Columns<T> columns(p, grid + p.grid_height * values);
  T* threads = grid + p.grid_height * values + bilateral_column_values(p);
  columns.fill(p);
  const int64_t tasks = (p.height + kSliceRows - 1) / kSliceRows;
  for (int64_t item = 0; item < p.batch; ++item) {
    if (item == 0 || p.grid_batch > 1) {
      const T* from = static_cast<const T*>(p.grid) + item * kCoefs * p.depth * p.grid_height * p.grid_width;
#pragma omp parallel for schedule(static) num_threads(p.threads)
      for (int64_t gy = 0; gy < p.grid_height; ++gy) lay_out_row(p, from, gy, grid + gy * values);
    }
#pragma omp parallel for schedule(dynamic, 1) num_threads(p.threads)
    for (int64_t task = 0; task < tasks; ++task) {
      const Workspace<T> w(p, threads);
      for (int64_t y = task * kSliceRows; y < least(p.height, (task + 1) * kSliceRows); ++y)
        slice_row(p, columns, grid, item, y, w);
    }
  }
}

// ---------------------------------------------------------------------------------------------- backward

// What one task adds up: pixel rows [y0, y1) around one row of vertices.
struct VertexRow {
  int64_t gy, y0, y1;
  double* sums;  // [grid_width, depth, kWide]
};

// Outer products of n pixels: groups k of image[k] weight upstream, and for the offset weight upstream.
template <typename T>
void multiply(const T* image, const T* upstream, int64_t plane, int64_t n, T weight, const Workspace<T>& w) {
  using Group = typename Four<T>::type;
  for (int64_t i = 0; i < n; ++i) {
    const Group scaled = Group{upstream[i], upstream[plane + i], upstream[2 * plane + i], T(0)} * weight;
    for (int k = 0; k < 3; ++k) put_group(scaled * image[k * plane + i], w.vectors + i * kWide + 4 * k);
    put_group(scaled, w.vectors + i * kWide + 12);
  }
}

// Adds the products of the staged pixels to their vertices in w.row.
template <typename T>
void scatter(const Columns<T>& columns, int64_t n, const Workspace<T>& w) {
  constexpr int L = kLanes<T>;
  const int64_t neighbours[4] = {0, columns.next_level, columns.next_column,
                                 columns.next_column + columns.next_level};
  for (int64_t i = 0; i < n; ++i) {
    T* to = w.row + w.offsets[i];
    Vec<T> product[kParts<T>];
#pragma GCC unroll 8
    for (int v = 0; v < kParts<T>; ++v) product[v] = load(w.vectors + i * kWide + v * L);
#pragma GCC unroll 4
    for (int k = 0; k < 4; ++k) {
      const T weight = w.weights[k][i];
      T* vertex = to + neighbours[k];
#pragma GCC unroll 8
      for (int v = 0; v < kParts<T>; ++v) store(vertex + v * L, load(vertex + v * L) + weight * product[v]);
    }
  }
}

// Moves the sums [begin, end) to those in double.
template <typename T>
void flush(T* row, int64_t begin, int64_t end, double* sums) {
#pragma omp simd
  for (int64_t i = begin; i < end; ++i) {
    sums[i] += static_cast<double>(row[i]);
    row[i] = T(0);
  }
}

// The rows [y0, y1) of one image.
template <typename T>
void add_image(const SliceBilateralGridBackwardGridParams& p, const Columns<T>& columns, const VertexRow& task,
               int64_t item, const Workspace<T>& w) {
  const int64_t plane = p.height * p.width, values = bilateral_row_values(p);
  const T* guide = static_cast<const T*>(p.guide) + item * plane;
  const T* image = static_cast<const T*>(p.image) + item * 3 * plane;
  const T* upstream = static_cast<const T*>(p.upstream) + item * 3 * plane;
  // Terms of a vertex in a row of pixels; where they are many, every chunk is flushed, else a few rows together.
  const int64_t terms = p.grid_width > 1 ? 2 * (p.width / (p.grid_width - 1) + 1) : p.width;
  const bool each_chunk = terms >= kChunk;
  int64_t pending = 0;
  for (int64_t y = task.y0; y < task.y1; ++y) {
    const GridPosition at = grid_position(y, p.height, p.grid_height);
    const T weight = static_cast<T>(at.cell == task.gy ? 1.0 - at.fraction : at.fraction);
    for (int64_t x = 0; x < p.width; x += kChunk) {
      const int64_t n = least(kChunk, p.width - x), from = y * p.width + x;
      stage(p, columns, guide + y * p.width, x, n, w);
      multiply(image + from, upstream + from, plane, n, weight, w);
      scatter(columns, n, w);
      if (each_chunk) {
        const int64_t end = columns.offsets[x + n - 1] + columns.next_column + p.depth * kWide;
        flush(w.row, columns.offsets[x], end, task.sums);
      }
    }
    pending += terms;
    if (!each_chunk && pending + terms > kChunk) {
      flush(w.row, 0, values, task.sums);
      pending = 0;
    }
  }
  flush(w.row, 0, values, task.sums);
}

// Adds up the parts of a row of vertices, in their order.
template <typename T>
void finish_row(const SliceBilateralGridBackwardGridParams& p, const double* sums, int64_t parts, int64_t gy,
                T* grad) {
  const int64_t level = p.grid_height * p.grid_width, plane = p.depth * level, values = bilateral_row_values(p);
  for (int64_t d = 0; d < p.depth; ++d) {
    T* to = grad + d * level + gy * p.grid_width;
    for (int q = 0; q < kCoefs; ++q) {
      const double* from = sums + gy * parts * values + d * kWide + q % 4 * 4 + q / 4;
      for (int64_t gx = 0; gx < p.grid_width; ++gx, from += p.depth * kWide) {
        double sum = from[0];
        for (int64_t part = 1; part < parts; ++part) sum += from[part * values];
        to[q * plane + gx] = static_cast<T>(sum);
      }
    }
  }
}

template <typename T>
void backward(const SliceBilateralGridBackwardGridParams& p) {
  const int64_t values = bilateral_row_values(p), parts = bilateral_parts(p);
  double* sums = reinterpret_cast<double*>(p.scratch);  // [grid_height, parts, grid_width, depth, kWide]
  T* rest = reinterpret_cast<T*>(sums + p.grid_height * parts * values);
  const Columns<T> columns(p, rest);
  T* threads = rest + bilateral_column_values(p);
  columns.fill(p);
  const int64_t items = p.grid_batch > 1 ? 1 : p.batch;  // that add to one grid
  for (int64_t first = 0; first < p.batch; first += items) {
#pragma omp parallel for schedule(dynamic, 1) num_threads(p.threads)
    for (int64_t t = 0; t < p.grid_height * parts; ++t) {
      const Workspace<T> w(p, threads);
      VertexRow task;
      task.gy = t / parts;
      task.sums = sums + t * values;
      const int64_t above = grid_first(most(task.gy - 1, 0), p.height, p.grid_height);
      const int64_t below = grid_first(least(task.gy + 1, grid_cells(p.grid_height)), p.height, p.grid_height);
      const int64_t part = t % parts, rows = below - above;
      task.y0 = above + rows * part / parts;
      task.y1 = above + rows * (part + 1) / parts;
      for (int64_t i = 0; i < values; ++i) task.sums[i] = 0.0;
      for (int64_t i = 0; i < values; ++i) w.row[i] = T(0);
      for (int64_t item = first; item < first + items; ++item) add_image(p, columns, task, item, w);
    }
    T* grad = static_cast<T*>(p.grad) + first * kCoefs * p.depth * p.grid_height * p.grid_width;
#pragma omp parallel for schedule(static) num_threads(p.threads)
    for (int64_t gy = 0; gy < p.grid_height; ++gy) finish_row(p, sums, parts, gy, grad);
  }
}

}  // namespace

size_t slice_bilateral_grid_scratch(const SliceBilateralGridParams& p) {
  const int64_t shared = p.grid_height * bilateral_row_values(p) + bilateral_column_values(p);
  const int64_t values = shared + p.threads * bilateral_thread_values(p);
  return static_cast<size_t>(values) * (p.is_double ? sizeof(double) : sizeof(float));
}

void slice_bilateral_grid(const SliceBilateralGridParams& p) { p.is_double ? slice<double>(p) : slice<float>(p); }

size_t slice_bilateral_grid_backward_grid_scratch(const SliceBilateralGridBackwardGridParams& p) {
  const int64_t sums = p.grid_height * bilateral_parts(p) * bilateral_row_values(p);
  const int64_t values = bilateral_column_values(p) + p.threads * bilateral_thread_values(p);
  return static_cast<size_t>(sums) * sizeof(double) +
         static_cast<size_t>(values) * (p.is_double ? sizeof(double) : sizeof(float));
}

void slice_bilateral_grid_backward_grid(const SliceBilateralGridBackwardGridParams& p) {
  p.is_double ? backward<double>(p) : backward<float>(p);
}

}  // namespace PHOTOSTYLE_ISA
}  // namespace photostyle
