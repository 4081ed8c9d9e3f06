// A bilateral grid of affine colour maps (Chen, Paris, Durand 2007; Gharbi et al. 2017), sliced by a guide and
// applied:
//
//     slice      out[c](p) = sum_{j<3} A[c][j](p) image[j](p) + A[c][3](p)
//     backward   its gradient to the grid: every pixel adds upstream[c](p) (image(p), 1)[j] to its 8 vertices,
//     weighted
//
// A(p) is the trilinear interpolation of the grid [12 = 4 c + j, depth, grid_height, grid_width] at
//
//     x = (column + 1/2) / width (grid_width - 1),  likewise y,   z = clamp(guide, 0, 1) (depth - 1)
//
// The other gradients are slices too: that to the image is the transposed one, that to the guide takes the derivative
// of A in z. A NaN in the guide gives NaN, never an index outside the grid.
//
// The launchers allocate nothing and know no framework. Sums have an order that depends on sizes only: the results
// are the same bits for any number of threads.
#pragma once

#include <cstddef>
#include <cstdint>

#ifdef __CUDACC__
#define PHOTOSTYLE_GRID_INLINE static __host__ __device__ __forceinline__
#else
#define PHOTOSTYLE_GRID_INLINE static inline __attribute__((always_inline))
#endif

