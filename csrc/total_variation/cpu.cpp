// CPU side of total_variation/params.h. Compiled once per instruction set (dispatch/cpu_kernels.h).
//
// A task is a strip of rows of one channel. A vector holds neighbouring pixels of a row; those beside it and in the
// rows above and below are read from the cache.
#include "common/integers.h"
#include "common/simd.h"
#include "total_variation/params.h"

namespace photostyle {
namespace PHOTOSTYLE_ISA {
namespace {

constexpr int64_t kRows = 32;  // of a strip
constexpr int64_t kRun = 32;   // vectors of squares that are summed in the type of x
constexpr double kSquare = 255 * 255;

// The strips of a call, the same for any number of threads.
struct Strips {
  int64_t down, tasks;  // strips of one channel, and of all

  explicit Strips(const TotalVariationParams& p)
      : down(ceil_div(p.height, kRows)), tasks(p.batch * p.channels * down) {}
};

// One row of x, those above and below it, and where its gradient goes. Beyond the image a row is null.
template <typename T>
struct Row {
  const T* here;
  const T* above;
  const T* below;
  T* gradient;
  int64_t width;
};

// Writes the gradient of pixel j, and returns its squared differences.
template <typename T>
PHOTOSTYLE_INLINE T write_pixel(const Row<T>& row, int64_t j) {
  const T x = row.here[j];
  const bool right = j + 1 < row.width;
  T gradient = row.above && right ? x - row.above[j] : T(0);
  T energy = T(0);
  if (row.below) {
    if (j > 0) gradient += x - row.here[j - 1];
    if (right) {
      const T d = row.here[j + 1] - x, e = row.below[j] - x;
      gradient -= d + e;
      energy = d * d + e * e;
    }
  }
  row.gradient[j] = static_cast<T>(kSquare) * gradient;
  return energy;
}

// Writes the gradient of the pixels j and following, none of which is in the first or last column, and adds their
// squared differences to `energy`.
template <bool Above, bool Below, typename T>
PHOTOSTYLE_INLINE void write_vector(const Row<T>& row, int64_t j, Vec<T>& energy) {
  const Vec<T> x = load(row.here + j);
  Vec<T> gradient = Above ? x - load(row.above + j) : Vec<T>{};
  if (Below) {
    const Vec<T> d = load(row.here + j + 1) - x, e = load(row.below + j) - x;
    gradient += (x - load(row.here + j - 1)) - (d + e);
    energy += d * d + e * e;
  }
  store(row.gradient + j, static_cast<T>(kSquare) * gradient);
}

template <bool Above, bool Below, typename T>
double write_row(const Row<T>& row) {
  constexpr int L = kLanes<T>;
  double sum = write_pixel(row, 0);
  int64_t j = 1;
  while (j + L < row.width) {
    Vec<T> energy = {};
    const int64_t end = least(j + kRun * L, row.width - L);
    for (; j < end; j += L) write_vector<Above, Below>(row, j, energy);
    for (int i = 0; i < L; ++i) sum += energy[i];
  }
  for (; j < row.width; ++j) sum += write_pixel(row, j);
  return sum;
}

// Computes one strip and returns the sum of its squared differences.
template <typename T>
double run_task(const TotalVariationParams& p, const Strips& strips, int64_t task) {
  const int64_t plane = task / strips.down * p.height * p.width;
  const int64_t first = task % strips.down * kRows, end = least(first + kRows, p.height);
  double sum = 0.0;
  for (int64_t y = first; y < end; ++y) {
    const T* here = static_cast<const T*>(p.x) + plane + y * p.width;
    const bool above = y > 0, below = y + 1 < p.height;
    const Row<T> row = {here, above ? here - p.width : nullptr, below ? here + p.width : nullptr,
                        static_cast<T*>(p.gradient) + plane + y * p.width, p.width};
    if (above)
      sum += below ? write_row<true, true>(row) : write_row<true, false>(row);
    else
      sum += below ? write_row<false, true>(row) : write_row<false, false>(row);
  }
  return sum;
}

}  // namespace

size_t total_variation_scratch(const TotalVariationParams& p) {
  return sizeof(double) * static_cast<size_t>(Strips(p).tasks);
}

void total_variation(const TotalVariationParams& p) {
  const Strips strips(p);
  double* sums = reinterpret_cast<double*>(p.scratch);
#pragma omp parallel for schedule(static) num_threads(p.threads)
  for (int64_t task = 0; task < strips.tasks; ++task)
    sums[task] = p.is_double ? run_task<double>(p, strips, task) : run_task<float>(p, strips, task);
  const int64_t per_item = p.channels * strips.down;
  for (int64_t b = 0; b < p.batch; ++b) {
    double sum = 0.0;
    for (int64_t i = 0; i < per_item; ++i) sum += sums[b * per_item + i];
    const double energy = 0.5 * kSquare * sum;
    if (p.is_double)
      static_cast<double*>(p.energy)[b] = energy;
    else
      static_cast<float*>(p.energy)[b] = static_cast<float>(energy);
  }
}

}  // namespace PHOTOSTYLE_ISA
}  // namespace photostyle
