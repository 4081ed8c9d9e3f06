// CPU side of winograd/params.h. Compiled once per instruction set (dispatch/cpu_kernels.h).
//
// A task is one row of tiles of one channel. Vectors hold neighbouring pixels of a row in the first, vertical pass of
// the input and neighbouring tiles elsewhere; between the two, a row of pixels is split by their column modulo 4, so
// that tiles are neighbours in memory.
#include "common/integers.h"
#include "common/simd.h"
#include "common/threads.h"
#include "winograd/params.h"
#include "winograd/transforms.h"

namespace photostyle {
namespace PHOTOSTYLE_ISA {
namespace {

constexpr int64_t kStep = 4, kSide = 6;  // pixels from tile to tile, and of a tile's side

// Vectors of four numbers serve rows of few tiles.
template <typename T>
struct Four {
  typedef T type __attribute__((vector_size(4 * sizeof(T))));
};

template <typename V, typename T>
PHOTOSTYLE_INLINE V read(const T* p) {
  V v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
template <typename V, typename T>
PHOTOSTYLE_INLINE void write(T* p, V v) {
  std::memcpy(p, &v, sizeof v);
}

// Calls step(j, V{}) for vectors V at j, j + lanes, ... up to `end`: long ones, then of four, then single numbers.
template <typename T, typename Step>
PHOTOSTYLE_INLINE void by_vectors(int64_t end, Step step) {
  int64_t j = 0;
  for (; j + kLanes<T> <= end; j += kLanes<T>) step(j, Vec<T>{});
  for (; j + 4 <= end; j += 4) step(j, typename Four<T>::type{});
  for (; j < end; ++j) step(j, T{});
}

// How a call's tiles lie.
template <typename Params>
struct Grid {
  int64_t down, across;  // tiles of an image
  int64_t n;             // tiles of the call
  int64_t tasks;

  explicit Grid(const Params& p)
      : down(ceil_div(p.height, kStep)),
        across(ceil_div(p.width, kStep)),
        n(p.rows * across),
        tasks(p.rows * p.channels) {}

  int64_t row(int64_t task, const Params& p) const { return p.first + task % p.rows; }
};

// Numbers of scratch memory that a thread needs: six rows of pixels split in four, and a row of zeros; or 16 rows of
// outputs.
template <typename Params>
int64_t numbers(const Params& p) {
  return round_up(16 * (ceil_div(p.width, kStep) + 1) + 6 * 4 * (ceil_div(p.width, kStep) + 1) + p.width,
                  int64_t(16));
}

template <typename T>
struct InputRows {
  const T* x[kSide];  // rows of pixels; zeros outside the image
  const T* gate[kSide];
};

// The vertical pass: six rows of `width` numbers at out, out + stride, ...
template <bool Gated, typename T>
void transform_columns(const InputRows<T>& rows, T* out, int64_t stride, int64_t width) {
  by_vectors<T>(width, [&](int64_t j, auto kind) {
    using V = decltype(kind);
    V d[kSide], v[kSide];
    for (int i = 0; i < kSide; ++i) {
      d[i] = read<V>(rows.x[i] + j);
      if (Gated) d[i] = read<V>(rows.gate[i] + j) > 0 ? d[i] : V{};
    }
    transform_input(d, v);
    for (int i = 0; i < kSide; ++i) write(out + i * stride + j, v[i]);
  });
}

// Splits a row: every fourth number, `count` of them, goes to each of four rows.
template <typename T>
void split(const T* __restrict row, T* __restrict out, int64_t count) {
  T* __restrict a = out, * __restrict b = out + count, * __restrict c = out + 2 * count, * __restrict d = out + 3 * count;
  for (int64_t t = 0; t < count; ++t) {
    a[t] = row[4 * t];
    b[t] = row[4 * t + 1];
    c[t] = row[4 * t + 2];
    d[t] = row[4 * t + 3];
  }
}

template <typename T>
void run_input(const WinogradInputParams& p, const Grid<WinogradInputParams>& grid, int64_t task, T* memory) {
  const int64_t row = grid.row(task, p), channel = task / p.rows;
  const int64_t plane = (row / grid.down * p.channels + channel) * p.height * p.width;
  const int64_t top = row % grid.down * kStep - 1, count = grid.across + 1, stride = 4 * count;
  T* const columns = memory;  // [6][stride], the first column is that left of the image
  T* const zeros = columns + kSide * stride;
  T* const parts = zeros + p.width;  // [4][count]
  InputRows<T> rows;
  for (int i = 0; i < kSide; ++i) {
    const bool inside = top + i >= 0 && top + i < p.height;
    const int64_t at = plane + (top + i) * p.width;
    rows.x[i] = inside ? static_cast<const T*>(p.x) + at : zeros;
    rows.gate[i] = inside && p.gate ? static_cast<const T*>(p.gate) + at : zeros;
  }
  for (int64_t j = 0; j < p.width; ++j) zeros[j] = T(0);
  if (p.gate)
    transform_columns<true>(rows, columns + 1, stride, p.width);
  else
    transform_columns<false>(rows, columns + 1, stride, p.width);

  T* const out = static_cast<T*>(p.tiles) + channel * grid.n + task % p.rows * grid.across;
  for (int i = 0; i < kSide; ++i) {
    T* const line = columns + i * stride;
    line[0] = T(0);
    for (int64_t j = p.width + 1; j < stride; ++j) line[j] = T(0);
    split(line, parts, count);
    by_vectors<T>(grid.across, [&](int64_t t, auto kind) {
      using V = decltype(kind);
      V v[kSide];
      const V d[kSide] = {read<V>(parts + t),
                          read<V>(parts + count + t),
                          read<V>(parts + 2 * count + t),
                          read<V>(parts + 3 * count + t),
                          read<V>(parts + t + 1),
                          read<V>(parts + count + t + 1)};
      transform_input(d, v);
      for (int j = 0; j < kSide; ++j) write(out + (kSide * i + j) * p.channels * grid.n + t, v[j]);
    });
  }
}

// The four rows of a row of tiles, each split by column modulo 4: [4][4][across].
template <typename T>
void transform_tiles(const T* in, int64_t entry, int64_t across, T* out) {
  by_vectors<T>(across, [&](int64_t t, auto kind) {
    using V = decltype(kind);
    V half[kStep][kSide];
    for (int j = 0; j < kSide; ++j) {
      V m[kSide], y[kStep];
      for (int i = 0; i < kSide; ++i) m[i] = read<V>(in + (kSide * i + j) * entry + t);
      transform_output(m, y);
      for (int i = 0; i < kStep; ++i) half[i][j] = y[i];
    }
    for (int i = 0; i < kStep; ++i) {
      V y[kStep];
      transform_output(half[i], y);
      for (int j = 0; j < kStep; ++j) write(out + (kStep * i + j) * across + t, y[j]);
    }
  });
}

template <bool Relu, typename T>
PHOTOSTYLE_INLINE T activate(T value) {
  return Relu && value < T(0) ? T(0) : value;
}

// The inverse of `split`, with bias.
template <bool Relu, typename T>
void join(const T* __restrict parts, int64_t across, T bias, T* __restrict out, int64_t width) {
  const T* __restrict a = parts, * __restrict b = a + across, * __restrict c = b + across, * __restrict d = c + across;
  const int64_t whole = width / 4;
  for (int64_t t = 0; t < whole; ++t) {
    out[4 * t] = activate<Relu>(a[t] + bias);
    out[4 * t + 1] = activate<Relu>(b[t] + bias);
    out[4 * t + 2] = activate<Relu>(c[t] + bias);
    out[4 * t + 3] = activate<Relu>(d[t] + bias);
  }
  for (int64_t j = 4 * whole; j < width; ++j) out[j] = activate<Relu>(parts[j % 4 * across + whole] + bias);
}

template <typename T>
void run_output(const WinogradOutputParams& p, const Grid<WinogradOutputParams>& grid, int64_t task, T* memory) {
  const int64_t row = grid.row(task, p), channel = task / p.rows;
  const T* const in = static_cast<const T*>(p.tiles) + channel * grid.n + task % p.rows * grid.across;
  transform_tiles(in, p.channels * grid.n, grid.across, memory);
  const T bias = p.bias ? static_cast<const T*>(p.bias)[channel] : T(0);
  const int64_t top = row % grid.down * kStep;
  T* const plane = static_cast<T*>(p.out) + (row / grid.down * p.channels + channel) * p.height * p.width;
  for (int64_t i = 0; i < least(kStep, p.height - top); ++i) {
    const T* const parts = memory + i * kStep * grid.across;
    if (p.relu)
      join<true>(parts, grid.across, bias, plane + (top + i) * p.width, p.width);
    else
      join<false>(parts, grid.across, bias, plane + (top + i) * p.width, p.width);
  }
}

template <typename Params>
size_t scratch_bytes(const Params& p) {
  return static_cast<size_t>(p.threads * numbers(p)) * (p.is_double ? sizeof(double) : sizeof(float));
}

// Calls run(grid, task, memory) for every task; the memory is the thread's own.
template <typename Params, typename Run>
void run_tasks(const Params& p, Run run) {
  const Grid<Params> grid(p);
  const auto call = [&](int64_t task, auto* memory) { run(grid, task, memory + thread_index() * numbers(p)); };
#pragma omp parallel for schedule(static) num_threads(p.threads)
  for (int64_t task = 0; task < grid.tasks; ++task)
    if (p.is_double)
      call(task, reinterpret_cast<double*>(p.scratch));
    else
      call(task, reinterpret_cast<float*>(p.scratch));
}

}  // namespace

size_t winograd_input_scratch(const WinogradInputParams& p) { return scratch_bytes(p); }

void winograd_input(const WinogradInputParams& p) {
  run_tasks(p, [&](const auto& grid, int64_t task, auto* memory) { run_input(p, grid, task, memory); });
}

size_t winograd_output_scratch(const WinogradOutputParams& p) { return scratch_bytes(p); }

void winograd_output(const WinogradOutputParams& p) {
  run_tasks(p, [&](const auto& grid, int64_t task, auto* memory) { run_output(p, grid, task, memory); });
}

}  // namespace PHOTOSTYLE_ISA
}  // namespace photostyle