namespace photostyle {

struct BilateralShape {
  int64_t batch = 0;
  int64_t grid_batch = 0;  // batch, or 1: one grid for all
  int64_t depth = 0;
  int64_t grid_height = 0;
  int64_t grid_width = 0;
  int64_t height = 0;
  int64_t width = 0;
  bool derivative = false;  // in z: of A by the guide, 0 where the guide is outside [0, 1]
  bool is_double = false;
};

struct BilateralSliceParams : BilateralShape {
  const void* grid = nullptr;      // [grid_batch, 12, depth, grid_height, grid_width], float or double
  const void* guide = nullptr;     // [batch, height, width], same type
  const void* image = nullptr;     // [batch, 3, height, width], same type
  const void* upstream = nullptr;  // [batch, 3, height, width], same type, or null: out is its product with the slice
  void* out = nullptr;             // [batch, 3, height, width], same type; with upstream [batch, height, width]
  std::byte* scratch = nullptr;    // bilateral_slice_scratch() bytes, 64-byte aligned
  bool transposed = false;         // out[j] = sum_c A[c][j] image[c]
  int threads = 1;
};

struct BilateralGridBackwardParams : BilateralShape {
  const void* upstream = nullptr;  // [batch, 3, height, width], float or double
  const void* guide = nullptr;     // [batch, height, width], same type
  const void* image = nullptr;     // [batch, 3, height, width], same type
  void* grad = nullptr;            // [grid_batch, 12, depth, grid_height, grid_width], same type
  std::byte* scratch = nullptr;    // bilateral_grid_backward_scratch() bytes, 64-byte aligned
  int threads = 1;
};

// ---- coordinates, for all backends

// A pixel along one axis: the vertex before it, and how far it is after that, 0 to 1. In units of 1 / (2 pixels) the
// position is (2 i + 1)(vertices - 1): nothing is rounded but the quotient. The last vertex is never `cell`, unless
// it is the only one.
struct GridPosition {
  int64_t cell;
  double fraction;
};

PHOTOSTYLE_GRID_INLINE int64_t grid_cells(int64_t vertices) { return vertices > 1 ? vertices - 1 : 1; }

PHOTOSTYLE_GRID_INLINE int64_t grid_cell(int64_t i, int64_t pixels, int64_t vertices) {
  return (2 * i + 1) * (vertices - 1) / (2 * pixels);
}

PHOTOSTYLE_GRID_INLINE GridPosition grid_position(int64_t i, int64_t pixels, int64_t vertices) {
  const int64_t cell = grid_cell(i, pixels, vertices), rest = (2 * i + 1) * (vertices - 1) - cell * 2 * pixels;
  return {cell, static_cast<double>(rest) / static_cast<double>(2 * pixels)};
}

// The first pixel that is in this cell or a later one; `pixels` for the cell after the last.
PHOTOSTYLE_GRID_INLINE int64_t grid_first(int64_t cell, int64_t pixels, int64_t vertices) {
  const int64_t cells = grid_cells(vertices);
  return (2 * pixels * cell + cells - 1) / cells / 2;
}

// The two levels that a pixel sees, `index` and the next, and their weights. The product of guide and depth is not
// rounded before the index is subtracted: with many levels little would be left of it.
template <typename T>
struct GridLevel {
  int index;
  T lower, upper;
};

template <typename T>
PHOTOSTYLE_GRID_INLINE GridLevel<T> grid_level(T guide, int depth, bool derivative) {
  const T top = static_cast<T>(depth - 1);
  const T inside = guide < T(0) ? T(0) : guide > T(1) ? T(1) : guide;  // NaN stays NaN
  const T z = inside * top;
  const int last = depth > 1 ? depth - 2 : 0;
  const int floor = z > T(0) ? static_cast<int>(z) : 0;  // NaN: 0
  const int index = floor < last ? floor : last;
#ifdef __CUDACC__
  const T fraction = fma(inside, top, -static_cast<T>(index));
#else
  const T fraction = static_cast<T>(static_cast<double>(inside) * static_cast<double>(top) - index);
#endif
  const T slope = inside == guide ? top : T(0);
  return {index, derivative ? -slope : T(1) - fraction, derivative ? slope : fraction};
}

// ---- how the CPU kernels cut a call, and their scratch

constexpr int64_t kBilateralWide = 16;    // 12 coefficients as 4 groups of 3 and a filler
constexpr int64_t kBilateralChunk = 64;   // pixels of a row that are staged together, and most terms of a float sum
constexpr int64_t kBilateralTasks = 128;  // of the backward pass, if every one then has
constexpr int64_t kBilateralWork = 8192;  // pixels

PHOTOSTYLE_GRID_INLINE int64_t bilateral_row_values(const BilateralShape& p) {
  return p.grid_width * p.depth * kBilateralWide;
}

// Offsets and fractions of the columns.
PHOTOSTYLE_GRID_INLINE int64_t bilateral_column_values(const BilateralShape& p) {
  return 2 * ((p.width + 15) / 16 * 16);
}

// Per thread: one row of the grid; per staged pixel an offset, 4 weights, 16 coefficients or products, 4 results.
PHOTOSTYLE_GRID_INLINE int64_t bilateral_thread_values(const BilateralShape& p) {
  return bilateral_row_values(p) + kBilateralChunk * (1 + 4 + kBilateralWide + 4);
}

// Parts into which the rows around one row of vertices are cut.
PHOTOSTYLE_GRID_INLINE int64_t bilateral_parts(const BilateralShape& p) {
  const int64_t rows = 2 * p.height / grid_cells(p.grid_height), most = rows * p.width / kBilateralWork;
  const int64_t wanted = (kBilateralTasks + p.grid_height - 1) / p.grid_height, limit = most < rows ? most : rows;
  const int64_t parts = wanted < limit ? wanted : limit;
  return parts > 1 ? parts : 1;
}

inline size_t bilateral_slice_scratch(const BilateralSliceParams& p) {
  const int64_t shared = p.grid_height * bilateral_row_values(p) + bilateral_column_values(p);
  const int64_t values = shared + p.threads * bilateral_thread_values(p);
  return static_cast<size_t>(values) * (p.is_double ? sizeof(double) : sizeof(float));
}

inline size_t bilateral_grid_backward_scratch(const BilateralGridBackwardParams& p) {
  const int64_t sums = p.grid_height * bilateral_parts(p) * bilateral_row_values(p);
  const int64_t values = bilateral_column_values(p) + p.threads * bilateral_thread_values(p);
  return static_cast<size_t>(sums) * sizeof(double) +
         static_cast<size_t>(values) * (p.is_double ? sizeof(double) : sizeof(float));
}

}  // namespace photostyle
