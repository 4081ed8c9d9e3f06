// S = D + D^T for the backward pass of masked_gram/params.h, padded with zeros to whole tiles of channels.
#pragma once

#include "masked_gram/panels.cuh"

namespace photostyle {
namespace cuda {
namespace gram {

constexpr int kSquare = 32;     // rows and columns of S of one block
constexpr int kSquareRows = 8;  // rows that it computes at once

template <typename Sum>
struct SquareShared {
  Sum mirrored[kSquare][kSquare + 1];
};

// A Write puts element `at` of matrix k of `size` elements where the kernel that reads S wants it.
template <typename Sum>
struct WriteSum {
  static __device__ __forceinline__ void write(void* to, int64_t k, int64_t size, int64_t at, Sum value) {
    static_cast<Sum*>(to)[k * size + at] = value;
  }
};

// S[i][j] = D[i][j] + D[j][i] for a 32x32 square; zero where i or j is not a channel. Grid: matrices x squares. A
// thread computes four elements. Sum: the type of D. `padded`: channels, rounded up to whole tiles.
template <typename Sum, typename Write>
__global__ void __launch_bounds__(kSquare* kSquareRows)
    add_transposed_kernel(const Sum* all, int64_t c, int64_t padded, void* to) {
  SquareShared<Sum>& shared = shared_memory<SquareShared<Sum>>();
  const int64_t squares = padded / kSquare, block = blockIdx.x, k = block / (squares * squares);
  const int64_t row0 = block / squares % squares * kSquare, column0 = block % squares * kSquare;
  const int x = static_cast<int>(threadIdx.x) % kSquare, y0 = static_cast<int>(threadIdx.x) / kSquare;
  const Sum* upstream = all + k * c * c;
  for (int y = y0; y < kSquare; y += kSquareRows) {
    const int64_t row = column0 + y, column = row0 + x;
    shared.mirrored[y][x] = row < c && column < c ? upstream[row * c + column] : Sum(0);
  }
  __syncthreads();
  for (int y = y0; y < kSquare; y += kSquareRows) {
    const bool live = row0 + y < c && column0 + x < c;
    const Sum value = live ? upstream[(row0 + y) * c + column0 + x] : Sum(0);
    Write::write(to, k, padded * padded, (row0 + y) * padded + column0 + x, value + shared.mirrored[x][y]);
  }
}

// Computes S of `matrices` matrices D of c x c.
template <typename Sum, typename Write>
cudaError_t add_transposed(const void* upstream, int64_t matrices, int64_t c, void* to, cudaStream_t stream) {
  const int64_t padded = round_up(c, kTile), squares = padded / kSquare, blocks = matrices * squares * squares;
  if (blocks == 0) return cudaSuccess;
  if (blocks > kMostBlocks) return cudaErrorInvalidConfiguration;
  return launch<SquareShared<Sum>>(add_transposed_kernel<Sum, Write>, dim3(static_cast<unsigned>(blocks)),
                                   dim3(kSquare * kSquareRows), stream, static_cast<const Sum*>(upstream), c, padded,
                                   to);
}

}  // namespace gram
}  // namespace cuda
}  // namespace photostyle
