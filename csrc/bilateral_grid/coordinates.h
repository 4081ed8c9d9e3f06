// Where a pixel lies in a bilateral grid (bilateral_grid/params.h), the same on the CPU and on CUDA.
#pragma once

#include <cstdint>

#ifdef __CUDACC__
#define PHOTOSTYLE_GRID_INLINE static __host__ __device__ __forceinline__
#else
#define PHOTOSTYLE_GRID_INLINE static inline __attribute__((always_inline))
#endif

namespace photostyle {

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

}  // namespace photostyle
