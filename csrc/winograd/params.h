// Convolution of images with 3 x 3 kernels, stride 1 and zero padding 1, by minimal filtering (Winograd; Lavin, Gray:
// *Fast Algorithms for Convolutional Neural Networks*, CVPR 2016): F(4 x 4, 3 x 3) makes 4 x 4 outputs of 6 x 6
// inputs with 36 products where the definition takes 144. With the matrices of transforms.h, for every tile d of an
// image and tile m of products,
//
//     input:     v = Bt d B, 6 x 6
//     output:    y = At m A, 4 x 4
//
// and between both, m = sum over channels of u v for each of the 36 entries, which is a matrix product that is left
// to a library. A call handles `rows` rows of tiles, from `first` on; rows are numbered through the batch. Tiles are
// ordered by row and column, n = rows ceil(width / 4) of them. The launchers allocate nothing.
#pragma once

#include <cstddef>
#include <cstdint>

#include "common/fields.h"

namespace photostyle {

struct WinogradInputParams {
  const void* x = nullptr;     // [batch, channels, height, width], float or double
  const void* gate = nullptr;  // likewise, or null; x counts as zero where this is not positive
  void* tiles = nullptr;       // [36, channels, n]
  std::byte* scratch = nullptr;
  int64_t batch = 0;
  int64_t channels = 0;
  int64_t height = 0;
  int64_t width = 0;
  int64_t first = 0;
  int64_t rows = 0;
  bool is_double = false;
  int threads = 1;

  PHOTOSTYLE_FIELDS(x, gate, tiles, batch, channels, height, width, first, rows, is_double)
};

struct WinogradOutputParams {
  const void* tiles = nullptr;  // [36, channels, n], float or double
  const void* bias = nullptr;   // [channels], or null
  void* out = nullptr;          // [batch, channels, height, width]
  std::byte* scratch = nullptr;
  int64_t batch = 0;
  int64_t channels = 0;
  int64_t height = 0;
  int64_t width = 0;
  int64_t first = 0;
  int64_t rows = 0;
  bool relu = false;  // whether negative outputs become zero; NaN stays NaN
  bool is_double = false;
  int threads = 1;

  PHOTOSTYLE_FIELDS(tiles, bias, out, batch, channels, height, width, first, rows, relu, is_double)
};

}  // namespace photostyle
