// CPU side of lbfgs/params.h. Compiled once per instruction set (dispatch/cpu_kernels.h).
//
// Both passes over the pairs go through the elements in runs, whose parts of a few vectors stay in the cache while
// the rows of the pairs stream by. The first pass makes the products of all rows with y and g, the second the step.
#include "common/integers.h"
#include "common/simd.h"
#include "lbfgs/algebra.h"
#include "lbfgs/params.h"

namespace photostyle {
namespace PHOTOSTYLE_ISA {
namespace {

constexpr int64_t kRun = 2048;  // elements
constexpr int kSums = 4;        // vectors of sums, so that an addition need not wait for the one before
constexpr int kTogether = 4;    // rows that are added to the step in one pass over it

struct OneThread {
  template <typename F>
  void each(int64_t n, const F& f) const {
    for (int64_t i = 0; i < n; ++i) f(i);
  }
  template <typename F>
  void one(const F& f) const {
    f();
  }
};

// The scratch of a call: what the algebra needs, then for each run what it adds to with_y, with_g and sums.
struct Layout {
  int64_t used, runs, per_run;

  explicit Layout(const LbfgsParams& p)
      : used(p.used), runs(ceil_div(p.size, kRun)), per_run(4 * p.used + kLbfgsSums) {}
  int64_t doubles() const { return lbfgs_scratch_size(used) + runs * per_run; }
};

template <typename T>
struct Run {
  const T* x;
  const T* g;
  T* last_change;
  T* last_gradient;
  T* best_x;
  T* basis;  // its first row, at the run's first element
  int64_t length;

