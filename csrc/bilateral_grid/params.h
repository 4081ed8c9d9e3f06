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

#include "common/fields.h"

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

struct SliceBilateralGridParams : BilateralShape {
  const void* grid = nullptr;      // [grid_batch, 12, depth, grid_height, grid_width], float or double
  const void* guide = nullptr;     // [batch, height, width], same type
  const void* image = nullptr;     // [batch, 3, height, width], same type
  const void* upstream = nullptr;  // [batch, 3, height, width], same type, or null: out is its product with the slice
  void* out = nullptr;             // [batch, 3, height, width], same type; with upstream [batch, height, width]
  std::byte* scratch = nullptr;    // slice_bilateral_grid_scratch() bytes, 64-byte aligned
  bool transposed = false;         // out[j] = sum_c A[c][j] image[c]
  int threads = 1;

  PHOTOSTYLE_FIELDS(grid, guide, image, upstream, out, batch, grid_batch, depth, grid_height, grid_width, height,
                    width, derivative, is_double, transposed)
};

struct SliceBilateralGridBackwardGridParams : BilateralShape {
  const void* upstream = nullptr;  // [batch, 3, height, width], float or double
  const void* guide = nullptr;     // [batch, height, width], same type
  const void* image = nullptr;     // [batch, 3, height, width], same type
  void* grad = nullptr;            // [grid_batch, 12, depth, grid_height, grid_width], same type
  std::byte* scratch = nullptr;    // slice_bilateral_grid_backward_grid_scratch() bytes, 64-byte aligned
  int threads = 1;

  PHOTOSTYLE_FIELDS(upstream, guide, image, grad, batch, grid_batch, depth, grid_height, grid_width, height, width,
                    derivative, is_double)
};

}  // namespace photostyle
