// Panels of features in shared memory, and other things that the CUDA kernels of masked_gram/params.h share.
#pragma once

#include <cstddef>
#include <cstring>

#include "common/cuda_fragments.h"
#include "common/cuda_launch.h"
#include "common/feature_types.cuh"
#include "common/integers.h"
#include "masked_gram/params.h"

namespace photostyle {
namespace cuda {
namespace gram {

constexpr int kTile = 64;               // rows and columns of the tile of sums
constexpr int kSlab = 8;                // the depth of one matrix fragment; pixels are skipped by slabs
constexpr int kSlabs = 4;               // slabs of one step
constexpr int kDepth = kSlabs * kSlab;  // pixels or channels over which a step sums
constexpr int kThreads = 128;
constexpr int64_t kMostBlocks = 0x7fffffff;  // blocks of a grid

// ---- types

template <typename F>
struct alignas(2 * sizeof(F)) Pair {
  F x, y;
};

// Writes a pair with one store.
template <typename F>
__device__ __forceinline__ void store(F* to, const Pair<F>& pair) {
  if constexpr (sizeof(F) == 4) {
    const uint64_t x = __float_as_uint(pair.x), y = __float_as_uint(pair.y);
    *reinterpret_cast<uint64_t*>(to) = y << 32 | x;
  } else if constexpr (sizeof(F) == 2) {
    unsigned bits;
    memcpy(&bits, &pair, sizeof(bits));
    *reinterpret_cast<unsigned*>(to) = bits;
  } else {
    *reinterpret_cast<Pair<F>*>(to) = pair;
  }
}

// ---- panels

// 64 rows of four slabs. The length of a row is 128 bytes or a multiple or divisor of it, so the same slab of
// different rows would lie in the same banks. swizzled() permutes the slabs of a row, which puts the values that the
// lanes of a warp read together into different banks. Rows 8 apart have the same order of slabs.
template <typename F>
using Panel = F[kTile][kSlabs][kSlab];

template <typename F>
__device__ __forceinline__ int swizzled(int row, int slab) {
  return slab ^ ((sizeof(F) == 2 ? row / 2 : row) & 3);
}

// The bytes that one copy may move, for rows of `pixels` elements that start at `base`: 16 if every row is aligned to
// that, else fewer.
inline int copy_bytes(const void* base, int64_t pixels, size_t element) {
  const uint64_t bits = reinterpret_cast<uintptr_t>(base) | (static_cast<uint64_t>(pixels) * element);
  if (bits % 16 == 0) return 16;
  return bits % 4 == 0 && element == 2 ? 4 : static_cast<int>(element);
}

// Copies kBytes from `from`, or writes zeros. Copies of 4 bytes and more are asynchronous.
template <int kBytes, typename F>
__device__ __forceinline__ void copy_piece(F* to, const F* from, bool live) {
  if constexpr (kBytes >= 4) {
    copy_async<kBytes>(to, from, live);
  } else if (live) {
    *to = *from;
  } else {
    narrow(0.0f, *to);
  }
}

__device__ __forceinline__ int pick(const int4& slabs, int i) {
  return i < 2 ? (i == 0 ? slabs.x : slabs.y) : (i == 2 ? slabs.z : slabs.w);
}

// panel[row][slab] = from[row * pixels + 8 slabs[slab] ...]; zeros past the last row and pixel and for slab -1.
template <int kBytes, typename F>
__device__ __forceinline__ void copy_panel(Panel<F>& panel, const F* from, int rows, const int4& slabs,
                                           int64_t pixels) {
  constexpr int kPiece = kBytes / sizeof(F), kPieces = kDepth / kPiece, kRows = kThreads / kPieces;
  const int tid = static_cast<int>(threadIdx.x), at = tid % kPieces * kPiece;
  const int slab = pick(slabs, at / kSlab);
  const int64_t pixel = static_cast<int64_t>(slab) * kSlab + at % kSlab;
  const bool live = slab >= 0 && pixel < pixels;
  const int first = tid / kPieces;
  const F* source = live ? from + first * pixels + pixel : from;
  const int64_t stride = live ? kRows * pixels : 0;
#pragma unroll
  for (int i = 0; i < kTile / kRows; ++i) {
    const int row = first + i * kRows;
    const bool here = live && row < rows;
    copy_piece<kBytes>(&panel[row][swizzled<F>(row, at / kSlab)][at % kSlab], here ? source : from, here);
    source += stride;
  }
}

// with_bytes() calls copy(Bytes<n>()) with the widest copy that `bytes` allows.
template <int kBytes>
struct Bytes {
  static constexpr int kValue = kBytes;
};
template <typename F, typename Copy>
__device__ __forceinline__ void with_bytes(int bytes, Copy copy) {
  if (bytes == 16) {
    copy(Bytes<16>());
  } else if (sizeof(F) == 2 && bytes == 2) {
    copy(Bytes<sizeof(F)>());
  } else {
    copy(Bytes<sizeof(F) == 8 ? 8 : 4>());
  }
}

// ---- on the host

inline size_t element_bytes(FeatureType type) {
  return type == FeatureType::kDouble ? 8 : type == FeatureType::kFloat ? 4 : 2;
}

// A place in scratch for `count` elements from byte `at`, which is moved behind it. Scratch may be null if only the
// bytes are counted.
template <typename T>
T* take(std::byte* scratch, size_t& at, int64_t count) {
  const uintptr_t place = reinterpret_cast<uintptr_t>(scratch) + at;
  at += round_up(static_cast<size_t>(count) * sizeof(T), kScratchAlign);
  return reinterpret_cast<T*>(place);
}

}  // namespace gram
}  // namespace cuda
}  // namespace photostyle