  Run(const LbfgsParams& p, int64_t index) {
    const int64_t first = index * kRun;
    x = static_cast<const T*>(p.x) + first;
    g = static_cast<const T*>(p.gradient) + first;
    last_change = static_cast<T*>(p.last_change) + first;
    last_gradient = static_cast<T*>(p.last_gradient) + first;
    best_x = static_cast<T*>(p.best_x) + first;
    basis = static_cast<T*>(p.basis) + first;
    length = least(kRun, p.size - first);
  }
  void difference(T* y) const {
    for (int64_t e = 0; e < length; ++e) y[e] = g[e] - last_gradient[e];
  }
};

template <typename T>
PHOTOSTYLE_INLINE double sum_of(const Vec<T> (&vectors)[kSums]) {
  double sum = 0.0;
  for (int k = 0; k < kSums; ++k)
    for (int i = 0; i < kLanes<T>; ++i) sum += vectors[k][i];
  return sum;
}

// The products of a with y and with g.
template <typename T>
PHOTOSTYLE_INLINE void multiply(const T* a, const T* y, const T* g, int64_t length, double& with_y, double& with_g) {
  constexpr int L = kLanes<T>;
  Vec<T> sums_y[kSums] = {}, sums_g[kSums] = {};
  int64_t e = 0;
  for (; e + kSums * L <= length; e += kSums * L)
    for (int k = 0; k < kSums; ++k) {
      const Vec<T> v = load(a + e + k * L);
      sums_y[k] += v * load(y + e + k * L);
      sums_g[k] += v * load(g + e + k * L);
    }
  with_y = sum_of<T>(sums_y);
  with_g = sum_of<T>(sums_g);
  for (; e < length; ++e) {
    with_y += static_cast<double>(a[e] * y[e]);
    with_g += static_cast<double>(a[e] * g[e]);
  }
}

template <typename T>
void multiply_run(const LbfgsParams& p, const Layout& layout, int64_t kept, int64_t index, double* out) {
  const Run<T> run(p, index);
  T y[kRun];
  run.difference(y);
  double* with_y = out;
  double* with_g = out + 2 * layout.used;
  double* sums = out + 4 * layout.used;
  for (int64_t i = 0; i < 2 * kept; ++i)
    multiply(run.basis + i * p.pitch, y, run.g, run.length, with_y[i], with_g[i]);
  for (int64_t i = 2 * kept; i < 2 * layout.used; ++i) with_y[i] = with_g[i] = 0.0;
  multiply(run.last_change, y, run.g, run.length, sums[kSY], sums[kSG]);
  multiply<T>(y, y, run.g, run.length, sums[kYY], sums[kYG]);
  double sum = 0.0;
  T largest = 0;
  for (int64_t e = 0; e < run.length; ++e) {
    const T size = run.g[e] < 0 ? -run.g[e] : run.g[e];
    sum += static_cast<double>(run.g[e]);
    largest = size > largest ? size : largest;
  }
  sums[kSumG] = sum;
  sums[kMaxG] = static_cast<double>(largest);
}

// The sums over all runs; with_y, with_g and sums follow each other in both.
void reduce(const Layout& layout, const double* parts, double* out) {
  for (int64_t i = 0; i < layout.per_run; ++i) out[i] = 0.0;
  const int64_t at_max = 4 * layout.used + kMaxG;
  for (int64_t run = 0; run < layout.runs; ++run) {
    const double* part = parts + run * layout.per_run;
    const double largest = part[at_max] > out[at_max] ? part[at_max] : out[at_max];
    for (int64_t i = 0; i < layout.per_run; ++i) out[i] += part[i];
    out[at_max] = largest;
  }
}

template <typename T>
void step_run(const LbfgsParams& p, const LbfgsScratch& s, int64_t kept, int64_t index) {
  const Run<T> run(p, index);
  T y[kRun], step[kRun];
  run.difference(y);
  const int64_t slot = static_cast<int64_t>(s.flags[1]);
  if (slot >= 0) {
    T* row = run.basis + 2 * slot * p.pitch;
    for (int64_t e = 0; e < run.length; ++e) row[e] = run.last_change[e];
    for (int64_t e = 0; e < run.length; ++e) row[p.pitch + e] = y[e];
  }
  const T scale = static_cast<T>(*s.scale);
  for (int64_t e = 0; e < run.length; ++e) step[e] = -scale * run.g[e];
  int64_t i = 0;
  for (; i + kTogether <= 2 * kept; i += kTogether) {
    const T* row = run.basis + i * p.pitch;
    T weight[kTogether];
    for (int k = 0; k < kTogether; ++k) weight[k] = static_cast<T>(s.weights[i + k]);
    for (int64_t e = 0; e < run.length; ++e)
      step[e] += (weight[0] * row[e] + weight[1] * row[p.pitch + e]) +
                 (weight[2] * row[2 * p.pitch + e] + weight[3] * row[3 * p.pitch + e]);
  }
  for (; i < 2 * kept; ++i) {
    const T* row = run.basis + i * p.pitch;
    const T weight = static_cast<T>(s.weights[i]);
    for (int64_t e = 0; e < run.length; ++e) step[e] += weight * row[e];
  }
  for (int64_t e = 0; e < run.length; ++e) run.last_change[e] = step[e];
  for (int64_t e = 0; e < run.length; ++e) run.last_gradient[e] = run.g[e];
  if (s.flags[0] != 0)
    for (int64_t e = 0; e < run.length; ++e) run.best_x[e] = run.x[e];
}

template <typename T>
void take_step(const LbfgsParams& p) {
  const Layout layout(p);
  double* doubles = reinterpret_cast<double*>(p.scratch);
  double* parts = doubles + lbfgs_scratch_size(layout.used);
  const LbfgsScratch s = make_lbfgs_scratch(doubles, layout.used);
  const double* numbers = static_cast<const double*>(p.numbers);
  const auto kept = [&] { return least(static_cast<int64_t>(numbers[kPairs]), layout.used); };
  const int64_t before = kept();
#pragma omp parallel for schedule(static) num_threads(p.threads)
  for (int64_t run = 0; run < layout.runs; ++run)
    multiply_run<T>(p, layout, before, run, parts + run * layout.per_run);
  reduce(layout, parts, s.with_y);
  lbfgs_algebra(p, s, OneThread());
  const int64_t after = kept();
#pragma omp parallel for schedule(static) num_threads(p.threads)
  for (int64_t run = 0; run < layout.runs; ++run) step_run<T>(p, s, after, run);
}

}  // namespace

size_t lbfgs_step_scratch(const LbfgsParams& p) { return sizeof(double) * static_cast<size_t>(Layout(p).doubles()); }

void lbfgs_step(const LbfgsParams& p) { p.is_double ? take_step<double>(p) : take_step<float>(p); }

}  // namespace PHOTOSTYLE_ISA
}  // namespace photostyle
